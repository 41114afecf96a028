"""One scenario: run, and measured against the truth.

What comes out are numbers, small enough to keep; the recordings may go.
"""

import json
import os
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import dialogues
import neighbours
import network
import score
import truth
from netlab import wait_until

ADDRESSES = {truth.A: (network.A_V4, network.A_V6), truth.B: (network.B_V4, network.B_V6)}
NEIGHBOUR_TAPS = ("a", "b")
NEIGHBOUR_CUTS = ("whole", "cut")


@dataclass
class Result:
    scenario: object
    packets: int = 0  # on the wire, both senders
    retransmitted: dict = field(default_factory=dict)  # by sender, as sent
    kernel: dict = field(default_factory=dict)  # by sender: TcpRetransSegs
    tallies: dict = field(default_factory=dict)  # (tool, tap, cut, role, class): Tally
    left_out: int = 0  # frames whose truth no tap can know, of one cut
    true: dict = field(default_factory=dict)  # (tap, sender): Counter of truth, by class too
    told: dict = field(default_factory=dict)  # (tap, sender): Counter of lossgazer's report
    tcptrace: dict = field(default_factory=dict)  # tap: Counter
    tshark: dict = field(default_factory=dict)  # tap: Counter of classes named, at 128 bytes

    def cuts(self):
        """64 bytes of IPv6 hold no TCP flags: there is nothing to score."""
        return [cut for cut in score.CUTS if cut != "cut" or not self.scenario.v6]


def traffic(scenario, a, b, seed):
    """A's clients talk to B for as long as the scenario says; every dialogue is ended."""
    address = b.v6 if scenario.v6 else b.v4
    seconds = scenario.seconds
    server = dialogues.Server(b, scenario.congestion)
    try:
        with ThreadPoolExecutor(max_workers=64) as pool:
            jobs = [
                pool.submit(dialogues.bulk, a, address, *sizes, seconds, scenario.congestion)
                for sizes in ((scenario.chunk, 0), (0, scenario.chunk))
                for _ in range(scenario.bulk)
            ]
            jobs += [
                pool.submit(
                    *(dialogues.exchange, a, address, scenario.chunk, seconds),
                    scenario.congestion,
                )
                for _ in range(scenario.exchanges)
            ]
            jobs += [
                pool.submit(talk, a, address, seconds, seed + i)
                for talk, count in (
                    (dialogues.requests, scenario.requests),
                    (dialogues.short_connections, scenario.short),
                )
                for i in range(count)
            ]
            for job in jobs:
                job.result()
    finally:
        server.close()
    # Repeats of the last FIN too: then kernel and log have counted the same packets.
    wait_until(
        lambda: a.open_connections() + b.open_connections() == 0,
        "all connections to close",
        seconds=30,
    )
    time.sleep(0.5)  # what is still under way arrives


def record(scenario, box, folder, seed):
    """Runs a scenario; the truth, the captures and kernel.json are then in `folder`."""
    os.makedirs(folder)
    name = f"lglab{os.getpid()}-{scenario.name}"
    with network.opened(box, name, folder, scenario, seed) as lab:
        traffic(scenario, lab.a, lab.b, seed)
        kernel = {"a": lab.a.kernel_counters(), "b": lab.b.kernel_counters()}
        lab.stop_box()
    (folder / "kernel.json").write_text(json.dumps(kernel))


def measure(scenario, lossgazer, folder, with_neighbours):
    """The Result of what was recorded in `folder`."""
    result = Result(scenario)
    log = truth.Truth(folder / "truth.log")
    kernel = json.loads((folder / "kernel.json").read_text())
    result.kernel = {truth.A: kernel["a"]["RetransSegs"], truth.B: kernel["b"]["RetransSegs"]}
    result.packets = len(log.packets)
    sent_again = Counter(p.sender for p in log.packets.values() if p.is_retransmission)
    result.retransmitted = {sender: sent_again[sender] for sender in ADDRESSES}
    for place, tap in enumerate(truth.TAPS):
        frames = log.frames(place)
        senders = {f: log.packets[n[0]].sender for f, n in log.captures[place].items()}
        for sender, totals in log.totals(place).items():
            for frame in frames.values():
                if frame.sender == sender:
                    totals[frame.kind] += frame.packets
                    totals["spurious"] += frame.packets * frame.spurious
                    if frame.kind == "retransmission" and not frame.knowable:
                        totals["not_knowable"] += frame.packets
            result.true[tap, sender] = totals
        for cut in result.cuts():
            verdicts = score.lossgazer_verdicts(lossgazer, folder / f"{tap}.{cut}.pcap")
            left_out = _add_score(result, "lossgazer", tap, cut, frames, senders, verdicts)
            result.left_out += left_out if cut == "whole" else 0
        report = score.lossgazer_report(lossgazer, folder / f"{tap}.view.pcap", "json")
        for sender, addresses in ADDRESSES.items():
            result.told[tap, sender] = told(json.loads(report), addresses)
        if with_neighbours and tap in NEIGHBOUR_TAPS:
            _ask_neighbours(result, folder, tap, frames, senders)
    return result


def told(report, addresses):
    """The counters of a report's rows whose source has one of these addresses, added up.

    What is nested has its label's value after a dot: lost_packets.before.
    """
    sums = Counter()
    for row in report["peers"]:
        if row["source"] in addresses:
            for name, value in row.items():
                if isinstance(value, dict):
                    sums.update({f"{name}.{label}": count for label, count in value.items()})
                elif not isinstance(value, str):
                    sums[name] += value
    return sums


def _add_score(result, tool, tap, cut, frames, senders, verdicts):
    tallies, left_out = score.score(frames, senders, verdicts, tap)
    for (role, name), tally in tallies.items():
        result.tallies[tool, tap, cut, role, name] = tally
    return left_out


def _ask_neighbours(result, folder, tap, frames, senders):
    for cut in NEIGHBOUR_CUTS:
        if cut in result.cuts():
            path = folder / f"{tap}.{cut}.pcap"
            words = {"spurious_retransmission": "spurious"}
            verdicts = {
                frame: ({words.get(name, name) for name in names}, None)
                for frame, names in neighbours.tshark(path).items()
            }
            _add_score(result, "tshark", tap, cut, frames, senders, verdicts)
            if cut == "whole":
                result.tshark[tap] = Counter(c for names, _ in verdicts.values() for c in names)
    path = folder / f"{tap}.whole.pcap"
    if result.scenario.only_acks_lost:
        result.tshark[tap]["gaps"] = neighbours.tshark_gaps(path)
    result.tcptrace[tap] = Counter()
    for row in neighbours.tcptrace(path):
        counts = {name: row[name] for name in ("retransmitted", "out_of_order", "hardware_dups")}
        result.tcptrace[tap].update(counts)


def total(results, tool, taps=truth.TAPS):
    """{(cut, role, class): Tally} over the lab."""
    sums = defaultdict(score.Tally)
    for result in results:
        for (who, tap, cut, role, name), tally in result.tallies.items():
            if who == tool and tap in taps:
                sums[cut, role, name] += tally
    return sums
