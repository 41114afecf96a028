"""How well a tool's verdicts, frame by frame, agree with the truth: precision and recall."""

import json
import subprocess
from collections import defaultdict

import truth

# What of a frame is captured: 128 bytes, lossgazer's live view, 64 bytes.
CUTS = ("whole", "view", "cut")
CLASSES = ("retransmission", "spurious", "reordered", "duplicate")


class Tally:
    """Hits, false alarms and misses of one class."""

    def __init__(self, hits=0, false=0, missed=0):
        self.hits, self.false, self.missed = hits, false, missed

    def add(self, said, true):
        self.hits += said and true
        self.false += said and not true
        self.missed += true and not said

    def __iadd__(self, other):
        self.hits += other.hits
        self.false += other.false
        self.missed += other.missed
        return self

    @property
    def precision(self):
        """Of what was said, the share that is true; 1 if nothing was said."""
        said = self.hits + self.false
        return self.hits / said if said else 1.0

    @property
    def recall(self):
        """Of what is true, the share that was said; 1 if nothing is true."""
        true = self.hits + self.missed
        return self.hits / true if true else 1.0


def lossgazer_report(program, path, form, *arguments):
    done = subprocess.run(
        [program, "report", "--format", form, *arguments, str(path)],
        **{"text": True, "capture_output": True, "timeout": 120},
    )
    if done.returncode:
        raise RuntimeError(f"report {path}: {done.stderr}")
    return done.stdout


def lossgazer_verdicts(program, path):
    """{frame: (classes, side)}, of each frame's last event: a later one revises."""
    verdicts = {}
    for line in lossgazer_report(program, path, "events").splitlines():
        event = json.loads(line)
        verdict = event["verdict"]
        classes = {"retransmission", "spurious"} if "spurious" in verdict else {verdict}
        verdicts[event["frame"]] = classes, event.get("side")
    return verdicts


def role_of(tap, sender):
    """What a sender's packets are at a tap: "outgoing" at its own, "incoming" at any other."""
    return "outgoing" if (tap, sender) in (("a", truth.A), ("b", truth.B)) else "incoming"


def score(frames, senders, verdicts, tap):
    """{(role, class or "side"): Tally}, and how many frames were left out as not knowable.

    `frames` is the truth of a tap, `senders` who sent each frame captured there. The side is where
    a needed retransmission's first copy was lost, of those that were found; a right side is a hit.
    """
    tallies = defaultdict(Tally)
    left_out = 0
    for number in frames.keys() | verdicts.keys():
        frame = frames.get(number)
        said, said_side = verdicts.get(number, (set(), None))
        role = role_of(tap, senders[number])
        if frame and not frame.knowable:
            left_out += 1
            continue
        true = {frame.kind} if frame else set()
        if frame and frame.spurious:
            true.add("spurious")
        for name in CLASSES:
            tallies[role, name].add(name in said, name in true)
        needed = frame and frame.kind == "retransmission" and not frame.spurious and frame.side
        if needed and "retransmission" in said and "spurious" not in said:
            tallies[role, "side"].add(True, said_side == frame.side)
    return tallies, left_out
