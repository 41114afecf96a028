#!/usr/bin/env python3
"""That neighbours.py understands what the tools say, on small captures made here.

Ends with 77, for skipped, where a tool is missing.
"""

import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import neighbours
from frames import ACK, SYN, tcp_segment

ETHERNET, RAW_IP = 1, 101  # link types
SENDER, RECEIVER = ("192.0.2.1", 40000), ("192.0.2.2", 5201)
SIZE = 1000  # of every segment with payload


def write_pcap(path, packets, link_type, snaplen):
    """`packets` are (milliseconds, IPv4 packet); the file counts nanoseconds."""
    ethernet = bytes(12) + b"\x08\x00" if link_type == ETHERNET else b""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, link_type))
        for milliseconds, packet in packets:
            frame = ethernet + packet
            kept = frame[:snaplen]
            seconds, rest = divmod(milliseconds, 1000)
            file.write(struct.pack("<IIII", seconds, rest * 1_000_000, len(kept), len(frame)))
            file.write(kept)


class Conversation:
    """One connection, opened in frames 1 to 3 with a round trip of 20 ms."""

    def __init__(self):
        self.packets = []
        self._ip_id = 0
        self._add(0, SENDER, SYN, 0, 0)
        self._add(20, RECEIVER, SYN | ACK, 0, 1)
        self._add(20, SENDER, ACK, 1, 1)

    def data(self, milliseconds, number, size=SIZE, ip_id=None):
        """The segment with this number, from 0."""
        self._add(milliseconds, SENDER, ACK, 1 + number * SIZE, 1, size, ip_id=ip_id)
        return len(self.packets)

    def probe(self, milliseconds, number, before, size):
        """`size` bytes that stand `before` bytes before the segment with this number."""
        self._add(milliseconds, SENDER, ACK, 1 + number * SIZE - before, 1, size)
        return len(self.packets)

    def ack(self, milliseconds, number, window=65535):
        """All before the segment with this number has arrived."""
        self._add(milliseconds, RECEIVER, ACK, 1, 1 + number * SIZE, window=window)

    def _add(self, milliseconds, source, flags, seq, ack, size=0, window=65535, ip_id=None):
        self._ip_id += 1
        destination = RECEIVER if source == SENDER else SENDER
        ip_id = self._ip_id if ip_id is None else ip_id
        packet = tcp_segment(source, destination, flags, seq, ack, bytes(size), ip_id=ip_id)
        packet = packet[:34] + struct.pack("!H", window) + packet[36:]
        self.packets.append((milliseconds, packet))


class Neighbours(unittest.TestCase):
    # The ways a lab's files may be: (link type, bytes kept).
    FILES = ((ETHERNET, 64), (RAW_IP, 128))

    def verdicts(self, ask, conversation):
        """What `ask` says, the same of every kind of file."""
        answers = []
        with tempfile.TemporaryDirectory() as folder:
            for link_type, snaplen in self.FILES:
                path = Path(folder, f"{link_type}-{snaplen}.pcap")
                write_pcap(path, conversation.packets, link_type, snaplen)
                answers.append(ask(path))
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0])
        return answers[0]

    def in_order(self):
        conversation = Conversation()
        for number in range(3):
            conversation.data(30 + number, number)
        conversation.ack(51, 3)
        return conversation

    def repeat(self):
        """Nothing comes back; after a time-out the segment goes again."""
        conversation = Conversation()
        conversation.data(30, 0)
        return conversation, conversation.data(330, 0)

    def late(self):
        """Two segments change places."""
        conversation = Conversation()
        conversation.data(30, 0, ip_id=10)
        conversation.data(31, 2, ip_id=12)
        return conversation, conversation.data(32, 1, ip_id=11)

    def copy(self):
        """The same packet twice."""
        conversation = Conversation()
        conversation.data(30, 0, ip_id=10)
        return conversation, conversation.data(31, 0, ip_id=10)

    def test_tshark_says_nothing_of_packets_in_order(self):
        self.assertEqual(self.verdicts(neighbours.tshark, self.in_order()), {})

    def test_tshark_retransmission(self):
        conversation, frame = self.repeat()
        answer = self.verdicts(neighbours.tshark, conversation)
        self.assertEqual(answer, {frame: {"retransmission"}})

    def test_tshark_fast_retransmission_is_a_retransmission(self):
        conversation = Conversation()
        for number in (0, 2, 3, 4, 5):
            conversation.data(30, number)
        for _ in range(4):
            conversation.ack(50, 1)
        frame = conversation.data(51, 1)
        answer = self.verdicts(neighbours.tshark, conversation)
        self.assertEqual(answer, {frame: {"retransmission"}})

    def test_tshark_spurious_retransmission(self):
        conversation = Conversation()
        conversation.data(30, 0)
        conversation.ack(50, 1)
        frame = conversation.data(330, 0)
        answer = self.verdicts(neighbours.tshark, conversation)
        self.assertEqual(answer, {frame: {"retransmission", "spurious_retransmission"}})

    def test_tshark_out_of_order(self):
        conversation, frame = self.late()
        answer = self.verdicts(neighbours.tshark, conversation)
        self.assertEqual(answer, {frame: {"reordered"}})

    def test_tshark_gap(self):
        self.assertEqual(self.verdicts(neighbours.tshark_gaps, self.in_order()), 0)
        self.assertEqual(self.verdicts(neighbours.tshark_gaps, self.late()[0]), 1)

    def test_tshark_probes(self):
        conversation = Conversation()
        conversation.data(30, 0)
        conversation.ack(50, 1)
        keep_alive = conversation.probe(9000, 1, before=1, size=0)
        conversation.ack(9020, 1, window=0)
        window_probe = conversation.probe(9500, 1, before=0, size=1)
        answer = self.verdicts(neighbours.tshark, conversation)
        self.assertEqual(answer, {keep_alive: {"keep_alive"}, window_probe: {"window_probe"}})

    def sender_row(self, conversation):
        sender, receiver = self.verdicts(neighbours.tcptrace, conversation)
        ends = dict(zip(("src", "src_port", "dst", "dst_port"), SENDER + RECEIVER, strict=True))
        self.assertLessEqual(ends.items(), sender.items())
        self.assertEqual(receiver["src"], RECEIVER[0])
        self.assertEqual(receiver["data_packets"], 0)
        return {name: count for name, count in sender.items() if name not in ends}

    def test_tcptrace_in_order(self):
        self.assertEqual(
            self.sender_row(self.in_order()),
            {
                "packets": 5,
                "data_packets": 3,
                "retransmitted": 0,
                "out_of_order": 0,
                "hardware_dups": 0,
            },
        )

    def test_tcptrace_retransmission(self):
        row = self.sender_row(self.repeat()[0])
        self.assertEqual((row["retransmitted"], row["out_of_order"]), (1, 0))

    def test_tcptrace_out_of_order(self):
        row = self.sender_row(self.late()[0])
        self.assertEqual((row["retransmitted"], row["out_of_order"]), (0, 1))

    def test_tcptrace_hardware_duplicate_is_a_retransmission_too(self):
        row = self.sender_row(self.copy()[0])
        self.assertEqual((row["retransmitted"], row["hardware_dups"]), (1, 1))

    def test_tcptrace_of_a_file_without_tcp(self):
        conversation = Conversation()
        conversation.packets.clear()
        self.assertEqual(self.verdicts(neighbours.tcptrace, conversation), [])

    def test_the_users_own_settings_do_not_matter(self):
        conversation, frame = self.repeat()
        with tempfile.TemporaryDirectory() as home:
            Path(home, "preferences").write_text("tcp.analyze_sequence_numbers: FALSE\n")
            Path(home, ".tcptracerc").write_text("-q\n")
            with mock.patch.dict(
                os.environ,
                {"HOME": home, "WIRESHARK_CONFIG_DIR": home, "TCPTRACEOPTS": "-q"},
            ):
                answer = self.verdicts(neighbours.tshark, conversation)
                self.assertEqual(answer, {frame: {"retransmission"}})
                self.assertEqual(self.sender_row(conversation)["retransmitted"], 1)

    def test_what_cannot_be_read_is_an_error_that_names_tool_and_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "no-capture")
            file.write_text("This is text, and long enough to be none of a capture's headers.\n")
            for tool in ("tshark", "tcptrace"):
                with self.assertRaisesRegex(neighbours.NeighbourError, f"^{tool}: .*no-capture"):
                    getattr(neighbours, tool)(file)

    def test_a_missing_tool_is_named(self):
        self.assertEqual(neighbours.missing(), [])
        with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, PATH=empty):
            self.assertEqual(neighbours.missing(), ["tshark", "tcptrace"])
            for tool in ("tshark", "tcptrace"):
                with self.assertRaisesRegex(neighbours.NeighbourError, f"^{tool} is not installed"):
                    getattr(neighbours, tool)("any.pcap")


def main():
    if missing := neighbours.missing():
        print(f"skipped: no {', '.join(missing)} (packaging/install-dependencies test)")
        return 77
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(Neighbours)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
