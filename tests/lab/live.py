"""lossgazer live at A's interface, against its own report of the same view of tcpdump's file.

The interface belongs to a program of ours, so that tcpdump beside it has the same time of every
packet, and all must be equal: counters, round-trip times, and events.
"""

import contextlib
import json
import os
from collections import Counter
from dataclasses import dataclass, field

import measure
import network
import score
import truth
from live_view import cut_to_live_view
from netlab import one_processor
from programs import LOSSGAZER, Lossgazer, Tcpdump, lossgazer_writing
from system_test_case import rest

LOCAL = ("--local", network.A_V4)
# Nested in the report, and the label of the metric.
LABELS = {
    "lost_packets": "side",
    "lost_packets_by_method": "method",
    "handshake_retransmissions": "handshake",
    "connections": "outcome",
}
WHERE = {"frame", "interface"}  # a packet was found, in a file or live


@dataclass
class LiveResult:
    scenario: object
    compared: int = 0  # counters
    events: int = 0
    differences: list = field(default_factory=list)  # "direction counter: live 3, report 4"
    lost: dict = field(default_factory=dict)  # direction: (counted live, truth)


def run(scenario, box, folder, seed):
    """Runs a scenario with lossgazer and tcpdump in A."""
    os.makedirs(folder)
    file, view = folder / "live.pcap", folder / "live.view.pcap"
    events = folder / "live.jsonl"
    name = f"lglab{os.getpid()}-live-{scenario.name}"
    with contextlib.ExitStack() as stack:
        with one_processor():
            lab = stack.enter_context(network.opened(box, name, folder, scenario, seed))
        tcpdump = Tcpdump(lab.a, network.DEVICE, file, 128)
        lossgazer = None
        try:
            lossgazer = Lossgazer(
                *(lab.a, "-i", network.DEVICE, *LOCAL, "--events.to", "-"),
                program=lossgazer_writing(events),
            )
            with one_processor():
                measure.traffic(scenario, lab.a, lab.b, seed)
            metrics = rest(lossgazer, (lab.a, lab.b))
            tcpdump.finish()
        finally:
            tcpdump.stop()
            if lossgazer:
                lossgazer.stop()
        lab.stop_box()
    cut_to_live_view(file, view)
    result = LiveResult(scenario)
    compare(result, metrics, json.loads(score.lossgazer_report(LOSSGAZER, view, "json", *LOCAL)))
    compare_events(
        result,
        events.read_text().splitlines(),
        score.lossgazer_report(LOSSGAZER, view, "events", *LOCAL).splitlines(),
    )
    log = truth.Truth(folder / "truth.log")
    totals = log.totals(truth.TAPS.index("a"))
    for direction, fate, sender in (
        ("egress", "lost_after", truth.A),
        ("ingress", "lost_before", truth.B),
    ):
        counted = metrics.sum("lost_packets_total", direction=direction)
        result.lost[direction] = int(counted), totals[sender][fate], totals[sender][f"{fate}_ack"]
    return result


def compare(result, metrics, report):
    """Every counter of the report's rows with the live metric of the same name and labels."""
    for row in report["peers"]:
        labels = {"peer": row.pop("peer"), "direction": row.pop("direction")}
        rtt = row.pop("rtt_seconds")
        pairs = [(f"rtt_seconds_{part}", rtt[part], {}) for part in ("sum", "count")]
        for name, told in row.items():
            metric = name.removesuffix("_by_method") + "_total"
            label = LABELS.get(name)
            pairs += (
                [(metric, count, {label: value}) for value, count in told.items()]
                if label
                else [(metric, told, {})]
            )
        for metric, count, extra in pairs:
            live = metrics.sum(metric, **labels, **extra)
            result.compared += 1
            if live != count:
                what = " ".join([labels["direction"], metric, *extra.values()])
                result.differences.append(f"{what}: live {live:.9g}, report {count:.9g}")
    result.differences.sort()


def compare_events(result, live, report):
    """What each line says of its packet, the time included, in whatever order they were told."""
    told, expected = (Counter(map(of_packet, lines)) for lines in (live, report))
    result.events = told.total()
    for which, more, less in (("live", told, expected), ("report", expected, told)):
        result.differences += [f"event of the {which} alone: {e}" for e in (more - less).elements()]


def of_packet(line):
    event = json.loads(line)
    return json.dumps({key: event[key] for key in sorted(event.keys() - WHERE)})
