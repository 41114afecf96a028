"""Events as they are streamed live, to receivers that come, go, or do not read. That they are those
of a report of the same packets is for the lab to show."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from netlab import Lab, wait_until
from programs import LOSSGAZER, Process, lossgazer_writing
from system_test_case import SystemTestCase
from traffic import mixed

PORT = 10120
COUNTED = (
    "retransmitted_segments_total",
    "reordered_segments_total",
    "duplicate_packets_total",
)
# Appends to a file what one client after the other sends.
RECEIVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
with open(sys.argv[2], "ab", buffering=0) as file:
    while True:
        client, _ = server.accept()
        while data := client.recv(4096):
            file.write(data)
"""
TO_HEAD = ("bash", "-c", 'exec "$0" "${@:2}" > >(head -n 1 >"$1")')


class UnixReceiver:
    """Keeps the lines that come to a unix socket."""

    def __init__(self, path):
        self.data = b""
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:  # closed
                return
            with client:
                while data := client.recv(65536):
                    self.data += data

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def events(self):
        return [json.loads(line) for line in self.data.decode().splitlines()]


class Events(SystemTestCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="lossgazer-events-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.lab.lose_segments("us", per_mille=20)
        self.lab.lose_payload("peer", per_mille=20)

    def traffic(self):
        mixed(self.lab.us, Lab.PEER, 2_000_000, 2_000_000)

    def assert_nothing_was_dropped(self, metrics):
        self.assertGreater(metrics.sum("capture_packets_total"), 1000)
        self.assertEqual(metrics.sum("capture_dropped_packets_total"), 0)

    def assert_accounted_for(self, lines, metrics):
        """So many lines tell of each packet that is counted, and again of those revised."""
        packets = sum(map(metrics.sum, COUNTED))
        self.assertGreaterEqual(lines, packets)
        self.assertLessEqual(lines, packets + metrics.sum("spurious_retransmissions_total"))

    def test_standard_output_has_a_line_of_each_packet_and_no_logs(self):
        out = self.folder / "events.jsonl"
        lossgazer = self.start("-i", "us0", "--events.to", "-", program=lossgazer_writing(out))
        self.traffic()
        live = self.rest(lossgazer)
        events = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertGreater(len(events), 40)
        self.assertEqual({event.get("interface") for event in events}, {"us0"})
        self.assertEqual({event.get("frame") for event in events}, {None})
        self.assertEqual(live.sum("events_sent_total"), len(events))
        self.assertEqual(live.sum("events_dropped_total"), 0)
        self.assert_accounted_for(len(events), live)
        self.assertNotIn('"verdict"', lossgazer.errors(), "logs have a stream of their own")

    def start_receiver(self, file):
        receiver = Process(self.lab.us, sys.executable, "-c", RECEIVER, PORT, file)
        self.addCleanup(receiver.stop)
        return receiver

    def test_a_receiver_that_is_killed_costs_no_packet_and_each_event_is_accounted_for(self):
        lossgazer = self.start(
            "-i", "us0", "--events.to", f"tcp:localhost:{PORT}", "--user", "nobody"
        )
        lossgazer.wait_until(lambda: "connect: Connection refused" in lossgazer.errors(), "why")
        first, second = self.folder / "first", self.folder / "second"
        receiver = self.start_receiver(first)

        def up():
            return lossgazer.metrics().sum("events_receiver_up")

        wait_until(up, "a receiver")
        traffic = threading.Thread(target=self.traffic)
        traffic.start()
        wait_until(lambda: first.stat().st_size, "events")
        receiver.stop(signal.SIGKILL)
        wait_until(lambda: not up(), "word that it is gone")
        traffic.join()
        self.traffic()
        self.start_receiver(second)
        wait_until(up, "a receiver again", seconds=20)
        self.traffic()
        live = self.rest(lossgazer)

        self.assert_nothing_was_dropped(live)
        sent, dropped = live.sum("events_sent_total"), live.sum("events_dropped_total")
        self.assertEqual(live.sum("events_queued"), 0)
        self.assert_accounted_for(sent + dropped, live)
        before = first.read_bytes().split(b"\n")[:-1]  # what the kill cut is the last
        after = second.read_bytes().split(b"\n")
        self.assertEqual(after.pop(), b"", "the last one is whole")
        for line in before + after:
            json.loads(line)
        self.assertGreater(len(after), 20)
        # What the first had been sent and did not read was sent.
        self.assertLessEqual(len(before) + len(after), sent)
        self.assertLessEqual(dropped, 1)

    def test_a_reader_of_standard_output_that_goes_ends_nothing(self):
        line = self.folder / "line"
        lossgazer = self.start(
            "-i", "us0", "--events.to", "-", program=(*TO_HEAD, LOSSGAZER, line)
        )
        self.traffic()
        wait_until(lambda: not lossgazer.metrics().sum("events_receiver_up"), "it noticing that")
        self.traffic()
        live = self.rest(lossgazer)
        self.assert_nothing_was_dropped(live)
        self.assertGreater(live.sum("events_queued"), 20)
        self.assertIn("standard output: its reader has gone", lossgazer.errors())
        self.assertEqual(json.loads(line.read_text())["interface"], "us0")
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_a_closed_standard_output_is_an_error_at_start(self):
        command = ["bash", "-c", f'"{LOSSGAZER}" -i us0 --events.to - >&-']
        done = subprocess.run(
            self.lab.us.command(*command), text=True, stderr=subprocess.PIPE, timeout=20
        )
        self.assertEqual(
            (done.returncode, done.stderr),
            (1, "lossgazer: events.to -: write to standard output: it is closed\n"),
        )

    def test_names_and_filters_are_taken_up_by_a_reload_and_the_receiver_is_not(self):
        path = self.folder / "socket"
        receiver = UnixReceiver(path)
        self.addCleanup(receiver.close)
        config = self.folder / "lossgazer.yml"
        events = {"to": f"unix:{path}", "peer": ["203.0.113.0/24"]}
        config.write_text(json.dumps({"events": events}))
        lossgazer = self.start("-i", "us0", "--config.file", config)
        self.traffic()
        self.assertGreater(self.rest(lossgazer).sum("lost_packets_total"), 0)
        self.assertEqual(receiver.events(), [])

        events |= {"peer": [Lab.PEER], "ecs": True, "verdict": "retransmission", "to": "-"}
        config.write_text(json.dumps({"events": events}))
        lossgazer.process.send_signal(signal.SIGHUP)
        lossgazer.wait_until(lambda: "reload: in force now: events.ecs" in lossgazer.errors(), "it")
        self.assertRegex(lossgazer.errors(), "takes a restart, and .*: events.to=-")
        self.traffic()
        self.assertEqual(self.rest(lossgazer).sum("events_dropped_total"), 0)
        told = receiver.events()
        self.assertGreater(len(told), 20)
        for event in told:
            self.assertIn(Lab.PEER, (event["source"]["ip"], event["destination"]["ip"]))
            self.assertIn(
                "retransmission", (event["event"]["action"], event["lossgazer"].get("revises"))
            )
