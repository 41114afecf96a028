"""What really happened, from the impairment box's log: of every frame captured and packet sent.

The classes are those of the verdicts, defined by what the sender did and the box let arrive, never
by what a tap could know:
  retransmission  its first byte had been sent before
  spurious        and all of its bytes that had been sent before reached the receiver in copies
                  sent earlier, and were not thrown away there for an old timestamp
  reordered       an original that a tap saw after bytes beyond it
  duplicate       the tap had captured this very packet
A server that a network's copy of a SYN makes answer twice retransmits its SYN-ACK.

What no tap can know is marked, and not scored: that a SYN or SYN-ACK is a repeat, where the tap has
not captured any copy of it before; and that its sender sent a packet, where the tap has captured
one just before that says the same and, like it, has no number to be told apart by: a SYN-ACK for a
network's copy of the SYN, an acknowledgment over IPv6. Nothing else is forgiven.
"""

import struct
from bisect import bisect_left, insort
from collections import Counter, defaultdict, namedtuple
from dataclasses import dataclass, field

# As truth_log.cc writes it.
RECORD = struct.Struct("<qIIIIIIHHHHBBBBI")
Record = namedtuple(
    "Record",
    "time number frame seq ack payload_length tsval ip_id source_port destination_port copy"
    " event sender place flags unused",
)
SENT, LOST, QUEUE_LOST, CAPTURED, DELIVERED = range(5)
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
TAPS = ("a", "middle", "b")
A, B = 0, 1
LONGEST = 1 << 16  # no packet takes more sequence numbers
JUST_BEFORE = 10_000_000  # nanoseconds: as late as networks' copies come


@dataclass(slots=True)
class Packet:
    """One packet on the wire, as its sender sent it."""

    sender: int
    flow: tuple
    stream: object
    begin: int  # offsets in the stream; the SYN is 0
    end: int
    is_pure_ack: bool
    is_syn: bool
    ip_id: int
    again_up_to: int = 0  # sent before, up to here; 0 for an original
    twin: "Packet | None" = None  # without a number as this one, sent just before, saying the same
    delivered: bool = False
    taken: bool = False  # and the receiver's TCP did not throw it away
    needless: bool = False  # or had all of it
    at_tap: list = field(default_factory=lambda: [False] * len(TAPS))

    @property
    def is_retransmission(self):
        return self.again_up_to > self.begin


@dataclass
class Frame:
    """What is true of a captured frame that was anything but new and in order."""

    sender: int
    kind: str  # retransmission, reordered, duplicate; new, of what is not knowable alone
    spurious: bool = False  # of a retransmission, and of every packet of a super-packet
    side: str | None = None  # of the tap, where what it repeats was lost; None: both, or nowhere
    packets: int = 1  # wire packets, of this kind
    knowable: bool = True  # by somebody who sees what this tap captured


class Stream:
    """What one end of a connection sent, in its order."""

    def __init__(self, first_seq):
        self.first_seq = first_seq
        self.next = 0
        self._begins = []  # (begin, number), sorted

    def offset(self, seq):
        return serial_distance(self.first_seq, seq)

    def add(self, begin, number):
        insort(self._begins, (begin, number))

    def earlier(self, packets, packet, number):
        """Earlier transmissions that hold any of what `packet` repeats."""
        for other in self._numbers(packet.begin, packet.again_up_to):
            if other < number and packets[other].end > packet.begin:
                yield packets[other]

    def taken(self, packets, packet):
        """Whether the receiver has all of `packet` by now, in whatever copies."""
        copies = (packets[other] for other in self._numbers(packet.begin, packet.end))
        return _covers((copy for copy in copies if copy.taken), packet, packet.end)

    def _numbers(self, begin, end):
        low = bisect_left(self._begins, (begin - LONGEST, 0))
        high = bisect_left(self._begins, (end, 0))
        return [number for _, number in self._begins[low:high]]


class Receiver:
    """One end of a connection, as far as it throws away what reached it.

    PAWS (RFC 7323, section 5) as Linux has it: a packet whose timestamp is older than the one to be
    echoed, by more than a tick. Where a hole was filled by a repeat, that meets originals of later
    bytes that the repeat overtook. The kernel counts them as PAWSEstab, acknowledgments included.
    """

    def __init__(self):
        self.to_echo = None
        self.last_ack_sent = None
        self.acked = None  # of what it sent itself

    def sends(self, record):
        if record.flags & ACK:
            self.last_ack_sent = later(self.last_ack_sent, record.ack)

    def takes(self, record):
        """Whether it takes a packet that has reached it."""
        if record.flags & SYN:
            self.to_echo = record.tsval
        elif record.tsval and self.to_echo:
            if serial_distance(record.tsval, self.to_echo) > 1:
                return False
            if self._echoes(record):
                self.to_echo = record.tsval
        if record.flags & ACK:
            self.acked = later(self.acked, record.ack)
        return True

    def _echoes(self, record):
        """Whether the packet lies at the edge of what was acknowledged, and says nothing old."""
        edge = record.seq if self.last_ack_sent is None else self.last_ack_sent
        return (
            record.tsval == later(self.to_echo, record.tsval)
            and record.ack == later(self.acked, record.ack)
            and edge == later(record.seq, edge)
            and 0 <= serial_distance(edge, record.seq + record.payload_length)
        )


def later(number, other):
    """The later of two numbers that wrap."""
    return other if number is None or serial_distance(number, other) > 0 else number


def serial_distance(number, other):
    """How far the other of two numbers of 32 bits that wrap lies beyond the first, or before it."""
    distance = (other - number) & 0xFFFFFFFF
    return distance - (1 << 32) if distance >= 1 << 31 else distance


def records(path):
    """The log's records, in the order they were written; a last one cut short is left out."""
    return map(Record._make, _unpacked(path))


def _unpacked(path):
    with open(path, "rb") as file:
        data = file.read()
    return RECORD.iter_unpack(data[: len(data) - len(data) % RECORD.size])


class Truth:
    """The log of one run, read whole."""

    def __init__(self, path):
        self.packets = {}  # by number
        self.captures = [defaultdict(list) for _ in TAPS]  # frame: numbers of its packets
        self._streams = {}
        self._receivers = {}
        self._unnumbered = {}  # the last packet, and when, by what it says
        self._read(path)

    def stream(self, ports, sender):
        """The last one between these ports, or None."""
        return self._streams.get((ports, sender))

    def _read(self, path):
        for values in _unpacked(path):
            _, number, frame, *_, event, _, place, _, _ = values
            if event == SENT:
                self._sent(Record._make(values))
            elif event == CAPTURED:
                self.captures[place][frame].append(number)
            elif event == DELIVERED:
                self._delivered(Record._make(values))

    def _sent(self, record):
        number, seq, flags, sender = record.number, record.seq, record.flags, record.sender
        ends = record.source_port, record.destination_port
        ports = ends if sender == A else ends[::-1]
        stream = self._streams.get((ports, sender))
        if stream is None or (flags & (SYN | ACK) == SYN and stream.first_seq != seq):
            stream = Stream(seq)
            self._streams[ports, sender] = stream
            if not flags & ACK:
                self._receivers.update({(ports, end): Receiver() for end in (A, B)})
        controls = bool(flags & SYN) + bool(flags & FIN)
        takes = 0 if flags & RST else record.payload_length + controls
        begin = stream.offset(seq)
        packet = Packet(
            *(sender, (ports, sender, id(stream)), stream, begin, begin + takes),
            **{"is_pure_ack": takes == 0, "is_syn": bool(flags & SYN), "ip_id": record.ip_id},
        )
        if takes and begin < stream.next:
            packet.again_up_to = min(packet.end, stream.next)
        stream.next = max(stream.next, packet.end) if takes else stream.next
        self._receiver(ports, sender).sends(record)
        self.packets[number] = packet
        if record.ip_id == 0:
            says = (*packet.flow, seq, record.ack, record.payload_length, record.tsval, flags)
            twin, then = self._unnumbered.get(says, (None, 0))
            packet.twin = twin if record.time - then <= JUST_BEFORE else None
            self._unnumbered[says] = packet, record.time
        if takes:
            stream.add(begin, number)

    def _delivered(self, record):
        packet = self.packets[record.number]
        packet.delivered = True
        ports, sender, _ = packet.flow
        if self._receiver(ports, A + B - sender).takes(record):
            packet.taken = True
        elif packet.stream.taken(self.packets, packet):
            packet.needless = True

    def _receiver(self, ports, end):
        return self._receivers.setdefault((ports, end), Receiver())

    def frames(self, tap):
        """{frame number: Frame}, of those that a tap captured."""
        found = {}
        next_seen = {}
        for packet in self.packets.values():
            packet.at_tap[tap] = False
        for frame, numbers in self.captures[tap].items():
            packets = [self.packets[number] for number in numbers]
            fresh = [(n, p) for n, p in zip(numbers, packets) if not p.at_tap[tap]]
            first = packets[0]
            if not fresh:
                found[frame] = Frame(first.sender, "duplicate", packets=len(packets))
                continue
            again = [(n, p) for n, p in fresh if p.is_retransmission]
            if again:
                found[frame] = self._retransmission(tap, first.sender, again)
            elif not first.is_pure_ack and first.begin < next_seen.get(first.flow, 0):
                found[frame] = Frame(first.sender, "reordered", packets=len(packets))
            if any(packet.twin and packet.twin.at_tap[tap] for _, packet in fresh):
                found.setdefault(frame, Frame(first.sender, "new")).knowable = False
            for packet in packets:
                packet.at_tap[tap] = True
            end = max(packet.end for packet in packets)
            if not all(packet.is_pure_ack for packet in packets):
                next_seen[first.flow] = max(next_seen.get(first.flow, 0), end)
        return found

    def _retransmission(self, tap, sender, again):
        spurious, seen = [], []
        for number, packet in again:
            earlier = list(packet.stream.earlier(self.packets, packet, number))
            taken = (p for p in earlier if p.taken)
            spurious.append(_covers(taken, packet, packet.again_up_to))
            seen.append(_touches((p for p in earlier if p.at_tap[tap]), packet))
        side = "after" if all(seen) else "before" if not any(seen) else None
        knowable = any(seen) or not any(packet.is_syn for _, packet in again)
        return Frame(sender, "retransmission", all(spurious), side, len(again), knowable)

    def totals(self, tap):
        """Packets by sender and by what became of them: {sender: Counter}.

        Lost after the tap is what did not reach the receiver's TCP, or was thrown away there though
        it was new. `shown_by_number` are those lost before the tap that stand between numbered
        packets of their flow which the tap captured: what a census of numbers can know.
        """
        for numbers in self.captures[tap].values():
            for number in numbers:
                self.packets[number].at_tap[tap] = True
        totals = {A: Counter(), B: Counter()}
        first, last = {}, {}  # number of each flow's first and last packet that the tap captured
        for number, packet in self.packets.items():
            if packet.at_tap[tap] and packet.ip_id:
                first.setdefault(packet.flow, number)
                last[packet.flow] = number
        for number, packet in self.packets.items():
            if not packet.at_tap[tap]:
                shown = first.get(packet.flow, number) < number < last.get(packet.flow, number)
                totals[packet.sender]["shown_by_number"] += shown
        for packet in self.packets.values():
            count = totals[packet.sender]
            kind = "ack" if packet.is_pure_ack else "data"
            count["sent"] += 1
            count["retransmitted"] += packet.is_retransmission
            if not packet.at_tap[tap]:
                count["lost_before"] += 1
                count[f"lost_before_{kind}"] += 1
            elif not packet.taken and not packet.needless:
                count["lost_after"] += 1
                count[f"lost_after_{kind}"] += 1
        return totals


def _overlaps(copies, packet, end):
    for copy in copies:
        common = max(copy.begin, packet.begin), min(copy.end, end)
        if common[0] < common[1]:
            yield common


def _covers(copies, packet, up_to):
    """Whether the copies have all of the packet's bytes up to an offset."""
    reached = packet.begin
    for begin, end in sorted(_overlaps(copies, packet, up_to)):
        if begin > reached:
            return False
        reached = max(reached, end)
    return reached >= up_to


def _touches(copies, packet):
    return any(True for _ in _overlaps(copies, packet, packet.again_up_to))
