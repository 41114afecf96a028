"""The page for people, in a real Chromium, over a real lossgazer beside a peer that loses packets.

Screenshots are written beside the program under test, into page/.
"""

import json
import time
from pathlib import Path

from browser import Browser
from netlab import Lab, wait_until
from programs import LOSSGAZER
from system_test_case import SystemTestCase
from traffic import exchange

ENTER, TAB, ESCAPE = "\ue007", "\ue004", "\ue00c"
URL = "http://127.0.0.1:10119"


class Page(SystemTestCase):
    """One lossgazer, which saw loss from PEER and none from PEER_V6, and one browser for all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shots = Path(LOSSGAZER).parent / "page"
        cls.shots.mkdir(exist_ok=True)
        cls.browser = Browser(cls.lab.us)
        cls.addClassCleanup(cls.browser.stop)

    def setUp(self):
        super().setUp()
        self.lossgazer = self.start("-i", "us0")
        self.lab.lose_payload("peer", per_mille=30)
        exchange(self.lab.us, Lab.PEER, 100_000, 3_000_000)
        self.lab.heal()
        exchange(self.lab.us, Lab.PEER_V6, 1_000_000, 2_000_000)

    def peers(self, query=""):
        status, text = self.lossgazer.get(self.lossgazer.port, f"/api/v1/peers{query}")
        self.assertEqual(status, 200, text)
        return json.loads(text)

    def js(self, expression, *arguments):
        return self.browser.script(f"return {expression}", *arguments)

    def text(self, selector):
        return self.js("document.querySelector(arguments[0]).textContent", selector)

    def wait_for(self, expression, what):
        return wait_until(lambda: self.js(expression), f"{what}: {expression}", 15, 0.1)

    def shown(self):
        return self.js("[...document.querySelectorAll('#peers tbody .c-peer button')].map(b => b.textContent)")

    def settle(self):
        """Waits until all loss is known: it did not change for two seconds."""
        last, since = None, time.monotonic()

        def still():
            nonlocal last, since
            now = [peer["worst"] for peer in self.peers()["peers"]]
            if now != last:
                last, since = now, time.monotonic()
            return now and now[0] and time.monotonic() - since > 2

        wait_until(still, "the loss to be known", 20, 0.2)

    def open(self):
        self.settle()
        self.browser.log("browser")
        self.browser.open("about:blank")
        self.browser.requests()
        self.browser.screen(1280, 900)
        self.browser.open(URL + "/")
        self.wait_for("document.querySelectorAll('#peers tbody').length === 2", "two peers")

    def focused(self):
        return self.js("document.activeElement.textContent")

    def test_a_newcomer_reads_it(self):
        self.open()
        self.assertRegex(
            self.text("#headline"),
            rf"^Losing [\d.]+\u00a0% of packets from {Lab.PEER}, in the network$",
        )
        self.assertIn("counted one by one", self.text("#subline"))
        self.assertEqual(self.text("#health-line"), "Capturing on us0, nothing dropped.")
        # What stands in the table is what the server says, and that is what mid dropped.
        worst = self.peers()["peers"][0]
        self.assertEqual(worst["peer"], Lab.PEER)
        self.assertEqual((worst["worst"]["direction"], worst["worst"]["side"]), ("ingress", "peer"))
        self.assertEqual(self.shown(), [Lab.PEER, Lab.PEER_V6])
        line = self.js("document.querySelector('#peers tr.from').innerText")
        self.assertIn(f"{100 * worst['worst']['ratio']:.2f}\u00a0%", line)
        self.assertIn("network, counted", line)
        self.browser.screenshot(self.shots / "light.png")

        # Both themes: the system's, and the one chosen, which is remembered.
        ground = "getComputedStyle(document.body).backgroundColor"
        light = self.js(ground)
        self.browser.screen(1280, 900, dark=True)
        dark = self.js(ground)
        self.assertNotEqual(light, dark)
        self.browser.screenshot(self.shots / "dark.png")
        self.browser.click("#theme")
        self.assertEqual(self.js(ground), light)
        self.browser.open(URL + "/")
        self.assertEqual(self.text("#theme"), "Theme: light")
        self.assertEqual(self.js(ground), light)
        self.browser.click("#theme")
        self.browser.screen(1280, 900)
        self.assertEqual(self.js(ground), dark)
        self.browser.click("#theme")

        # Whatever the width, nothing is cut off. Then a phone.
        for width in (1020, 881, 880, 761, 760):
            self.browser.screen(width, 900)
            self.assertLessEqual(self.js("document.documentElement.scrollWidth"), width)
        self.browser.screen(360, 740, mobile=True)
        self.wait_for("document.querySelectorAll('#peers tbody').length === 2", "two peers")
        self.js("document.querySelector('#peers tbody button').click()")
        self.assertLessEqual(self.js("document.documentElement.scrollWidth"), 360)
        self.browser.screenshot(self.shots / "phone-details.png")
        self.js("document.querySelector('#peers tbody button').click()")
        self.browser.screenshot(self.shots / "phone.png")
        self.assertLessEqual(self.js("document.documentElement.scrollWidth"), 360)

        self.assertEqual([entry["message"] for entry in self.browser.log("browser")], [])
        asked = [url for url in self.browser.requests() if not url.startswith(("about:", "data:"))]
        self.assertGreater(len(asked), 2)
        self.assertEqual([url for url in asked if not url.startswith(URL + "/")], [])

    def test_by_keyboard(self):
        self.open()
        # Search.
        self.browser.keys("/")
        self.assertEqual(self.js("document.activeElement.id"), "search")
        self.browser.keys("2001:db8")
        self.assertEqual(self.shown(), [Lab.PEER_V6])
        self.assertEqual(self.text("#count"), "1 of 2 peers, in the last minute")
        self.browser.keys("xx")
        self.assertEqual(self.text("#empty"), "No peer like that.")
        self.browser.keys(ESCAPE)
        self.assertEqual(self.shown(), [Lab.PEER, Lab.PEER_V6])

        # Sort by every head that can be sorted by; Enter again turns it round.
        columns = self.js("[...document.querySelectorAll('#heads button')].length")
        self.assertEqual(columns, 8)
        self.browser.keys(TAB)  # past the check box
        sort = "document.querySelector('#heads [aria-sort]')"
        for _ in range(columns):
            self.browser.keys(TAB)
            name = self.focused().strip("\u2191\u2193")
            self.browser.keys(ENTER)
            self.assertEqual(self.js(f"{sort}.textContent").strip("\u2191\u2193"), name)
            way, order = self.js(f"{sort}.getAttribute('aria-sort')"), self.shown()
            self.browser.keys(ENTER)
            self.assertNotEqual(self.js(f"{sort}.getAttribute('aria-sort')"), way)
            if name in ("Peer", "Lost", "Sent again", "Payload"):  # by which these peers differ
                self.assertEqual(self.shown(), order[::-1], f"by {name}, the other way round")
        # By the first head: names, upwards.
        self.browser.script("document.querySelector('#heads button').focus()")
        self.browser.keys(ENTER)
        self.assertEqual(self.shown(), [Lab.PEER, Lab.PEER_V6])

        # Details.
        self.browser.script("document.querySelector('#peers tbody button').focus()")
        self.browser.keys(ENTER)
        self.assertEqual(self.js("document.activeElement.getAttribute('aria-expanded')"), "true")
        self.assertEqual(self.js("document.querySelectorAll('tr.more .chart').length"), 6)
        peer = next(one for one in self.peers()["peers"] if one["peer"] == Lab.PEER)
        lost = peer["ingress"]["total"]["lost_packets"]["peer"]
        self.assertGreater(lost, 10)
        numbers = self.js(
            "[...document.querySelectorAll('tr.more section:last-child .totals div')]"
            ".map(d => d.textContent)"
        )
        self.assertIn(f"Lost, network{lost}", numbers)
        # The step in which it was lost is in the chart by now, or will soon be.
        bars = "document.querySelector('tr.more section:last-child .bars-peer').getAttribute('d')"
        self.wait_for(f"{bars} !== ''", "the loss in the chart")
        self.browser.keys(TAB * 4)
        self.browser.keys("\ue012")
        self.assertRegex(self.text("tr.more section:last-child .chart [aria-live]"), "ago: ")
        self.browser.screenshot(self.shots / "details.png")
        # While it is read, nothing changes places.
        self.assertEqual(self.shown(), [Lab.PEER, Lab.PEER_V6])
        self.browser.script("document.querySelector('#peers tbody button').focus()")
        self.browser.keys(ENTER)
        self.assertEqual(self.js("document.querySelectorAll('tr.more').length"), 0)

        # Pause.
        self.browser.keys("p")
        self.assertEqual(self.js("document.querySelector('#pause').getAttribute('aria-pressed')"), "true")
        self.browser.requests()
        time.sleep(6)  # longer than the pace of refreshing
        self.assertEqual(self.browser.requests(), [])
        self.browser.keys("p")
        wait_until(lambda: self.browser.requests(), "it to go on", 15)

        # lossgazer is gone, and comes back.
        self.lossgazer.stop()
        self.browser.keys("pp")  # asks at once
        self.wait_for("!document.querySelector('#stale').hidden", "the warning")
        self.assertIn("Not updated for", self.text("#stale"))
        self.browser.screenshot(self.shots / "stale.png")
        self.lossgazer = self.start("-i", "us0")
        self.browser.keys("pp")
        self.wait_for("document.querySelector('#stale').hidden", "the warning to go")
        self.assertEqual(self.text("#headline"), "No TCP traffic seen yet")

    def test_json(self):
        self.settle()
        self.assertEqual([peer["peer"] for peer in self.peers("?top=1")["peers"]], [Lab.PEER])
        everything = self.peers()
        self.assertEqual(everything["peers_known"], 2)
        self.assertEqual(self.lossgazer.get(self.lossgazer.port, "/api/v1/peers?top=x")[0], 400)
        # True at once, where /metrics is at 0 for one scrape.
        self.assertEqual(self.lossgazer.metrics().sum("packets_total", peer=Lab.PEER), 0)
        total = everything["peers"][0]["ingress"]["total"]
        self.assertEqual(total, self.peers()["peers"][0]["ingress"]["total"])
        metrics = self.lossgazer.metrics()
        for key in ("packets", "data_segments", "census_packets", "retransmitted_segments"):
            counter = metrics.sum(f"{key}_total", peer=Lab.PEER, direction="ingress")
            self.assertEqual(total[key], counter, key)
