"""More peers than there is room for: who has series, and that increase() counts every packet."""

import json
import struct
import time
import urllib.parse

from frames import ACK, Injector, tcp_segment
from netlab import Lab, wait_until
from system_test_case import SystemTestCase

OFFERED, LIMIT = 10_000, 1000
PACKETS_EACH = 3
HEAVY = "10.9.9.9"


class Peers(SystemTestCase):
    def setUp(self):
        super().setUp()
        self.injector = Injector(self.lab.mid, "mid0")
        self.addCleanup(self.injector.close)
        ours = Injector(self.lab.us, "us0")
        self.us_mac = ours.mac
        ours.close()
        # Packets of no connection: our kernel shall not answer them.
        self.lab.us.ip("route", "add", "blackhole", "10.0.0.0/8")
        self.addCleanup(self.lab.us.ip, "route", "del", "blackhole", "10.0.0.0/8")

    def send(self, peer, number):
        packet = tcp_segment(
            (peer, 40000), (Lab.US, 80), ACK, 1 + 10 * number, 1, b"0123456789", ip_id=0
        )
        self.injector.send(self.us_mac + self.injector.mac + struct.pack("!H", 0x0800) + packet)

    def wait_for_pace(self, prometheus):
        """Until lossgazer knows how often it is scraped."""
        wait_until(
            lambda: prometheus.query("count_over_time(lossgazer_peers[1m])") >= [2],
            "some scrapes",
            seconds=20,
        )

    def at_last_scrape(self, prometheus, expression):
        """The expression's value at the time of the last sample: nothing is extrapolated."""
        last = prometheus.value("max(timestamp(lossgazer_peers))")
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": last})
        answer = json.loads(prometheus.get(prometheus.PORT, path)[1])
        return float(answer["data"]["result"][0]["value"][1])

    def test_ten_thousand_for_a_thousand(self):
        lossgazer = self.start("-i", "us0", "--peers.max", LIMIT)
        prometheus = self.start_prometheus(interval="3s")  # the page is long
        self.wait_for_pace(prometheus)
        for number in range(PACKETS_EACH):
            for peer in range(OFFERED):
                self.send(f"10.1.{peer // 250}.{peer % 250}", number)
        sent = OFFERED * PACKETS_EACH

        # One that comes later and sends more takes the row of one that is quiet.
        begin, number = time.monotonic(), 0
        while not (
            number % 100 == 0
            and lossgazer.metrics().sum("packets_total", peer=HEAVY, direction="ingress") > 0
        ):
            self.assertLess(time.monotonic() - begin, 60, "the heavy peer has no series")
            for _ in range(10):
                self.send(HEAVY, number)
                number += 1
            time.sleep(0.02)
        sent += number

        metrics = self.rest(lossgazer)
        self.assertEqual(metrics.sum("capture_dropped_packets_total", stage="queue"), 0)
        self.assertEqual(metrics.sum("capture_judged_packets_total"), sent)
        self.assertEqual(metrics.sum("peers"), LIMIT)
        ingress = metrics.select("packets_total", direction="ingress")
        self.assertEqual(len(ingress), LIMIT + 1, "and other")
        # One row ended, and what it had counted is in none.
        self.assertEqual(sum(ingress.values()), sent - PACKETS_EACH)
        heavy = metrics.sum("packets_total", peer=HEAVY, direction="ingress")
        other = metrics.sum("packets_total", peer="other", direction="ingress")
        self.assertEqual(heavy + other, sent - LIMIT * PACKETS_EACH)

        # What Prometheus makes of that: every packet, of the row that ended too. Of that one, whose
        # last sample is older, it guesses a little more.
        increase = 'increase(lossgazer_packets_total{direction="ingress"%s}[5m])'
        wait_until(
            lambda: 0 <= self.at_last_scrape(prometheus, f"sum({increase % ''})") - sent < 1,
            f"increase() to be {sent}",
            seconds=20,
            interval=0.5,
        )
        self.assertEqual(
            self.at_last_scrape(prometheus, increase % f',peer="{HEAVY}"'), heavy, "from birth"
        )
        self.assertGreater(metrics.sum("peers_expired_total", reason="overflow"), OFFERED - LIMIT)

    def test_idle_peer_ends_and_is_born_again(self):
        lossgazer = self.start("-i", "us0", "--peers.ttl", "4s")
        prometheus = self.start_prometheus()
        self.wait_for_pace(prometheus)
        increase = f'increase(lossgazer_packets_total{{direction="ingress",peer="{HEAVY}"}}[5m])'
        for life, packets in enumerate((40, 7), 1):
            for number in range(packets):
                self.send(HEAVY, 1000 * life + number)
            wait_until(
                lambda total=packets: lossgazer.metrics().sum("packets_total", peer=HEAVY) == total,
                "the peer to be shown",
            )
            wait_until(
                lambda: lossgazer.metrics().sum("peers") == 0, "the peer to end", seconds=20
            )
            self.assertEqual(lossgazer.metrics().sum("peers_expired_total", reason="idle"), life)
        # It fell from 40 to 0, and rose to 7 from there.
        wait_until(
            lambda: 47 <= self.at_last_scrape(prometheus, increase) < 52,
            "increase() to be 47, and its guess",
            seconds=10,
            interval=0.5,
        )
