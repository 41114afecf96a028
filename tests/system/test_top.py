"""`lossgazer top` in a real terminal, with real TCP that loses packets."""

import json
import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from netlab import Lab, wait_until
from programs import LOSSGAZER
from system_test_case import SystemTestCase
from terminal import Terminal
from traffic import exchange

PORT = 10119
URL = f"http://127.0.0.1:{PORT}"


class Top(SystemTestCase):
    def top(self, *arguments, **keywords):
        terminal = Terminal(self.lab.us, LOSSGAZER, "top", *arguments, **keywords)
        self.addCleanup(terminal.close)
        return terminal

    def lose_some(self):
        """A transfer that loses packets of ours, beside one that loses none."""
        self.lab.lose_payload("us", per_mille=50)
        exchange(self.lab.us, Lab.PEER, 3_000_000, 0)
        self.lab.heal()
        exchange(self.lab.us, Lab.PEER_V6, 0, 300_000)

    def row(self, screen, peer):
        """The line of what is sent to that peer, without the mark of the selected one."""
        for line in screen.splitlines():
            if line[1:].startswith(f"{peer} "):
                return line[1:]
        return None

    def test_shows_who_loses_where_and_in_which_flow(self):
        top = self.top("-i", "us0", columns=100, lines=50)
        top.wait_for("No TCP traffic seen yet", "the table")
        self.lose_some()
        lossy = top.wait_for(
            lambda screen: "Losing " in screen and self.row(screen, Lab.PEER_V6), "both peers"
        )
        self.assertRegex(lossy, rf"Losing [\d.]+% of packets to {Lab.PEER}, in the network")
        self.assertRegex(
            self.row(lossy, Lab.PEER), r"→ +[\d.]+% network inferred +[\d.]+% .* [\d.]+m?s "
        )
        self.assertRegex(self.row(lossy, Lab.PEER_V6), "→ +0% ")
        top.wait_for(lambda screen: re.search("[▁▂▃▄▅▆▇█]", screen), "the chart")

        top.press("Enter")
        details = top.wait_for("WORST FLOWS", "the details")
        self.assertRegex(details, r"lost in the network +\d+")
        self.assertRegex(
            details, rf"\d+ +\d+ +\d+ +\d+ network +\w+ {Lab.US}:\d+ → {Lab.PEER}:5201"
        )
        top.press("q", "q")
        self.assertEqual(top.status(), 0)

    def test_its_numbers_are_the_exporters(self):
        exporter = self.start("-i", "us0")
        own = self.top("-i", "us0", lines=40)
        attached = self.top("--url", URL, lines=40)
        for top in (own, attached):
            top.wait_for("No TCP traffic seen yet", "the table")
        self.lose_some()
        self.rest(exporter)
        status, text = exporter.get(PORT, "/api/v1/peers")
        self.assertEqual(status, 200)
        peers = {peer["peer"]: peer for peer in json.loads(text)["peers"]}
        total = [peers[Lab.PEER][way]["total"] for way in ("egress", "ingress")]
        self.assertGreater(total[0]["lost_packets"]["peer"], 0)
        wanted = {
            "packets": [way["packets"] for way in total],
            "lost in the network": [way["lost_packets"]["peer"] for way in total],
            "lost on this host": [way["lost_packets"]["local"] for way in total],
            "sent again": [way["retransmitted_segments"] for way in total],
        }

        def since_counted(screen):
            lines = screen.partition("SINCE IT IS COUNTED")[2].splitlines()
            found = (re.match(r"(\w[\w ]*?)  +([\d,]+) +([\d,]+)$", line) for line in lines)
            return {
                row[1]: [int(row[i].replace(",", "")) for i in (2, 3)] for row in found if row
            }

        for top in (own, attached):
            top.press("Enter")
            top.wait_for(
                lambda screen: wanted.items() <= since_counted(screen).items(), f"{wanted}"
            )
        own.press("End")
        own.wait_for(f"→ {Lab.PEER}:5201", "the worst flows")
        attached.press("End")
        attached.wait_for("an exporter keeps", "why there are no flows")

    def test_goes_on_while_the_exporter_is_gone_and_when_it_is_back(self):
        exporter = self.start("-i", "us0")
        top = self.top("--url", URL)
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        top.wait_for(lambda screen: self.row(screen, Lab.PEER), "the peer")
        exporter.stop()
        stale = top.wait_for("Stale since ", "word that it is stale")
        self.assertRegex(stale, r"Stale since [\d:]+ \(\w+\), trying again: Connection refused")
        self.assertIsNotNone(self.row(stale, Lab.PEER))
        self.start("-i", "us0")
        top.wait_for(lambda screen: "Stale" not in screen, "the exporter to be asked again")
        top.press("C-c")
        self.assertEqual(top.status(), 0)

    def test_a_unix_socket_does_as_well(self):
        path = f"/tmp/lgtop{os.getpid()}.sock"
        self.start("-i", "us0", "--web.listen-address", f"unix:{path}")
        self.top("--url", f"unix:{path}").wait_for("No TCP traffic seen yet", "the table")

    def test_keys_and_sizes(self):
        top = self.top("-i", "us0", "--peers.group", "2001:db8:2::/48=Backends")
        top.wait_for("No TCP traffic seen yet", "the table")
        self.lose_some()
        first = top.wait_for(
            lambda screen: self.row(screen, Lab.PEER) and "Backends" in screen, "both peers"
        )
        self.assertLess(first.index(Lab.PEER, first.index("PEER")), first.index("Backends"))
        self.assertTrue(all(len(line) <= 80 for line in first.splitlines()))
        top.press("/", "b", "A", "c")
        only = top.wait_for("Filter: bAc_", "the filter")
        self.assertIsNone(self.row(only, Lab.PEER))
        top.press("Escape")
        top.wait_for(lambda screen: self.row(screen, Lab.PEER), "all peers again")
        top.press("t")
        top.wait_for("TRAFFIC 1m", "the order by traffic")
        top.press("r")
        top.wait_for("RTT, 1 min", "the order by round trip")
        top.press("l", "?")
        top.wait_for("order by loss, traffic, round trip", "help")
        top.press("q", "f")
        top.wait_for("Frozen for ", "freeze")
        top.press("f")
        top.wait_for(lambda screen: "Frozen" not in screen, "it to go on")
        for columns, lines in ((40, 10), (120, 40), (40, 8)):
            top.resize(columns, lines)
            top.wait_for(
                lambda screen: self.row(screen, Lab.PEER)
                and ("LATE" in screen) == (columns == 120)
                and screen.splitlines()[lines - 1].startswith("l loss"),
                f"{columns} x {lines}",
            )
        top.resize(20, 5)
        top.wait_for("Too small: 40 x 8 a", "word that it is too small")
        top.resize(80, 24)
        top.wait_for(lambda screen: self.row(screen, Lab.PEER), "the table again")
        top.press("q")
        self.assertEqual(top.status(), 0)

    def test_losses_are_red_unless_nobody_wants_colours(self):
        coloured = self.top("-i", "us0", environment={"TERM": "screen-256color"})
        plain = self.top("-i", "us0", environment={"TERM": "screen-256color", "NO_COLOR": "1"})
        ascii_only = self.top("-i", "us0", environment={"LC_ALL": "C"})
        for top in (coloured, plain, ascii_only):
            top.wait_for("No TCP traffic seen yet", "the table")
        self.lose_some()
        for top in (coloured, plain, ascii_only):
            top.wait_for("Losing ", "the loss")
        red = "\x1b[1m\x1b[31m"
        self.assertIn(red, coloured.screen("-e"))
        self.assertNotRegex(plain.screen("-e"), "\x1b\\[3[1-7]m")
        self.assertTrue(ascii_only.screen().isascii())

    def test_ends_with_its_terminal(self):
        top = self.top("-i", "us0")
        top.wait_for("No TCP traffic seen yet", "the table")
        number = top.process()
        top.tmux("kill-server")
        wait_until(lambda: not os.path.exists(f"/proc/{number}"), "its end")

    def test_is_stopped_and_continued(self):
        top = self.top("-i", "us0")
        top.wait_for("No TCP traffic seen yet", "the table")
        number = top.process()

        def state():
            with open(f"/proc/{number}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0]

        top.press("C-z")
        wait_until(lambda: state() == "T", "it to stop")
        os.kill(number, signal.SIGCONT)
        wait_until(lambda: state() != "T", "it to go on")
        top.press("?")
        top.wait_for("select a peer, scroll", "help")
        os.kill(number, signal.SIGTERM)
        self.assertEqual(top.status(), 0)

    def test_what_keeps_it_from_starting_is_said_in_a_line(self):
        done = subprocess.run(
            self.lab.us.command(LOSSGAZER, "top", "-i", "us0"),
            **{"text": True, "capture_output": True, "stdin": subprocess.DEVNULL, "timeout": 60},
        )
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Alossgazer: top: standard .* are not a terminal.*\n\Z")

        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
        for command, environment, message in (
            ([LOSSGAZER, "top"], {"TERM": "nonesuch"}, "(TERM=nonesuch): nothing is known of it"),
            ([LOSSGAZER, "top"], {"TERM": "dumb"}, "(TERM=dumb): its cursor cannot be moved"),
            ([LOSSGAZER, "top", "-i", "nonesuch"], {}, "open interface nonesuch: no such interface"),
            ([LOSSGAZER, "top", "--url", "http://127.0.0.1:1"], {}, "peers: Connection refused"),
            ([*nobody, LOSSGAZER, "top", "-i", "us0"], {}, "it needs the capability CAP_NET_RAW"),
        ):
            with self.subTest(message):
                terminal = Terminal(
                    self.lab.us, *command, columns=300, environment=environment
                )
                self.addCleanup(terminal.close)
                self.assertEqual(terminal.status(), 1)
                self.assertRegex(terminal.screen(), r"\Alossgazer: .*\n\s*\Z")
                self.assertIn(message, terminal.screen())

    def test_another_server_is_none_of_ours(self):
        class Page(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>hello</html>")

            def log_message(self, *_):
                pass

        with self.lab.us.entered():
            server = HTTPServer(("127.0.0.1", PORT), Page)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        top = self.top("--url", URL, columns=300)
        self.assertEqual(top.status(), 1)
        self.assertIn("no answer of lossgazer's /api/v1/peers", top.screen())
