"""Loss on the way, each direction by itself; the router and the kernel are witnesses."""

import time

from netlab import Lab
from system_test_case import SystemTestCase
from traffic import exchange, mixed

MEGABYTE = 1_000_000


class Loss(SystemTestCase):
    def lost(self, metrics, direction, side, peer=Lab.PEER, **labels):
        return metrics.sum(
            "lost_packets_total", peer=peer, direction=direction, side=side, **labels
        )

    def assert_kernel_agrees(self, metrics, peer=Lab.PEER):
        """What us sent again, SYNs and SYN-ACKs included, is exactly what its kernel says."""
        again = metrics.sum("retransmitted_segments_total", peer=peer, direction="egress")
        self.assertEqual(again, self.kernel("RetransSegs"), "retransmitted, and TcpRetransSegs")
        handshakes = metrics.sum("handshake_retransmissions_total", peer=peer, direction="egress")
        self.assertEqual(
            handshakes, self.kernel("TCPSynRetrans"), "of them handshakes, and TCPSynRetrans"
        )

    def wait_until_prometheus_counts(self, prometheus, peer):
        """Waits until it sees the peer's counters leave 0; nobody else may scrape before."""
        expression = f'lossgazer_packets_total{{peer="{peer}"}} > 0'
        prometheus.wait_until(lambda: prometheus.query(expression), expression)

    def assert_prometheus_missed_nothing(self, prometheus, metrics, peer):
        """It saw each counter at 0 before the first increment, so increase() counts all of it."""
        for direction in ("egress", "ingress"):
            series = f'lossgazer_lost_packets_total{{peer="{peer}",direction="{direction}"}}[5m]'
            seen = prometheus.value(f"sum(max_over_time({series}) - min_over_time({series}))")
            lost = metrics.sum("lost_packets_total", peer=peer, direction=direction)
            self.assertEqual(seen, lost, series)

    def check_egress(self, peer, megabytes):
        lossgazer = self.start("-i", "us0")
        prometheus = self.start_prometheus()
        self.lab.lose_segments("us", per_mille=20)
        connections = mixed(self.lab.us, peer, megabytes * MEGABYTE, megabytes * MEGABYTE)
        self.wait_until_prometheus_counts(prometheus, peer)
        metrics = self.rest(lossgazer)

        truth = self.lab.lost("us")
        self.assertGreater(truth, 20)
        self.assert_kernel_agrees(metrics, peer)
        self.assert_near(
            self.lost(metrics, "egress", "peer", peer), truth, "lost, and dropped by mid"
        )
        self.assertEqual(self.lost(metrics, "egress", "local", peer), 0)
        self.assertEqual(self.lost(metrics, "ingress", "peer", peer), 0)
        self.assertEqual(self.lost(metrics, "ingress", "local", peer), 0)
        opened = metrics.sum("connections_total", peer=peer, direction="egress", outcome="opened")
        self.assertEqual(opened, connections)

        time.sleep(1.5)  # Prometheus scrapes once more
        self.assert_prometheus_missed_nothing(prometheus, metrics, peer)
        series = f'lossgazer_lost_packets_total{{peer="{peer}",direction="egress",side="peer"}}'
        self.assertGreater(prometheus.value(f"sum(increase({series}[5m]))"), 0)

    def test_egress(self):
        self.check_egress(Lab.PEER, megabytes=8)

    def test_egress_ipv6(self):
        self.check_egress(Lab.PEER_V6, megabytes=3)

    def test_ingress(self):
        lossgazer = self.start("-i", "us0")
        prometheus = self.start_prometheus()
        self.lab.lose_payload("peer", per_mille=20)
        mixed(self.lab.us, Lab.PEER, 8 * MEGABYTE, 8 * MEGABYTE)
        self.wait_until_prometheus_counts(prometheus, Lab.PEER)
        metrics = self.rest(lossgazer)

        self.assertGreater(self.lab.lost("peer"), 0)
        self.assert_near(
            self.lost(metrics, "ingress", "peer"), self.lab.lost("peer"), "lost, and dropped by mid"
        )
        self.assertEqual(self.lost(metrics, "ingress", "local"), 0)
        self.assertEqual(self.lost(metrics, "egress", "peer"), 0)
        self.assertEqual(self.lost(metrics, "egress", "local"), 0)
        self.assert_kernel_agrees(metrics)
        time.sleep(1.5)
        self.assert_prometheus_missed_nothing(prometheus, metrics, Lab.PEER)

    def test_several_capture_threads(self):
        lossgazer = self.start("-i", "us0", "--capture.threads", "3")
        self.lab.lose_segments("us", per_mille=20)
        mixed(self.lab.us, Lab.PEER, 8 * MEGABYTE, 8 * MEGABYTE)
        metrics = self.rest(lossgazer)

        self.assert_kernel_agrees(metrics)
        self.assert_near(
            self.lost(metrics, "egress", "peer"), self.lab.lost("us"), "lost, and dropped by mid"
        )
        self.assertEqual(self.lost(metrics, "egress", "local"), 0)
        self.assertEqual(metrics.sum("lost_packets_total", direction="ingress"), 0)
        self.assertEqual(metrics.sum("reordered_segments_total"), 0)
        self.assertEqual(metrics.sum("unseen_bytes_total"), 0)

    def test_a_share_of_flows(self):
        sample = ("-i", "us0", "--capture.flow-sample", "1/3")
        whole = self.start("-i", "us0")
        sampled = self.start(*sample, port=10120)
        again = self.start(*sample, "--capture.threads", "2", port=10121)
        self.lab.lose_segments("us", per_mille=20)
        connections = mixed(
            self.lab.us, Lab.PEER, 2 * MEGABYTE, 2 * MEGABYTE, short_connections=240
        )
        metrics, of_all, of_both = (self.rest(each) for each in (sampled, whole, again))

        def opened(metrics):
            return metrics.sum("connections_total", peer=Lab.PEER, outcome="opened")

        self.assertEqual(opened(of_all), connections)
        # A third of them, give or take five standard deviations.
        self.assertAlmostEqual(opened(metrics), connections / 3, delta=37)
        self.assertEqual(metrics.sum("capture_flow_sample_ratio"), 1 / 3)
        self.assertEqual(of_all.sum("capture_flow_sample_ratio"), 1)
        self.assertEqual(metrics.sum("unseen_bytes_total"), 0)
        # The same flows, whoever captures them and however.
        for counter in ("packets_total", "retransmitted_segments_total", "lost_packets_total"):
            count = metrics.sum(counter, peer=Lab.PEER)
            self.assertEqual(of_both.sum(counter, peer=Lab.PEER), count, counter)
            self.assertLess(count, of_all.sum(counter, peer=Lab.PEER), counter)

    def test_lost_acks_are_no_loss_of_data(self):
        lossgazer = self.start("-i", "us0")
        self.lab.lose_acks("peer", per_mille=100)
        exchange(self.lab.us, Lab.PEER, 20 * MEGABYTE, 0)
        metrics = self.rest(lossgazer)

        self.assertGreater(self.lab.lost("peer"), 0)
        self.assertEqual(self.lost(metrics, "egress", "peer"), 0)
        self.assertEqual(self.lost(metrics, "ingress", "peer", method="sequence"), 0)
        self.assert_kernel_agrees(metrics)

    def test_clean_path(self):
        lossgazer = self.start("-i", "us0")
        mixed(self.lab.us, Lab.PEER, 20 * MEGABYTE, 20 * MEGABYTE)
        metrics = self.rest(lossgazer)

        self.assertEqual(
            self.kernel("RetransSegs"), 0, "the path was to be clean, but the kernel sent again"
        )
        for counter in (
            "lost_packets_total",
            "retransmitted_segments_total",
            "retransmitted_bytes_total",
            "spurious_retransmissions_total",
            "handshake_retransmissions_total",
            "unanswered_segments_total",
            "reordered_segments_total",
            "duplicate_packets_total",
            "unseen_bytes_total",
        ):
            self.assertTrue(metrics.select(counter, peer=Lab.PEER), counter)
            self.assertEqual(metrics.sum(counter), 0, counter)
        for direction, sent in (("egress", "OutSegs"), ("ingress", "InSegs")):
            packets = metrics.sum("packets_total", peer=Lab.PEER, direction=direction)
            self.assertGreater(packets, 40 * MEGABYTE / 1448 / 2)
            # The kernel counts its loopback too, which carries the scrapes.
            self.assertLessEqual(packets, self.kernel(sent))
        payload = metrics.sum("payload_bytes_total", peer=Lab.PEER, direction="egress")
        self.assertGreaterEqual(payload, 25 * MEGABYTE)
