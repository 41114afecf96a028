"""The kernel's own word: its TCP counters, how ours agree with them, and them alone."""

import json
import re
import signal
import tempfile
import time

from browser import Browser
from netlab import Lab, run, wait_until
from programs import LOSSGAZER, Lossgazer
from system_test_case import SystemTestCase
from traffic import exchange, mixed

NOBODY = "65534"
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
HELP = re.compile(r"# HELP lossgazer_(kernel_\w+) .*The kernel's Tcp(?:Ext)?(\w+), of this")


class KernelCounters(SystemTestCase):
    def test_they_are_those_of_this_namespace(self):
        lossgazer = self.start("-i", "us0")
        self.lab.lose_segments("us", per_mille=30)
        mixed(self.lab.us, Lab.PEER, 2_000_000, 500_000)
        self.rest(lossgazer)
        before = self.lab.us.kernel_counters()
        page, metrics = lossgazer.page(), lossgazer.metrics()
        after = self.lab.us.kernel_counters()

        names = dict(HELP.findall(page))
        self.assertGreater(len(names), 20)
        for metric, name in names.items():
            self.assertGreaterEqual(metrics.sum(metric), before[name], metric)
            self.assertLessEqual(metrics.sum(metric), after[name], metric)
        self.assertEqual(names["kernel_retransmitted_segments_total"], "RetransSegs")
        self.assertGreater(metrics.sum("kernel_retransmitted_segments_total"), 20)
        self.assertGreater(metrics.sum("kernel_fast_retransmissions_total"), 0)


class Agreement(SystemTestCase):
    def ratios(self, lossgazers):
        found = []
        for lossgazer in lossgazers:
            values = lossgazer.metrics().select("kernel_agreement_ratio").values()
            found.append(next(iter(values), None))
        return found

    def test_it_is_told_where_all_is_captured_alone(self):
        # mid sends in its own name what us sends, and its kernel sends none of it again.
        rules = "table ip nat {chain out {type nat hook postrouting priority 100; masquerade;};}"
        run(*self.lab.mid.command("nft", rules))
        self.addCleanup(run, *self.lab.mid.command("nft", "delete table ip nat"))
        gateway = Lossgazer(self.lab.mid, "-i", "any")
        self.addCleanup(gateway.stop)
        config = tempfile.NamedTemporaryFile("w", suffix=".yml")
        self.addCleanup(config.close)
        print("capture.interface: us0", file=config, flush=True)
        whole = [self.start("--config.file", config.name), self.start("-i", "any", port=10120)]
        parts = [
            self.start("-i", "us0", "tcp", "port", "5201", port=10121),  # knows of no other ports
            self.start("-i", "lo", port=10122),
            self.start("-i", "us0", "--local", Lab.US, port=10123),
        ]
        time.sleep(20)  # what was sent before they looked is left out
        self.lab.lose_segments("us", per_mille=50)
        mixed(self.lab.us, Lab.PEER, 4_000_000, 500_000)
        mixed(self.lab.us, Lab.PEER_V6, 4_000_000, 500_000)
        metrics = self.rest(whole[0])
        self.assertGreater(self.kernel("RetransSegs"), 200)
        self.assert_near(
            metrics.sum("retransmitted_segments_total", direction="egress"),
            self.kernel("RetransSegs"),
            "retransmissions",
        )

        told = wait_until(lambda: None not in self.ratios(whole) and self.ratios(whole), "it", 60)
        for ratio in told:
            self.assertAlmostEqual(ratio, 1, delta=0.05)
        self.assertEqual(set(self.ratios([*parts, gateway])), {None})
        print(f"local: {Lab.US}", file=config, flush=True)
        whole[0].process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.ratios(whole[:1]) == [None], "the reload to take the ratio away")

        as_ours = {"direction": "egress", "peer": Lab.PEER}
        self.assertGreater(gateway.metrics().sum("retransmitted_segments_total", **as_ours), 50)
        for lossgazer, why in zip(parts, ("capture.filter", None, "local")):
            said = f"no kernel_agreement_ratio: with {why}"
            self.assertEqual(said in lossgazer.errors(), why is not None, lossgazer.errors())


class NoCapture(SystemTestCase):
    """`--capture.interface none`."""

    def test_the_kernels_counters_alone_take_no_privilege(self):
        lossgazer = self.start("-i", "none", program=(*AS_NOBODY, "--bounding-set=-all", LOSSGAZER))
        self.lab.lose_segments("us", per_mille=50)
        exchange(self.lab.us, Lab.PEER, 1_000_000, 1000)
        metrics = lossgazer.metrics()
        self.assertGreater(metrics.sum("kernel_retransmitted_segments_total"), 0)
        self.assertEqual(
            metrics.sum("kernel_retransmitted_segments_total"),
            self.lab.us.kernel_counters()["RetransSegs"],
        )
        page = lossgazer.page()
        self.assertNotIn("lossgazer_packets_total", page)
        self.assertNotIn("agreement", page)
        self.assertNotIn("lossgazer_capture_", page)
        self.assertIn("lossgazer_build_info{", page)
        self.assert_promtool_is_content(page)

        status, text = lossgazer.get(lossgazer.port, "/api/v1/peers")
        self.assertEqual(status, 200)
        board = json.loads(text)
        self.assertEqual((board["peers"], board["capture"]["interfaces"]), ([], []))
        self.assertTrue(board["capture"]["ready"])
        self.assertIn("captures nothing", lossgazer.errors())
        self.assertNotIn("level=warning", lossgazer.errors())
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_the_page_says_that_nothing_is_captured(self):

        lossgazer = self.start("-i", "none")
        browser = Browser(self.lab.us)
        self.addCleanup(browser.stop)
        browser.open(f"http://127.0.0.1:{lossgazer.port}")

        def shown(name):
            return browser.script(f"return document.getElementById('{name}').textContent")

        wait_until(lambda: shown("headline") == "Nothing is captured", "the headline", 15)
        self.assertIn("--capture.interface none", shown("health-line"))
        self.assertEqual(shown("health-sign"), "OK")
