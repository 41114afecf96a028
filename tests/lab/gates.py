"""What the lab demands of lossgazer."""

from collections import Counter

import truth
from measure import total
from score import CUTS

# (role, class): least precision, least recall.
CLASS_GATES = {
    ("outgoing", "retransmission"): (0.999, 0.999),
    ("incoming", "retransmission"): (0.995, 0.98),
    ("incoming", "reordered"): (0.99, 0.99),
    ("incoming", "duplicate"): (0.99, 0.99),
    ("outgoing", "spurious"): (0.97, 0.92),
    ("incoming", "spurious"): (0.97, 0.95),
}
STATED_ONLY = {("cut", "spurious")}  # no TSecr and no SACK blocks in 64 bytes
SIDE = 0.98
CENSUS_LAB = 0.005  # of what the numbers show
CENSUS_SCENARIO = 0.02
CENSUS_PACKETS = 2
AFTER_LAB = 0.01  # of the data lost after the taps
AFTER_PACKETS = 4

# On a clean path: lossgazer's counter, and what it may at most be.
CLEAN = {
    "lost_packets.before": "lost_before",
    "lost_packets.after": "lost_after",
    "retransmitted_segments": "retransmission",
    "spurious_retransmissions": "spurious",
    "reordered_segments": "reordered",
    "duplicate_packets": "duplicate",
    "handshake_retransmissions.syn": "retransmission",
    "handshake_retransmissions.syn_ack": "retransmission",
    "unanswered_segments": "retransmission",
    "unseen_bytes": "lost_before",
}


def failures(results, live_results):
    """One line for each gate that does not hold, with its figures."""
    results = [result for result in results if not result.scenario.hard]
    return [
        *class_failures(total(results, "lossgazer")),
        *census_failures(results),
        *after_failures(results),
        *kernel_failures(results),
        *clean_failures(results),
        *(
            f"live {live.scenario.name}: {len(live.differences)} of {live.compared} counters and "
            f"{live.events} events differ"
            for live in live_results
            if live.differences or not live.compared or not live.events
        ),
    ]


def class_failures(tallies):
    for cut in CUTS:
        for (role, name), least in CLASS_GATES.items():
            tally = tallies.get((cut, role, name))
            if tally is None or (cut, name) in STATED_ONLY:
                continue
            for what, value, bound in zip(
                ("precision", "recall"), (tally.precision, tally.recall), least, strict=True
            ):
                if value < bound:
                    yield f"{name} {role} {cut}: {what} {value:.4f}, below {bound}"
        for role in ("outgoing", "incoming"):
            side = tallies.get((cut, role, "side"))
            if side is not None and side.precision < SIDE:
                yield f"side {role} {cut}: {side.precision:.4f} right, below {SIDE}"


def census_failures(results):
    """Packets lost before the taps that numbers show and lossgazer misses, or that were not lost.

    By census and by sequence together: where the census does not hold yet, the sequence counts, and
    it may know of losses that no number shows.
    """
    shown, missed, false = Counter(), Counter(), Counter()
    for result in results:
        name = result.scenario.name
        for place, true in result.true.items():
            by_us = result.told[place]["lost_packets.before"]
            shown[name] += true["shown_by_number"]
            missed[name] += max(0, true["shown_by_number"] - by_us)
            false[name] += max(0, by_us - true["lost_before"])
    for what, wrong in ("missed", missed), ("false", false):
        for name, true in shown.items():
            if wrong[name] > max(CENSUS_PACKETS, CENSUS_SCENARIO * true):
                yield f"census {name}: {wrong[name]} {what} of {true}"
        if wrong.total() > CENSUS_LAB * shown.total():
            yield f"census over the lab: {wrong.total()} {what} of {shown.total()}"


def after_rows(results):
    """(scenario, tap, sender, truth, told) of the data lost after a tap, if any was or is said."""
    for result in results:
        for (tap, sender), true in result.true.items():
            counts = true["lost_after_data"], result.told[tap, sender]["lost_packets.after"]
            if any(counts):
                yield result.scenario.name, tap, sender, *counts


def after_failures(results):
    """Data lost after the taps, each packet as often as it was, against what lossgazer counts."""
    lost, wrong = Counter(), Counter()
    for name, _, _, true, told in after_rows(results):
        lost[name] += true
        wrong[name] += abs(told - true)
    may_be_off = {result.scenario.name: result.scenario.after_off for result in results}
    for name, off in wrong.items():
        if off > max(AFTER_PACKETS, may_be_off[name] * lost[name]):
            yield f"after {name}: off by {off} of {lost[name]}"
    if wrong.total() > AFTER_LAB * lost.total():
        yield f"after over the lab: off by {wrong.total()} of {lost.total()}"


def kernel_rows(results):
    """(scenario, tap, TcpRetransSegs, truth, told by lossgazer) of each host."""
    for result in results:
        for tap, sender in (("a", truth.A), ("b", truth.B)):
            told = result.told[tap, sender]["retransmitted_segments"]
            yield (
                *(result.scenario.name, tap),
                *(result.kernel[sender], result.retransmitted[sender], told),
            )


def kernel_failures(results):
    """Where the network copies a SYN, no tap can know that the second answer is no copy."""
    doubtful = {
        (result.scenario.name, tap): result.true[tap, sender]["not_knowable"]
        for result in results
        for tap, sender in (("a", truth.A), ("b", truth.B))
    }
    for name, tap, kernel, true, told in kernel_rows(results):
        if kernel != true or not true - doubtful[name, tap] <= told <= true:
            yield f"kernel {name} {tap}: it says {kernel}, the log {true}, lossgazer {told}"


def clean_failures(results):
    for result in results:
        for (tap, sender), told in result.told.items() if result.scenario.clean else ():
            for counter, kind in CLEAN.items():
                most = result.true[tap, sender][kind]
                if told[counter] > most:
                    yield f"{result.scenario.name} {tap}: {counter} {told[counter]} of {most}"
