"""lossgazer's own misses: its ring overflows on purpose, and nothing of that is called loss.

Each frame is accounted for all the same.
"""

import signal
import threading
import time

from frames import SYN, Injector, frame, tcp_segment
from netlab import Lab
from system_test_case import SystemTestCase
from traffic import mixed

MEGABYTE = 1_000_000
NEVER_BY_OUR_MISS = (
    "lost_packets_total",
    "retransmitted_segments_total",
    "retransmitted_bytes_total",
    "spurious_retransmissions_total",
    "reordered_segments_total",
    "duplicate_packets_total",
)


class Pauses:
    """Meanwhile a program is stopped again and again, and its ring, which nobody reads, overflows."""

    def __init__(self, process, seconds=0.25):
        self._process, self._seconds = process, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(self._seconds):
            self._process.send_signal(signal.SIGSTOP)
            time.sleep(self._seconds)
            self._process.send_signal(signal.SIGCONT)


class Starved(SystemTestCase):
    def starve(self):
        """Traffic past a lossgazer that misses much of it; its metrics when all rests."""
        lossgazer = self.start("-i", "us0", "-B", "256KiB")
        self.addCleanup(lossgazer.process.send_signal, signal.SIGCONT)
        with Pauses(lossgazer.process):
            mixed(self.lab.us, Lab.PEER, 12 * MEGABYTE, 12 * MEGABYTE, short_connections=20)
        metrics = self.rest(lossgazer)
        missed = metrics.sum("capture_dropped_packets_total", interface="us0", stage="kernel")
        self.assertGreater(missed, 100, "the ring was to overflow")
        self.assertGreater(metrics.sum("unseen_bytes_total", peer=Lab.PEER), 0)
        return metrics

    def test_clean_path(self):
        metrics = self.starve()
        self.assertEqual(
            self.kernel("RetransSegs"), 0, "the path was to be clean, but the kernel sent again"
        )
        for counter in NEVER_BY_OUR_MISS:
            self.assertEqual(metrics.sum(counter, peer=Lab.PEER), 0, counter)

    def test_lossy_path(self):
        self.lab.lose_segments("us", per_mille=10)
        self.lab.lose_segments("peer", per_mille=10)
        metrics = self.starve()
        for direction, source in (("egress", "us"), ("ingress", "peer")):
            lost = metrics.sum("lost_packets_total", peer=Lab.PEER, direction=direction)
            self.assertLessEqual(lost, self.lab.lost(source), f"{direction}: no more than were lost")
            for side in ("local",):
                self.assertEqual(
                    metrics.sum(
                        "lost_packets_total", peer=Lab.PEER, direction=direction, side=side
                    ),
                    0,
                    f"{direction} {side}",
                )


class Accounting(SystemTestCase):
    FRAMES = 40_000

    def test_every_frame_under_a_flood_of_attempts(self):
        """A known number of frames, more than ring and flow table have room for."""
        lossgazer = self.start(
            *("-i", "us0", "-B", "256KiB", "--flows.max", "1000", "--local", "203.0.113.0/24")
        )
        self.addCleanup(lossgazer.process.send_signal, signal.SIGCONT)
        injector = Injector(self.lab.mid, "mid0")
        us = Injector(self.lab.us, "us0")
        self.addCleanup(injector.close)
        self.addCleanup(us.close)
        frames = [
            frame(
                injector.mac,
                us.mac,
                tcp_segment(
                    (f"198.18.{i >> 8 & 255}.{i & 255}", 1024 + i // 65536),
                    # Not us's: nobody answers.
                    ("203.0.113.7", 443),
                    *(SYN, i, 0),
                    ip_id=i & 0xFFFF,
                ),
            )
            for i in range(self.FRAMES)
        ]
        with Pauses(lossgazer.process):
            for one in frames:
                injector.send(one)
        metrics = self.rest(lossgazer)
        dropped = {
            stage: metrics.sum("capture_dropped_packets_total", interface="us0", stage=stage)
            for stage in ("interface", "kernel")
        }
        captured = metrics.sum("capture_packets_total", interface="us0")
        self.assertGreater(dropped["kernel"], 100, "the ring was to overflow")
        self.assertEqual(captured + sum(dropped.values()), self.FRAMES)
        evicted = metrics.sum("flows_expired_total", reason="evicted")
        self.assertGreater(evicted, 0, "the table was to overflow")
        self.assertLessEqual(metrics.sum("flows"), 1000)
        # rest() has seen that what was captured was judged, ignored, unparsed or dropped.
        self.assertEqual(metrics.sum("lost_packets_total"), 0)
