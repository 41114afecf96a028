"""What is captured where: the same packet on several interfaces, and frames with VLAN tags."""

import time

from frames import ACK, FIN, PSH, SYN, Injector, tagged_frame, tcp_segment
from netlab import Lab
from system_test_case import SystemTestCase
from traffic import mixed

PEER_COUNTERS = (
    "packets_total",
    "data_segments_total",
    "payload_bytes_total",
    "retransmitted_segments_total",
)


class Copies(SystemTestCase):
    BRIDGED = True

    def test_any_judges_a_packet_once(self):
        one = self.start("-i", "us0")
        all_of_them = self.start("-i", "any", port=10120)
        self.lab.lose_segments("us", per_mille=20)
        mixed(self.lab.us, Lab.PEER, 3_000_000, 3_000_000)
        expected, metrics = self.rest(one), self.rest(all_of_them)

        self.assertGreater(expected.sum("packets_total"), 4000)
        for direction in ("egress", "ingress"):
            for counter in PEER_COUNTERS:
                self.assertEqual(
                    metrics.sum(counter, peer=Lab.PEER, direction=direction),
                    expected.sum(counter, peer=Lab.PEER, direction=direction),
                    f"{direction} {counter}",
                )
        self.assertEqual(metrics.sum("duplicate_packets_total"), 0)
        self.assertEqual(
            metrics.sum("capture_ignored_packets_total", reason="copy"),
            expected.sum("packets_total", peer=Lab.PEER),
            "bridge and port: one of two is a copy",
        )


class Tags(SystemTestCase):
    def test_a_tagged_retransmission_is_counted_for_the_inner_addresses(self):
        us_end, peer_end = (Lab.US, 40000), ("203.0.113.7", 443)
        ours = Injector(self.lab.us, "us0")
        theirs = Injector(self.lab.mid, "mid0")
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        lossgazer = self.start("-i", "us0")

        def we_send(*segment, ip_id):
            packet = tcp_segment(us_end, peer_end, *segment, ip_id=ip_id)
            ours.send(tagged_frame(ours.mac, theirs.mac, 42, packet))
            time.sleep(0.02)

        def they_send(*segment, ip_id):
            packet = tcp_segment(peer_end, us_end, *segment, ip_id=ip_id)
            theirs.send(tagged_frame(theirs.mac, ours.mac, 42, packet))
            time.sleep(0.02)

        data = bytes(500)
        we_send(SYN, 4294967000, 0, ip_id=1)
        they_send(SYN | ACK, 7000, 4294967001, ip_id=0)
        we_send(ACK, 4294967001, 7001, ip_id=2)
        we_send(PSH | ACK, 4294967001, 7001, data, ip_id=3)
        time.sleep(0.3)
        we_send(PSH | ACK, 4294967001, 7001, data, ip_id=4)  # again, after a time-out
        they_send(ACK, 7001, 205, ip_id=5)
        they_send(FIN | ACK, 7001, 205, ip_id=6)
        we_send(FIN | ACK, 205, 7002, ip_id=5)
        they_send(ACK, 7002, 206, ip_id=7)
        metrics = self.rest(lossgazer)

        egress = {"peer": peer_end[0], "direction": "egress"}
        self.assertEqual(metrics.sum("packets_total", **egress), 5)
        self.assertEqual(metrics.sum("data_segments_total", **egress), 4)
        self.assertEqual(metrics.sum("payload_bytes_total", **egress), 1000)
        self.assertEqual(metrics.sum("retransmitted_segments_total", **egress), 1)
        self.assertEqual(metrics.sum("retransmitted_bytes_total", **egress), 500)
        self.assertEqual(metrics.sum("lost_packets_total", side="peer", **egress), 1)
        self.assertEqual(metrics.sum("packets_total", peer=peer_end[0], direction="ingress"), 4)
