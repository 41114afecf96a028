"""The report of a capture file, against lossgazer's own live counters for the same traffic."""

import json
import subprocess
import tempfile
from pathlib import Path

from netlab import Lab
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

# Of 64 bytes of every packet these are told as well as of lossgazer's own view.
SAME_AT_64 = ("packets", "data_segments", "payload_bytes", "retransmitted_segments", "resets")


class Report(SystemTestCase):
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

    def test_report_tells_what_live_counters_tell(self):
        short, short_file = self.capture(64)
        long, long_file = self.capture(128)
        lossgazer = self.start("-i", "us0")
        self.lab.lose_segments("us", per_mille=20)
        self.lab.lose_payload("peer", per_mille=20)
        mixed(self.lab.us, Lab.PEER, 4_000_000, 4_000_000)
        live = self.rest(lossgazer)
        short.finish()
        long.finish()
        lost = {"egress": self.lab.lost("us"), "ingress": self.lab.lost("peer")}
        self.assertGreater(min(lost.values()), 20)

        report, rows = self.report(long_file)
        captured = report["capture"]["packets"] - sum(report["capture"]["unparsed"].values())
        self.assertEqual(captured, live.sum("packets_total"))
        for direction, row in rows.items():
            labels = {"peer": Lab.PEER, "direction": direction}
            self.assertEqual(set(row), PLAIN | set(NESTED))
            # Live, time passes without packets too: a repeat may settle before its answer.
            for key in PLAIN - {"peer", "direction", "unanswered_segments"}:
                self.assertEqual(row[key], live.sum(f"{key}_total", **labels), f"{direction} {key}")
            for key, (label, inner) in NESTED.items():
                self.assertEqual(set(row[key]), inner, key)
                metric = key.removesuffix("_by_method") + "_total"
                for value, count in row[key].items() if label else ():
                    told = live.sum(metric, **labels, **{label: value})
                    self.assertEqual(count, told, f"{direction} {key} {value}")
            self.assert_near(row["lost_packets"]["peer"], lost[direction], f"{direction} lost")

        _, rows = self.report(short_file)
        for direction, row in rows.items():
            labels = {"peer": Lab.PEER, "direction": direction}
            for key in SAME_AT_64:
                self.assertEqual(row[key], live.sum(f"{key}_total", **labels), f"{direction} {key}")
