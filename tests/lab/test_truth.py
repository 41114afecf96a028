#!/usr/bin/env python3
"""The rules of the lab itself: of the truth, of the score and of the gates, on a handmade log."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import gates
import truth
from measure import Result, told
from scenarios import Scenario
from score import Tally, role_of, score
from truth import ACK, FIN, SYN, A, B

A_TAP, MIDDLE, B_TAP = range(3)
ISN = 0xFFFFFF00  # so that the sequence numbers wrap
SIZE = 1000


class Log:
    """A connection's packets as the box would log them; times are the order of the calls."""

    def __init__(self):
        self._records = []
        self._frames = [0] * len(truth.TAPS)
        self._sent = 0

    def sent(self, begin, size=SIZE, flags=ACK, sender=A, ip_id=None, **more):
        """A packet with the stream's bytes from offset `begin` on (the SYN is 0); its number."""
        self._sent += 1
        ports = (40000, 5201) if sender == A else (5201, 40000)
        self._packet = {
            "number": self._sent,
            "seq": (ISN + begin) & 0xFFFFFFFF,
            "payload_length": size,
            "ip_id": self._sent if ip_id is None else ip_id,
            "source_port": ports[0],
            "destination_port": ports[1],
            "sender": sender,
            "flags": flags,
            **more,
        }
        self._add(truth.SENT, self._packet)
        return dict(self._packet)

    def captured(self, tap, *packets):
        """These packets in one frame; its number."""
        self._frames[tap] += 1
        for packet in packets:
            self._add(truth.CAPTURED, packet, place=tap, frame=self._frames[tap])
        return self._frames[tap]

    def delivered(self, packet):
        self._add(truth.DELIVERED, packet)

    def carried(self, packet):
        """All the way from A to B; the frame at B's tap."""
        for tap in (A_TAP, MIDDLE):
            self.captured(tap, packet)
        self.delivered(packet)
        return self.captured(B_TAP, packet)

    def truth(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "truth.log")
            path.write_bytes(b"".join(self._records) + b"a record cut short")
            return truth.Truth(path)

    def _add(self, event, packet, **more):
        values = dict.fromkeys(truth.Record._fields, 0) | packet | {"event": event} | more
        self._records.append(truth.RECORD.pack(*truth.Record(**values)))


class OfTheTruth(unittest.TestCase):
    def setUp(self):
        self.log = Log()
        self.log.carried(self.log.sent(0, 0, SYN))

    def test_new_data_in_order_is_nothing(self):
        for number in range(3):
            self.log.carried(self.log.sent(1 + number * SIZE))
        for tap in range(3):
            self.assertEqual(self.log.truth().frames(tap), {})

    def test_loss_before_one_tap_is_after_another(self):
        self.log.captured(A_TAP, self.log.sent(1))  # and lost
        again = self.log.carried(self.log.sent(1))
        log = self.log.truth()
        for tap, number, side in ((A_TAP, 3, "after"), (B_TAP, again, "before")):
            frame = log.frames(tap)[number]
            self.assertEqual((frame.kind, frame.spurious), ("retransmission", False))
            self.assertEqual(frame.side, side)

    def test_retransmission_of_what_arrived_is_spurious(self):
        self.log.carried(self.log.sent(1))
        again = self.log.carried(self.log.sent(1))
        self.assertTrue(self.log.truth().frames(B_TAP)[again].spurious)

    def test_retransmission_of_what_arrived_only_in_part_is_needed(self):
        self.log.carried(self.log.sent(1))
        self.log.captured(A_TAP, self.log.sent(1 + SIZE))  # and lost
        again = self.log.carried(self.log.sent(1, 2 * SIZE))
        frame = self.log.truth().frames(B_TAP)[again]
        self.assertEqual((frame.kind, frame.spurious), ("retransmission", False))

    def test_retransmission_of_what_arrived_but_for_its_begin_is_needed(self):
        self.log.captured(A_TAP, self.log.sent(1))  # and lost
        self.log.carried(self.log.sent(1 + SIZE))
        again = self.log.carried(self.log.sent(1, 2 * SIZE))
        self.assertFalse(self.log.truth().frames(B_TAP)[again].spurious)

    def test_super_packet_of_which_one_packet_was_needed_is_not_spurious(self):
        self.log.carried(self.log.sent(1))
        self.log.captured(A_TAP, self.log.sent(1 + SIZE))  # and lost
        again = self.log.captured(B_TAP, self.log.sent(1), self.log.sent(1 + SIZE))
        frame = self.log.truth().frames(B_TAP)[again]
        self.assertEqual((frame.spurious, frame.side, frame.packets), (False, None, 2))

    def test_original_after_later_bytes_is_reordered(self):
        late, early = self.log.sent(1), self.log.sent(1 + SIZE)
        self.log.carried(early)
        frame = self.log.carried(late)
        self.assertEqual(self.log.truth().frames(B_TAP)[frame].kind, "reordered")

    def test_original_after_its_own_retransmission_is_reordered(self):
        late, again = self.log.sent(1), self.log.sent(1)
        repeat = self.log.carried(again)
        frame = self.log.carried(late)
        kinds = self.log.truth().frames(B_TAP)
        self.assertEqual((kinds[repeat].kind, kinds[frame].kind), ("retransmission", "reordered"))
        self.assertTrue(kinds[repeat].spurious)

    def test_pure_ack_is_never_reordered(self):
        ack = self.log.sent(1, 0)
        self.log.carried(self.log.sent(1))
        self.log.carried(ack)
        self.assertEqual(self.log.truth().frames(B_TAP), {})

    def test_same_packet_twice_is_a_duplicate_only_where_it_is_seen_twice(self):
        packet = self.log.sent(1)
        self.log.captured(A_TAP, packet)
        self.log.captured(MIDDLE, packet)
        self.log.captured(MIDDLE, packet)
        self.log.captured(B_TAP, packet)
        log = self.log.truth()
        self.assertEqual([list(log.frames(tap)) for tap in range(3)], [[], [3], []])
        self.assertEqual(log.frames(MIDDLE)[3].kind, "duplicate")

    def test_syn_ack_answered_twice_is_a_retransmission(self):
        self.log.captured(B_TAP, self.log.sent(0, 0, SYN | ACK, B))
        again = self.log.captured(B_TAP, self.log.sent(0, 0, SYN | ACK, B))
        frame = self.log.truth().frames(B_TAP)[again]
        self.assertEqual((frame.kind, frame.knowable), ("retransmission", True))

    def test_syn_ack_whose_first_copy_no_tap_saw_cannot_be_known(self):
        self.log.captured(B_TAP, self.log.sent(0, 0, SYN | ACK, B))  # and lost
        again = self.log.captured(A_TAP, self.log.sent(0, 0, SYN | ACK, B))
        self.assertFalse(self.log.truth().frames(A_TAP)[again].knowable)

    def test_what_says_the_same_without_a_number_cannot_be_known(self):
        for number, knowable in ((0, False), (7, True)):
            log = Log()
            log.carried(log.sent(0, 0, SYN | ACK, B, ip_id=number))
            again = log.carried(log.sent(0, 0, SYN | ACK, B, ip_id=number))
            log.carried(log.sent(1, 0, ip_id=number))
            same = log.carried(log.sent(1, 0, ip_id=number))
            other = log.carried(log.sent(1, 0, ip_id=number, tsval=1))
            frames = log.truth().frames(A_TAP)
            self.assertEqual(frames[again].kind, "retransmission")
            self.assertEqual(frames[again].knowable, knowable)
            self.assertEqual(same not in frames or frames[same].knowable, knowable)
            self.assertNotIn(other, frames)

    def test_data_whose_first_copy_no_tap_saw_must_be_known(self):
        self.log.captured(A_TAP, self.log.sent(1))  # and lost
        again = self.log.carried(self.log.sent(1))
        self.assertTrue(self.log.truth().frames(B_TAP)[again].knowable)

    def test_retransmission_of_what_its_receiver_threw_away_is_needed(self):
        """The repeat of an earlier segment overtook it, and its timestamp is the one to be echoed."""
        self.log.carried(self.log.sent(0, 0, SYN, tsval=10))
        self.log.captured(A_TAP, self.log.sent(1, tsval=11))  # and lost
        overtaken = self.log.sent(1 + SIZE, tsval=20)
        self.log.carried(self.log.sent(1, tsval=30))
        self.log.carried(overtaken)
        again = self.log.carried(self.log.sent(1 + SIZE, tsval=50))
        self.assertFalse(self.log.truth().frames(B_TAP)[again].spurious)

    def test_what_its_receiver_threw_away_was_lost_unless_it_had_it(self):
        self.log.carried(self.log.sent(0, 0, SYN, tsval=10))
        self.log.captured(A_TAP, self.log.sent(1, tsval=11))  # and lost
        overtaken, late = self.log.sent(1 + SIZE, tsval=20), self.log.sent(1 + 2 * SIZE, tsval=21)
        self.log.carried(self.log.sent(1, tsval=30))
        self.log.carried(self.log.sent(1 + 2 * SIZE, tsval=50))  # and again, in vain
        self.log.carried(late)
        totals = self.log.truth().totals(A_TAP)[A]
        self.assertEqual((totals["lost_before_data"], totals["lost_after_data"]), (1, 1))
        self.log.carried(overtaken)
        totals = self.log.truth().totals(A_TAP)[A]
        self.assertEqual((totals["lost_before_data"], totals["lost_after_data"]), (0, 2))

    def test_late_original_is_not_thrown_away(self):
        """What was sent behind it lies beyond the edge, and its timestamp is not echoed."""
        self.log.carried(self.log.sent(0, 0, SYN, tsval=10))
        self.log.sent(0, 0, ACK, B, ack=ISN + 1)
        late = self.log.sent(1, tsval=11)
        self.log.carried(self.log.sent(1 + SIZE, tsval=30))
        self.log.carried(late)
        again = self.log.carried(self.log.sent(1, tsval=50))
        self.assertTrue(self.log.truth().frames(B_TAP)[again].spurious)

    def test_what_came_twice_has_no_timestamp_to_echo(self):
        """Nor what acknowledges less than the receiver has heard of."""
        self.log.carried(self.log.sent(0, 0, SYN, tsval=10))
        self.log.carried(self.log.sent(1, tsval=11, ack=9000))
        self.log.sent(0, 0, ACK, B, ack=(ISN + 1 + SIZE) & 0xFFFFFFFF)
        late = self.log.sent(1 + SIZE, tsval=12, ack=9000)
        self.log.carried(self.log.sent(1, SIZE // 2, tsval=30, ack=9000))
        self.log.carried(self.log.sent(1 + SIZE, 0, tsval=30, ack=8999))
        self.log.carried(late)
        again = self.log.carried(self.log.sent(1 + SIZE, tsval=50, ack=9000))
        self.assertTrue(self.log.truth().frames(B_TAP)[again].spurious)

    def test_fin_takes_a_number(self):
        self.log.carried(self.log.sent(1, 0, FIN | ACK))
        again = self.log.carried(self.log.sent(1, 0, FIN | ACK))
        self.assertEqual(self.log.truth().frames(B_TAP)[again].kind, "retransmission")

    def test_new_syn_on_the_same_ports_begins_anew(self):
        self.log.carried(self.log.sent(1))
        self.log.carried(self.log.sent(-500_000, 0, SYN))
        self.log.carried(self.log.sent(-499_999))
        self.assertEqual(self.log.truth().frames(B_TAP), {})

    def test_totals_tell_what_numbers_can_show(self):
        self.log.carried(self.log.sent(1))
        self.log.captured(A_TAP, self.log.sent(1, 0))  # a pure ACK, lost between numbers
        self.log.carried(self.log.sent(1 + SIZE))
        self.log.captured(A_TAP, self.log.sent(1 + 2 * SIZE))  # lost, and nothing after it
        totals = self.log.truth().totals(B_TAP)[A]
        self.assertEqual((totals["lost_before"], totals["lost_before_ack"]), (2, 1))
        self.assertEqual(totals["shown_by_number"], 1)
        totals = self.log.truth().totals(A_TAP)[A]
        self.assertEqual((totals["lost_before"], totals["lost_after"]), (0, 2))

    def test_numbers_of_a_flow_that_never_came_show_nothing(self):
        self.log.captured(A_TAP, self.log.sent(0, 0, SYN | ACK, B))
        self.log.captured(A_TAP, self.log.sent(1, SIZE, ACK, B))
        self.assertEqual(self.log.truth().totals(B_TAP)[B]["shown_by_number"], 0)

    def test_offsets_before_the_first_number_are_negative(self):
        self.assertEqual(truth.Stream(ISN).offset(ISN - 1), -1)


class OfTheScore(unittest.TestCase):
    LOST = truth.Frame(A, "retransmission", side="before")
    SPURIOUS = truth.Frame(A, "retransmission", spurious=True, side="after")

    def score(self, frames, verdicts, tap="b"):
        senders = dict.fromkeys(range(1, 10), A)
        tallies, left_out = score(frames, senders, verdicts, tap)
        counts = {key: (t.hits, t.false, t.missed) for key, t in tallies.items()}
        return counts, left_out

    def test_hit_false_and_missed(self):
        verdicts = {1: ({"retransmission"}, "before"), 2: ({"reordered"}, None)}
        counts, _ = self.score({1: self.LOST, 3: self.LOST}, verdicts)
        self.assertEqual(counts["incoming", "retransmission"], (1, 0, 1))
        self.assertEqual(counts["incoming", "reordered"], (0, 1, 0))

    def test_spurious_is_a_retransmission_too(self):
        counts, _ = self.score({1: self.SPURIOUS}, {1: ({"retransmission"}, "before")})
        self.assertEqual(counts["incoming", "retransmission"], (1, 0, 0))
        self.assertEqual(counts["incoming", "spurious"], (0, 0, 1))
        self.assertNotIn(("incoming", "side"), counts)

    def test_side(self):
        frames = {1: self.LOST, 2: self.LOST}
        verdicts = {1: ({"retransmission"}, "before"), 2: ({"retransmission"}, "after")}
        counts, _ = self.score(frames, verdicts)
        self.assertEqual(counts["incoming", "side"], (1, 1, 0))

    def test_what_cannot_be_known_is_left_out_and_counted(self):
        frame = truth.Frame(A, "retransmission", side="before", knowable=False)
        self.assertEqual(self.score({1: frame}, {}), ({}, 1))

    def test_roles(self):
        roles = {(tap, who): role_of(tap, who) for tap in truth.TAPS for who in (A, B)}
        outgoing = [key for key, role in roles.items() if role == "outgoing"]
        self.assertEqual(outgoing, [("a", A), ("b", B)])

    def test_precision_and_recall(self):
        tally = Tally(hits=3, false=1, missed=2)
        self.assertEqual((tally.precision, tally.recall), (0.75, 0.6))
        self.assertEqual((Tally().precision, Tally().recall), (1, 1))

    def test_report_rows_are_added_up(self):
        row = {"source": "192.0.2.1", "packets": 2, "lost_packets": {"before": 1, "after": 0}}
        sums = told({"peers": [row, row, row | {"source": "192.0.2.2"}]}, ("192.0.2.1",))
        self.assertEqual((sums["packets"], sums["lost_packets.before"]), (4, 2))


class OfTheGates(unittest.TestCase):
    def result(self, **scenario):
        result = Result(Scenario("handmade", "", {}, **scenario))
        result.kernel = result.retransmitted = {A: 7, B: 0}
        result.true = {(tap, who): truth.Counter() for tap in truth.TAPS for who in (A, B)}
        result.told = {key: truth.Counter() for key in result.true}
        result.told["a", A]["retransmitted_segments"] = 7
        return result

    def test_they_hold(self):
        self.assertEqual(gates.failures([self.result()], []), [])

    def test_class_below_its_bound_is_named(self):
        result = self.result()
        result.tallies["lossgazer", "b", "view", "incoming", "reordered"] = Tally(98, 0, 2)
        (failure,) = gates.failures([result], [])
        self.assertIn("reordered incoming view: recall", failure)

    def test_spurious_of_64_bytes_is_not_demanded(self):
        result = self.result()
        result.tallies["lossgazer", "b", "cut", "incoming", "spurious"] = Tally(0, 9, 9)
        self.assertEqual(gates.failures([result], []), [])

    def test_wrong_side(self):
        result = self.result()
        result.tallies["lossgazer", "b", "view", "incoming", "side"] = Tally(97, 3, 0)
        self.assertIn("side incoming view", gates.failures([result], [])[0])

    def census(self, shown, counted, lost):
        result = self.result()
        result.true["b", A].update(lost_before=lost, shown_by_number=shown)
        result.told["b", A]["lost_packets.before"] = counted
        return [failure.split(" of")[0] for failure in gates.failures([result], [])]

    def test_census_may_miss_little(self):
        self.assertEqual(self.census(1000, 995, lost=1100), [])
        self.assertEqual(self.census(1000, 994, lost=1100), ["census over the lab: 6 missed"])
        self.assertEqual(
            self.census(1000, 979, lost=1100),
            ["census handmade: 21 missed", "census over the lab: 21 missed"],
        )

    def test_census_may_know_of_more_than_numbers_show_but_not_than_was_lost(self):
        self.assertEqual(self.census(1000, 1100, lost=1100), [])
        self.assertEqual(self.census(1000, 1106, lost=1100), ["census over the lab: 6 false"])
        self.assertEqual(len(self.census(0, 5, lost=0)), 2)  # in the scenario, and over the lab

    def test_what_one_tap_misses_another_does_not_make_good(self):
        result = self.result()
        for tap, counted in ("middle", 994), ("b", 1006):
            result.true[tap, A].update(lost_before=1000, shown_by_number=1000)
            result.told[tap, A]["lost_packets.before"] = counted
        self.assertEqual(gates.failures([result], []), [])  # 6 of 2,000, either way
        result.told["middle", A]["lost_packets.before"] = 989
        self.assertEqual(len(gates.failures([result], [])), 1)

    def test_losses_after_a_tap(self):
        result = self.result()
        for lost, counted, failures in (
            (1000, 1010, []),
            (1000, 990, []),
            (1000, 1011, ["after over the lab: off by 11"]),
            (1000, 949, ["after handmade: off by 51", "after over the lab: off by 51"]),
            (0, 5, ["after handmade: off by 5", "after over the lab: off by 5"]),
        ):
            result.true["a", A]["lost_after_data"] = lost
            result.told["a", A]["lost_packets.after"] = counted
            said = [failure.split(" of ")[0] for failure in gates.failures([result], [])]
            self.assertEqual(said, failures)

    def test_kernel(self):
        result = self.result()
        for count in (6, 8):
            result.kernel = {A: count, B: 0}
            self.assertIn("kernel handmade a", gates.failures([result], [])[0])

    def test_kernel_may_know_of_repeats_that_no_tap_can_know(self):
        result = self.result()
        result.true["a", A]["not_knowable"] = 2
        for told, failures in ((8, 1), (7, 0), (5, 0), (4, 1)):
            result.told["a", A]["retransmitted_segments"] = told
            self.assertEqual(len(gates.failures([result], [])), failures, told)

    def test_clean_path(self):
        result = self.result(clean=True)
        result.true["a", A]["retransmission"] = 7  # the kernel's own
        self.assertEqual(gates.failures([result], []), [])
        result.told["b", A]["lost_packets.before"] = 1
        failures = gates.failures([result], [])
        self.assertIn("handmade b: lost_packets.before 1 of 0", failures)


if __name__ == "__main__":
    unittest.main(verbosity=2)
