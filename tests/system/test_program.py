"""The program as its operator meets it: start, health, metrics format, end, and errors."""

import signal
import socket
import subprocess
import time

from netlab import Lab
from programs import LOSSGAZER
from system_test_case import SystemTestCase
from traffic import exchange


class Program(SystemTestCase):
    def assert_ends_with(self, status, arguments, *words):
        """lossgazer ends at once with this status and one line of error, which has these words."""
        command = self.lab.us.command(LOSSGAZER, *arguments)
        done = subprocess.run(
            command, text=True, capture_output=True, timeout=10, stdin=subprocess.DEVNULL
        )
        self.assertEqual(done.returncode, status, done.stderr)
        errors = [line for line in done.stderr.splitlines() if "level=info" not in line]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in words:
            self.assertIn(word, errors[0])

    def test_no_such_interface(self):
        self.assert_ends_with(1, ["-i", "nosuch0"], "nosuch0")

    def test_unknown_option(self):
        self.assert_ends_with(2, ["--nosuch"], "--nosuch")

    def test_bad_filter(self):
        self.assert_ends_with(2, ["-i", "us0", "tcp", "porth", "443"], "porth")

    def test_port_in_use(self):
        with self.lab.us.entered():
            taken = socket.create_server(("127.0.0.1", 10125))
        self.addCleanup(taken.close)
        address = "127.0.0.1:10125"
        self.assert_ends_with(1, ["-i", "us0", "--web.listen-address", address], address, "in use")

    def test_default_route_is_the_default_interface(self):
        lossgazer = self.start()
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        metrics = self.rest(lossgazer)
        self.assertGreater(metrics.sum("capture_packets_total", interface="us0"), 0)
        self.assertEqual(metrics.sum("capture_interface_up", interface="us0"), 1)

    def test_filter_narrows_the_capture(self):
        lossgazer = self.start("-i", "us0", "tcp", "port", "9")
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        metrics = self.rest(lossgazer)
        self.assertEqual(metrics.sum("packets_total"), 0)

    def test_sigterm_ends_it_on_a_quiet_interface(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                lossgazer = self.start("-i", "us0")
                time.sleep(1)  # nothing comes meanwhile
                began = time.monotonic()
                self.assertEqual(lossgazer.stop(how), 0, lossgazer.errors())
                self.assertLess(time.monotonic() - began, 1.5)

    def test_health(self):
        lossgazer = self.start("-i", "us0")
        self.assertEqual(lossgazer.get(lossgazer.port, "/-/healthy")[0], 200)
        self.assertEqual(lossgazer.get(lossgazer.port, "/-/ready")[0], 200)
        self.assertEqual(lossgazer.get(lossgazer.port, "/-/nosuch")[0], 404)
        self.assertEqual(lossgazer.get(lossgazer.port, "/")[0], 200)

    def test_promtool_finds_nothing_to_mend(self):
        lossgazer = self.start("-i", "us0")
        self.lab.lose_segments("us", per_mille=20)
        exchange(self.lab.us, Lab.PEER, 1_000_000, 1_000_000)
        exchange(self.lab.us, Lab.PEER_V6, 1_000, 1_000)
        self.rest(lossgazer)
        page = lossgazer.page()
        self.assertIn("lossgazer_lost_packets_total{", page)
        self.assert_promtool_is_content(page)
