"""Handshakes that must be repeated, are refused, or are never answered."""

import errno
import socket
import threading
import time

from netlab import Lab, wait_until
from system_test_case import SystemTestCase
from traffic import Server, connect, exchange

REFUSED_PORT = 5999
BLACK_HOLE = "198.51.100.66"


class Handshake(SystemTestCase):
    def heal_after(self, seconds):
        """A thread that makes the path whole again after a while."""
        thread = threading.Timer(seconds, self.lab.heal)
        thread.start()
        self.addCleanup(thread.join)

    def repeats(self, metrics, handshake, direction):
        labels = {"peer": Lab.PEER, "handshake": handshake, "direction": direction}
        return metrics.sum("handshake_retransmissions_total", **labels)

    def test_lost_syns(self):
        lossgazer = self.start("-i", "us0")
        self.lab.lose("us", "tcp flags & syn == syn")
        self.heal_after(1.5)
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        metrics = self.rest(lossgazer)

        self.assertGreaterEqual(self.kernel("TCPSynRetrans"), 1)
        self.assertEqual(self.repeats(metrics, "syn", "egress"), self.kernel("TCPSynRetrans"))
        self.assertEqual(self.repeats(metrics, "syn_ack", "egress"), 0)
        self.assertEqual(metrics.sum("handshake_retransmissions_total", direction="ingress"), 0)
        self.assertEqual(
            metrics.sum("retransmitted_segments_total", peer=Lab.PEER, direction="egress"),
            self.kernel("RetransSegs"),
        )
        opened = metrics.sum(
            "connections_total", peer=Lab.PEER, direction="egress", outcome="opened"
        )
        self.assertEqual(opened, 1)

    def test_lost_syn_acks(self):
        server = Server(self.lab.us, port=5301)
        self.addCleanup(server.close)
        lossgazer = self.start("-i", "us0")
        self.lab.lose("us", "tcp flags & (syn | ack) == (syn | ack)")
        self.heal_after(1.5)
        exchange(self.lab.peer, Lab.US, 1000, 1000, port=5301)
        metrics = self.rest(lossgazer)

        self.assertGreaterEqual(self.kernel("TCPSynRetrans"), 1)
        self.assertEqual(self.repeats(metrics, "syn_ack", "egress"), self.kernel("TCPSynRetrans"))
        self.assertEqual(self.repeats(metrics, "syn", "egress"), 0)
        self.assertGreaterEqual(self.repeats(metrics, "syn", "ingress"), 1)
        opened = metrics.sum(
            "connections_total", peer=Lab.PEER, direction="ingress", outcome="opened"
        )
        self.assertEqual(opened, 1)

    def test_refused(self):
        lossgazer = self.start("-i", "us0")
        for _ in range(3):
            with self.assertRaises(ConnectionRefusedError):
                connect(self.lab.us, Lab.PEER, REFUSED_PORT)
        metrics = self.rest(lossgazer)

        refused = metrics.sum(
            "connections_total", peer=Lab.PEER, direction="egress", outcome="refused"
        )
        self.assertEqual(refused, 3)
        self.assertEqual(metrics.sum("connections_total", outcome="opened"), 0)
        self.assertEqual(metrics.sum("resets_total", peer=Lab.PEER, direction="ingress"), 3)

    def test_a_black_hole_is_unanswered_not_loss(self):
        lossgazer = self.start("-i", "us0")
        self.lab.lose("us", f"ip daddr {BLACK_HOLE}")
        with self.lab.us.entered(), socket.socket() as attempt:
            attempt.setblocking(False)
            self.assertEqual(attempt.connect_ex((BLACK_HOLE, 80)), errno.EINPROGRESS)
            wait_until(lambda: self.kernel("TCPSynRetrans") >= 2, "SYNs to be repeated")
        time.sleep(0.1)
        metrics = self.rest(lossgazer)

        unanswered = metrics.sum("unanswered_segments_total", peer=BLACK_HOLE, direction="egress")
        self.assertEqual(unanswered, self.kernel("TCPSynRetrans"))
        self.assertEqual(metrics.sum("lost_packets_total"), 0)
