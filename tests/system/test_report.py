"""The report of a capture file, against lossgazer's own live counters for the same traffic."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from live_view import cut_to_live_view
from netlab import Lab, one_processor
from programs import LOSSGAZER, Tcpdump
from system_test_case import SystemTestCase
from traffic import mixed

# The contract: what a row of peers has. What is nested has the labels of the metric as keys.
PLAIN = set(
    """peer direction packets data_segments payload_bytes unanswered_segments census_packets
    retransmitted_segments retransmitted_bytes spurious_retransmissions reordered_segments
    duplicate_packets duplicate_acks zero_windows resets ecn_ce_packets unseen_bytes""".split()
)
NESTED = {
    "lost_packets": ("side", {"peer", "local"}),
    "lost_packets_by_method": ("method", {"census", "sequence"}),
    "handshake_retransmissions": ("handshake", {"syn", "syn_ack"}),
    "connections": ("outcome", {"opened", "refused", "timeout"}),
    "rtt_seconds": (None, {"sum", "count"}),
}
# What rests on no time. Two captures stamp what comes in by themselves, and a verdict may fall the
# other way where a few microseconds decide; tests/lab/live.py holds all of it to equality.
TIMELESS = {"packets", "data_segments", "payload_bytes", "zero_windows", "resets", "ecn_ce_packets"}
TIMELESS |= {"handshake_retransmissions", "connections"}
APART = 2  # packets

# Of what Wireshark names a packet, the strongest first.
TSHARK_NAMES = """keep_alive zero_window_probe fast_retransmission out_of_order
    spurious_retransmission retransmission""".split()

# Of 64 bytes of every packet these are told as well as of lossgazer's own view.
SAME_AT_64 = ("packets", "data_segments", "payload_bytes", "retransmitted_segments", "resets")


class Report(SystemTestCase):
    @classmethod
    def setUpClass(cls):
        with one_processor():
            super().setUpClass()

    def capture(self, snaplen):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name, "lossy.pcap")
        tcpdump = Tcpdump(self.lab.us, "us0", file, snaplen)
        self.addCleanup(tcpdump.stop)
        return tcpdump, file

    def report(self, file):
        """The report's JSON, and its rows by direction: one peer, both directions."""
        done = subprocess.run(
            [LOSSGAZER, "report", "--format", "json", "--local", "192.0.2.0/24", str(file)],
            **{"text": True, "capture_output": True, "timeout": 60},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual({row["peer"] for row in report["peers"]}, {Lab.PEER})
        rows = {row["direction"]: row for row in report["peers"]}
        self.assertEqual((set(rows), len(report["peers"])), ({"egress", "ingress"}, 2))
        return report, rows

    def explain(self, file, frame):
        done = subprocess.run(
            [LOSSGAZER, "report", "--explain", str(frame), str(file)],
            **{"text": True, "capture_output": True, "timeout": 60},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def compare_with_tshark(self, file):
        """What an explanation says of Wireshark's rule is what tshark says."""
        if shutil.which("tshark") is None:
            return
        fields = [word for name in TSHARK_NAMES for word in ("-e", f"tcp.analysis.{name}")]
        output = subprocess.run(
            ["tshark", "-n", "-r", file, "-Y", "tcp.analysis.flags", "-T", "fields"]
            + ["-e", "frame.number", *fields],
            **{"text": True, "capture_output": True, "timeout": 120, "check": True},
        ).stdout
        told = {name: [] for name in TSHARK_NAMES}
        for frame, *flags in (line.split("\t") for line in output.splitlines()):
            name = next((name for name, flag in zip(TSHARK_NAMES, flags) if flag), None)
            if name:
                told[name].append(int(frame))
        self.assertGreater(sum(map(len, told.values())), 20, told)
        for name, frames in told.items():
            for frame in frames[:5]:
                self.assertIn(f"It calls this tcp.analysis.{name}.\n", self.explain(file, frame))

    def assert_same(self, key, reported, live, what):
        apart = 0 if key in TIMELESS else APART * (1448 if key.endswith("bytes") else 1)
        self.assertAlmostEqual(reported, live, delta=apart, msg=what)

    def test_report_tells_what_live_counters_tell(self):
        short, short_file = self.capture(64)
        long, long_file = self.capture(128)
        lossgazer = self.start("-i", "us0")
        self.lab.lose_segments("us", per_mille=20)
        self.lab.lose_payload("peer", per_mille=20)
        with one_processor():
            mixed(self.lab.us, Lab.PEER, 4_000_000, 4_000_000)
        live = self.rest(lossgazer)
        short.finish()
        long.finish()
        lost = {"egress": self.lab.lost("us"), "ingress": self.lab.lost("peer")}
        self.assertGreater(min(lost.values()), 20)

        view_file = long_file.with_name("view.pcap")
        cut_to_live_view(long_file, view_file)
        report, rows = self.report(view_file)
        captured = report["capture"]["packets"] - sum(report["capture"]["unparsed"].values())
        self.assertEqual(captured, live.sum("packets_total"))
        for direction, row in rows.items():
            labels = {"peer": Lab.PEER, "direction": direction}
            self.assertEqual(set(row), PLAIN | set(NESTED))
            for key in PLAIN - {"peer", "direction"}:
                told = live.sum(f"{key}_total", **labels)
                self.assert_same(key, row[key], told, f"{direction} {key}")
            for key, (label, inner) in NESTED.items():
                self.assertEqual(set(row[key]), inner, key)
                metric = key.removesuffix("_by_method") + "_total"
                for value, count in row[key].items() if label else ():
                    told = live.sum(metric, **labels, **{label: value})
                    self.assert_same(key, count, told, f"{direction} {key} {value}")
            self.assert_near(row["lost_packets"]["peer"], lost[direction], f"{direction} lost")

        self.compare_with_tshark(long_file)

        _, rows = self.report(short_file)
        for direction, row in rows.items():
            labels = {"peer": Lab.PEER, "direction": direction}
            for key in SAME_AT_64:
                self.assertEqual(row[key], live.sum(f"{key}_total", **labels), f"{direction} {key}")
