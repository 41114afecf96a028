"""lossgazer live at A's interface, against its own report of what tcpdump wrote meanwhile."""

import json
import os
from dataclasses import dataclass, field

import measure
import network
import score
import truth
from programs import LOSSGAZER, Lossgazer, Tcpdump
from system_test_case import rest

LOCAL = ("--local", network.A_V4)
# Nested in the report, and the label of the metric.
LABELS = {
    "lost_packets": "side",
    "lost_packets_by_method": "method",
    "handshake_retransmissions": "handshake",
    "connections": "outcome",
}
# Live, time passes without packets too: a repeat may settle before its answer comes.
NOT_COMPARED = {"peer", "direction", "unanswered_segments", "rtt_seconds"}


@dataclass
class LiveResult:
    scenario: object
    compared: int = 0  # counters
    differences: list = field(default_factory=list)  # "direction counter: live 3, report 4"
    lost: dict = field(default_factory=dict)  # direction: (counted live, truth)


def run(scenario, box, folder, seed):
    """Runs a scenario with lossgazer and tcpdump in A."""
    os.makedirs(folder)
    file = folder / "live.pcap"
    name = f"lglab{os.getpid()}-live-{scenario.name}"
    with network.opened(box, name, folder, scenario, seed) as lab:
        tcpdump = Tcpdump(lab.a, network.DEVICE, file, 128)
        lossgazer = None
        try:
            lossgazer = Lossgazer(lab.a, "-i", network.DEVICE, *LOCAL)
            measure.traffic(scenario, lab.a, lab.b, seed)
            metrics = rest(lossgazer, (lab.a, lab.b))
            tcpdump.finish()
        finally:
            tcpdump.stop()
            if lossgazer:
                lossgazer.stop()
        lab.stop_box()
    report = json.loads(score.lossgazer_report(LOSSGAZER, file, "json", *LOCAL))
    result = LiveResult(scenario)
    compare(result, metrics, report)
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
        labels = {"peer": row["peer"], "direction": row["direction"]}
        for name in row.keys() - NOT_COMPARED:
            label = LABELS.get(name)
            metric = name.removesuffix("_by_method") + "_total"
            values = row[name].items() if label else [(None, row[name])]
            for value, count in values:
                extra = {label: value} if label else {}
                live = metrics.sum(metric, **labels, **extra)
                result.compared += 1
                if live != count:
                    what = f"{name} {value}" if value else name
                    result.differences.append(
                        f"{row['direction']} {what}: live {live:.0f}, report {count}"
                    )
    result.differences.sort()
