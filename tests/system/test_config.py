"""Configuration as its operator meets it: checked by hand, and changed under traffic."""

import json
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from netlab import Lab
from programs import LOSSGAZER
from system_test_case import SystemTestCase
from traffic import REQUEST, connect, exchange, send_bytes

RELOADED = "config_last_reload_successful"
READ_AT = "config_last_reload_success_timestamp_seconds"


class Config(SystemTestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name, "lossgazer.yaml")

    def reload(self, lossgazer, text):
        """Writes the file, sends SIGHUP, and waits until it was read; returns the metrics."""
        before = lossgazer.metrics()
        self.file.write_text(text)
        lossgazer.process.send_signal(signal.SIGHUP)

        def was_read():
            metrics = lossgazer.metrics()
            good = metrics.sum(RELOADED) == 1 and metrics.sum(READ_AT) > before.sum(READ_AT)
            return good and metrics

        return lossgazer.wait_until(was_read, "the configuration being read")

    def reload_badly(self, lossgazer, text):
        self.file.write_text(text)
        lossgazer.process.send_signal(signal.SIGHUP)
        lossgazer.wait_until(
            lambda: lossgazer.metrics().sum(RELOADED) == 0, "the configuration being refused"
        )

    def check(self, text):
        """(status, output, errors) of check-config."""
        self.file.write_text(text)
        done = subprocess.run(
            [LOSSGAZER, "check-config", self.file], text=True, capture_output=True, timeout=10
        )
        return done.returncode, done.stdout, done.stderr

    def test_check_config(self):
        good = self.check("peers: {max: 5, exclude: [10.0.0.0/8]}\ncapture.filter: port 443\n")
        self.assertEqual(good[::2], (0, ""))
        self.assertIn("good\n", good[1])
        self.assertIn("peers.max = 5 (default: 1000)", good[1])
        status, output, errors = self.check("peers: {mx: 5}\nlog.level: loud\n")
        self.assertEqual((status, output), (2, ""))
        lines = errors.splitlines()
        self.assertEqual(len(lines), 2, errors)
        self.assertTrue(all(line.startswith(f"lossgazer: {self.file}:") for line in lines), errors)

    def test_a_bad_file_ends_it_at_the_start(self):
        self.file.write_text("peers: {mx: 5}\n")
        command = self.lab.us.command(LOSSGAZER, "-i", "us0", "--config.file", self.file)
        done = subprocess.run(command, text=True, capture_output=True, timeout=10)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}:1: peers.mx: no such option; is it peers.max?", done.stderr)

    def test_reload_under_traffic(self):
        self.file.write_text("capture.interface: us0\npeers.max: 500\n")
        lossgazer = self.start("--config.file", self.file)
        self.assertEqual(lossgazer.metrics().sum("peer_limit"), 500)
        self.assertEqual(lossgazer.metrics().sum(RELOADED), 1)
        steady = connect(self.lab.us, Lab.PEER)
        self.addCleanup(steady.close)
        sent = 400_000
        steady.sendall(REQUEST.pack(10 * sent, 0))

        # One flow stays open throughout, and no counter of its peer ever goes down.
        seen, fell, watching = {}, [], True

        def watch():
            while watching:
                metrics = lossgazer.metrics()
                for key, value in metrics.items():
                    if not key[0].endswith("_total") or key[0].startswith("process"):
                        continue
                    if value < seen.get(key, 0):
                        fell.append((key, seen[key], value))
                    seen[key] = value
                if any(key not in metrics for key in seen):
                    fell.append("a series ended")

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for round_ in range(5):
                send_bytes(steady, sent)
                metrics = self.reload(
                    lossgazer, f"capture.interface: us0\npeers.max: {600 + round_}\n"
                )
                self.assertEqual(metrics.sum("peer_limit"), 600 + round_)
            for _ in range(300):  # a storm
                lossgazer.process.send_signal(signal.SIGHUP)
            send_bytes(steady, sent)
            self.reload_badly(lossgazer, "peers.max: 0\nno.such: 1\n")
            self.assertEqual(lossgazer.metrics().sum("peer_limit"), 604, "the old one stays")
            self.assertEqual(lossgazer.get(lossgazer.port, "/-/ready")[0], 200)
            send_bytes(steady, sent)
            # Peers that are not counted any more; but the flow already known is.
            metrics = self.reload(
                lossgazer,
                "capture: {interface: us0, buffer: 4MiB}\n"
                f"peers.exclude: ['{Lab.PEER}', '{Lab.PEER_V6}']\n",
            )
            self.assertEqual(metrics.sum("peer_limit"), 1000, "the default again")

            def excluded():
                exchange(self.lab.us, Lab.PEER_V6, 0, 0)
                return lossgazer.metrics().sum("capture_ignored_packets_total", reason="excluded")

            lossgazer.wait_until(excluded, "the exclusion")
            send_bytes(steady, 3 * sent)
        finally:
            watching = False
            watcher.join()
        steady.close()
        metrics = self.rest(lossgazer)

        self.assertEqual(fell, [])
        egress = {"peer": Lab.PEER, "direction": "egress"}
        self.assertEqual(
            metrics.sum("payload_bytes_total", **egress)
            - metrics.sum("retransmitted_bytes_total", **egress),
            10 * sent + REQUEST.size,
        )
        for reason in ("evicted", "idle"):
            self.assertEqual(metrics.sum("flows_expired_total", reason=reason), 0)
        self._assert_log_tells(lossgazer)

    def _assert_log_tells(self, lossgazer):
        log = lossgazer.errors()
        self.assertIn(f"{self.file}:1: peers.max 0: not a whole number", log)
        self.assertIn(f"{self.file}:2: no.such: no such option", log)
        self.assertEqual(log.count("takes a restart"), 1, log)
        self.assertIn("capture.buffer=4MiB", log)
        self.assertLess(len(log.splitlines()), 60, "a storm fills no log")

    def test_what_is_ours_can_change(self):
        self.file.write_text("local: 203.0.113.0/24\n")
        lossgazer = self.start("-i", "us0", "--config.file", self.file)
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        self.assertEqual(self.rest(lossgazer).sum("packets_total"), 0)
        self.reload(lossgazer, f"local: {Lab.US}/24\n")

        def counted():
            exchange(self.lab.us, Lab.PEER, 1000, 1000)
            return lossgazer.metrics().select("packets_total", peer=Lab.PEER)

        lossgazer.wait_until(counted, "the peer of our new ends")

    def test_log_level_and_format_can_change(self):
        self.file.write_text("log: {level: error}\n")
        lossgazer = self.start("-i", "us0", "--config.file", self.file)
        self.assertEqual(lossgazer.errors(), "", "nothing below error")
        self.reload(lossgazer, "log: {level: debug, format: json}\n")
        lossgazer.wait_until(lambda: "in force now" in lossgazer.errors(), "the log")
        for line in lossgazer.errors().splitlines():
            self.assertEqual(set(json.loads(line)), {"time", "level", "msg"})

    def test_the_start_is_told(self):
        self.file.write_text("peers.max: 500\n")
        lossgazer = self.start("-i", "us0", "--config.file", self.file)
        log = lossgazer.errors()
        self.assertIn("lossgazer 0", log)
        self.assertIn("capture.interface=us0 (command line)", log)
        self.assertIn(f"peers.max=500 ({self.file}:1)", log)
        self.assertNotIn("flows.max", log)
