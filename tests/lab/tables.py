"""The lab's results as tables, for a terminal of 100 columns or as markdown."""

import gates
import truth
from measure import NEIGHBOUR_CUTS, NEIGHBOUR_TAPS, total
from score import CLASSES, CUTS, Tally

CUT_NAMES = {"whole": "128 bytes", "view": "live view", "cut": "64 bytes"}


class Table:
    def __init__(self, title, *columns):
        self.title = title
        self.columns = columns
        self.rows = []

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def text(self):
        """Words to the left, all else to the right."""
        lines = [list(self.columns), *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        is_word = [
            all(row[i][:1].isalpha() or not row[i] for row in self.rows)
            for i in range(len(self.columns))
        ]
        out = [f"\n{self.title}"]
        for line in lines:
            cells = [
                cell.ljust(width) if word else cell.rjust(width)
                for cell, width, word in zip(line, widths, is_word, strict=True)
            ]
            out.append("  " + "  ".join(cells).rstrip())
        return "\n".join(out)

    def markdown(self):
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join([f"{self.title}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def share(value):
    """With four digits, and never rounded up to a whole."""
    return "1" if value == 1 else "0" if value == 0 else f"{min(value, 0.9999):.4f}"


def scores(tally):
    """(precision, recall); "-" of nothing said, and of nothing true."""
    return (
        share(tally.precision) if tally.hits + tally.false else "-",
        share(tally.recall) if tally.hits + tally.missed else "-",
    )


def classes(results):
    table = Table(
        "Verdicts, packet by packet, over the lab (outgoing: at the sender's own tap)",
        *("class", "captured", "tap", "precision", "recall", "right", "false", "missed"),
    )
    tallies = total(results, "lossgazer")
    for name in CLASSES:
        for role in ("outgoing", "incoming"):
            if (role, name) in gates.CLASS_GATES:
                for cut in CUTS:
                    tally = tallies.get((cut, role, name), Tally())
                    counts = tally.hits, tally.false, tally.missed
                    table.add(name, CUT_NAMES[cut], role, *scores(tally), *counts)
    left_out = sum(result.left_out for result in results)
    note = (
        f"  Left out: {left_out} frames, SYNs that no tap can know to be repeats.\n"
        "  64 bytes of IPv6 hold no TCP flags and are not scored. What is false of 64 bytes for\n"
        "  spurious is stated, not demanded: neither TSecr nor SACK blocks are in them."
    )
    return f"{table.text()}\n{note}"


def scenarios(results):
    counts = Table(
        "Scenarios: packets sent and sent again, and what was true at the three taps",
        *("scenario", "packets", "sent again", "retransmission", "spurious", "reordered"),
        *("duplicate", "not knowable"),
    )
    verdicts = Table(
        "Precision/recall at the live view: at incoming taps, and (own) at the sender's",
        *("scenario", "retransm.", *CLASSES[1:], "own: retr.", "own: spur."),
    )
    for result in results:
        name = result.scenario.name
        sent_again = sum(result.retransmitted.values())
        at_taps = [sum(true[kind] for true in result.true.values()) for kind in CLASSES]
        counts.add(name, result.packets, sent_again, *at_taps, result.left_out)
        incoming = [sum_of(result, "incoming", kind) for kind in CLASSES]
        outgoing = [sum_of(result, "outgoing", kind) for kind in ("retransmission", "spurious")]
        pairs = ["/".join(scores(tally)) for tally in incoming + outgoing]
        verdicts.add(name, *(pair.replace("0.", ".") for pair in pairs))
    return counts.text() + "\n" + verdicts.text()


def sum_of(result, role, name, cut="view"):
    tally = Tally()
    for (tool, _, at, its_role, its_name), its in result.tallies.items():
        if (tool, at, its_role, its_name) == ("lossgazer", cut, role, name):
            tally += its
    return tally


def census_rows(results):
    """(scenario, tap, sender, truth, told) wherever packets were lost before a tap."""
    for result in results:
        for (tap, sender), true in result.true.items():
            if true["lost_before"]:
                yield result.scenario.name, tap, sender, true, result.told[tap, sender]


def census(results):
    table = Table(
        "Lost before the tap: the truth, what numbers show, and what lossgazer counts",
        *("scenario", "tap", "sender", "lost", "of ACKs", "shown", "census", "sequence", "covered"),
    )
    sums = [0] * 5
    for name, tap, sender, true, told in census_rows(results):
        by_census = told["lost_packets_by_method.census"]
        before = told["lost_packets.before"]
        covered = told["census_packets"] / max(1, told["packets"])
        counts = (
            *(true["lost_before"], true["lost_before_ack"], true["shown_by_number"]),
            *(by_census, before - by_census),
        )
        sums = [left + right for left, right in zip(sums, counts, strict=True)]
        table.add(name, tap, "AB"[sender], *counts, f"{covered:.1%}")
    table.add("over the lab", "", "", *sums, "")
    return table.text()


def after(results):
    table = Table(
        "Lost after the tap: data that did not get into the receiver's TCP, and what lossgazer counts",
        *("scenario", "tap", "sender", "lost", "lossgazer"),
    )
    sums = [0, 0]
    for name, tap, sender, *counts in gates.after_rows(results):
        sums = [left + right for left, right in zip(sums, counts, strict=True)]
        table.add(name, tap, "AB"[sender], *counts)
    table.add("over the lab", "", "", *sums)
    return table.text()


def side(results):
    table = Table(
        "Side: was what had to be sent again lost before the tap, or after it?",
        *("captured", "tap", "share right", "right", "wrong"),
    )
    tallies = total(results, "lossgazer")
    for cut in CUTS:
        for role in ("outgoing", "incoming"):
            tally = tallies.get((cut, role, "side"), Tally())
            table.add(CUT_NAMES[cut], role, scores(tally)[0], tally.hits, tally.false)
    return table.text()


def kernel(results):
    table = Table(
        "The kernel's own count: TcpRetransSegs of each host, the log, and lossgazer at its tap",
        *("scenario", "A: kernel", "log", "lossgazer", "B: kernel", "log", "lossgazer", ""),
    )
    rows = {}
    for name, _, *counts in gates.kernel_rows(results):
        rows.setdefault(name, []).extend(counts)
    for name, counts in rows.items():
        equal = len(set(counts[:3])) == len(set(counts[3:])) == 1
        table.add(name, *counts, "" if equal else "differ")
    return table.text()


def clean(results):
    table = Table(
        "Clean paths: every counter of lossgazer that is not zero, beside the truth",
        *("scenario", "tap", "sender", "counter", "lossgazer", "truth"),
    )
    for result in results:
        for (tap, sender), told in result.told.items() if result.scenario.clean else ():
            for counter, kind in gates.CLEAN.items():
                if told[counter]:
                    true = result.true[tap, sender][kind]
                    table.add(
                        result.scenario.name, tap, "AB"[sender], counter, told[counter], true
                    )
    return table.text() if table.rows else f"\n{table.title}: none"


def live(live_results):
    table = Table(
        "Live at A's interface, against the report of tcpdump's file",
        *("scenario", "counters", "events", "differ", "direction"),
        *("lost, live", "truth", "of ACKs"),
    )
    for result in live_results:
        for direction, counts in result.lost.items():
            table.add(
                *(result.scenario.name, result.compared, result.events),
                *(len(result.differences), direction, *counts),
            )
    lines = [f"  {r.scenario.name}: {text}" for r in live_results for text in r.differences[:6]]
    return "\n".join([table.text(), *lines])


def neighbour_classes(results):
    table = Table(
        "Beside tshark, at the taps of A and B",
        *("class", "tap", "captured", "lossgazer: precision", "recall"),
        *("tshark: precision", "recall"),
    )
    ours = total(results, "lossgazer", NEIGHBOUR_TAPS)
    theirs = total(results, "tshark", NEIGHBOUR_TAPS)
    for name in CLASSES:
        for role in ("outgoing", "incoming"):
            if (role, name) in gates.CLASS_GATES:
                for cut in NEIGHBOUR_CUTS:
                    key = cut, role, name
                    no_class = name == "duplicate"
                    other = ("none", "none") if no_class else scores(theirs.get(key, Tally()))
                    table.add(
                        name, role, CUT_NAMES[cut], *scores(ours.get(key, Tally())), *other
                    )
    return table


def tcptrace_totals(results):
    table = Table(
        "Beside tcptrace, packets at the taps of A and B together: truth, lossgazer, tcptrace",
        *("scenario", "retransmitted", "ours", "tcptrace"),
        *("reordered", "ours", "tcptrace", "copies", "ours", "tcptrace"),
    )
    kinds = (
        ("retransmission", "retransmitted_segments", "retransmitted"),
        ("reordered", "reordered_segments", "out_of_order"),
        ("duplicate", "duplicate_packets", "hardware_dups"),
    )
    for result in results:
        cells = []
        for kind, counter, column in kinds:
            ends = [key for key in result.true if key[0] in NEIGHBOUR_TAPS]
            cells.append(sum(result.true[end][kind] for end in ends))
            cells.append(sum(result.told[end][counter] for end in ends))
            cells.append(sum(counts[column] for counts in result.tcptrace.values()))
        table.add(result.scenario.name, *cells)
    return table


def only_acks_lost(results):
    table = Table(
        "Where only pure ACKs are lost: packets lost on the way to the taps of A and B",
        *("scenario", "truth", "lossgazer"),
        *("tshark: gaps", "tshark: retrans", "tcptrace: retrans"),
    )
    for result in results:
        if result.scenario.only_acks_lost:
            incoming = (("a", truth.B), ("b", truth.A))
            table.add(
                result.scenario.name,
                sum(result.true[end]["lost_before"] for end in incoming),
                sum(result.told[end]["lost_packets.before"] for end in incoming),
                sum(counts["gaps"] for counts in result.tshark.values()),
                sum(counts["retransmission"] for counts in result.tshark.values()),
                sum(counts["retransmitted"] for counts in result.tcptrace.values()),
            )
    return table


def neighbours(results):
    tables = neighbour_classes(results), tcptrace_totals(results), only_acks_lost(results)
    return [table for table in tables if table.rows]
