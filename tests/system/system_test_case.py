"""What the system tests share: a lab, programs that end with the test, and waiting for rest."""

import subprocess
import time
import unittest

from netlab import Lab, wait_until
from programs import Lossgazer, Prometheus, find_tool
from traffic import Server


class SystemTestCase(unittest.TestCase):
    """A lab for each class, with a server at the peer; mid loses nothing until a test says so."""

    BRIDGED = False

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.BRIDGED)
        cls.addClassCleanup(cls.lab.remove)
        cls.server = Server(cls.lab.peer)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.lab.heal()
        self._kernel_before = self.lab.us.kernel_counters()

    def start(self, *arguments, **keywords):
        """lossgazer in us, ready."""
        lossgazer = Lossgazer(self.lab.us, *arguments, **keywords)
        self.addCleanup(lossgazer.stop)
        return lossgazer

    def start_prometheus(self, **keywords):
        prometheus = Prometheus(self.lab.us, **keywords)
        self.addCleanup(prometheus.stop)
        return prometheus

    def kernel(self, name):
        """How much a TCP counter of us's kernel moved during this test."""
        return self.lab.us.kernel_counters()[name] - self._kernel_before[name]

    def rest(self, lossgazer):
        """Waits until connections are closed and peer counters stand still; returns the metrics.

        Then every frame captured is accounted for.
        """
        return rest(lossgazer, (self.lab.us, self.lab.peer))

    def assert_promtool_is_content(self, page):
        """`promtool check metrics` finds nothing to mend."""
        done = subprocess.run(
            [find_tool("promtool"), "check", "metrics"],
            **{"input": page, "text": True, "capture_output": True, "timeout": 10},
        )
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def assert_near(self, value, truth, what):
        """Equal but for 10 %, or for 4 packets where that is more: lost tails leave no hole."""
        self.assertAlmostEqual(value, truth, delta=max(4, 0.1 * truth), msg=what)


def rest(lossgazer, hosts):
    """Waits until the hosts' connections are closed and peer counters stand still; the metrics."""
    wait_until(
        lambda: sum(host.open_connections() for host in hosts) == 0,
        "all connections to close",
        seconds=60,
    )
    last, still_since = None, time.monotonic()

    def stand_still():
        nonlocal last, still_since
        metrics = lossgazer.metrics()
        now = {key: value for key, value in metrics.items() if "peer" in dict(key[1])}
        if now != last:
            last, still_since = now, time.monotonic()
        return time.monotonic() - still_since > 3 and not unaccounted(metrics) and metrics

    try:
        return wait_until(stand_still, "the counters to stand still", 30, interval=0.4)
    except TimeoutError as error:
        frames = unaccounted(lossgazer.metrics())
        raise AssertionError(f"{error}; frames captured, and accounted for: {frames}") from None


def unaccounted(metrics):
    """Interfaces with frames neither judged nor ignored, unparsed or dropped by us.

    Returns a list of (interface, captured, accounted for).
    """
    found = []
    for (_, labels), captured in metrics.select("capture_packets_total").items():
        interface = dict(labels)["interface"]
        accounted = sum(
            metrics.sum(f"capture_{fate}_packets_total", interface=interface)
            for fate in ("judged", "ignored", "unparsed")
        ) + sum(
            metrics.sum("capture_dropped_packets_total", interface=interface, stage=stage)
            for stage in ("queue", "flow_table")
        )
        if captured != accounted:
            found.append((interface, captured, accounted))
    return found
