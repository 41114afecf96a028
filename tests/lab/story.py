#!/usr/bin/env python3
"""Prints what happened around one captured frame, from a scenario's recordings.

    story.py FOLDER TAP FRAME [PACKETS]     TAP is a, middle or b

Every packet of that connection, both ways, that the tap captured or should have: when, the frame,
who sent it, relative numbers, and what became of it. PACKETS (14) are shown before the frame.
"""

import sys
from pathlib import Path

import truth

AFTER = 6  # packets shown after the frame
FLAGS = "FSRPAUEC"


def story(folder, tap, frame, before):
    log = truth.Truth(folder / "truth.log")
    place = truth.TAPS.index(tap)
    if frame not in log.captures[place]:
        raise SystemExit(f"tap {tap} has no frame {frame}")
    kinds = log.frames(place)
    records = list(truth.records(folder / "truth.log"))
    ports = log.packets[log.captures[place][frame][0]].flow[0]
    sent = {
        record.number: record
        for record in records
        if record.event == truth.SENT and log.packets[record.number].flow[0] == ports
    }
    seen = [
        (record.time, record.frame, sent[record.number])
        for record in records
        if record.event == truth.CAPTURED and record.place == place and record.number in sent
    ]
    captured = {record.number for _, _, record in seen}
    seen += [(record.time, 0, record) for n, record in sent.items() if n not in captured]
    seen.sort(key=lambda entry: entry[:2])
    at = next(i for i, (_, number, _) in enumerate(seen) if number == frame)
    began = seen[at][0]
    for time, number, record in seen[max(0, at - before) : at + AFTER + 1]:
        fate = _fate(log.packets[record.number], kinds.get(number), number)
        mark = "  <<<" if number == frame else ""
        yield f"{(time - began) / 1e6:10.3f} ms  {_line(record, number, log)}  {fate}{mark}"


def _line(record, frame, log):
    packet = log.packets[record.number]
    peer = log.stream(packet.flow[0], 1 - packet.sender)
    ack = peer.offset(record.ack) if peer and record.flags & truth.ACK else 0
    flags = "".join(name for bit, name in enumerate(FLAGS) if record.flags >> bit & 1)
    return (
        f"{f'frame {frame}' if frame else '-':12} {'AB'[packet.sender]} {flags:4}"
        f" {packet.begin}:{packet.end} ack {ack} id {record.ip_id} ts {record.tsval}"
    )


def _fate(packet, kind, frame):
    if not frame:
        return "LOST BEFORE THE TAP (" + ("sent again" if packet.is_retransmission else "new") + ")"
    words = [kind.kind if kind else "new"]
    if kind:
        words += ["spurious"] * kind.spurious + [f"first lost {kind.side}"] * bool(kind.side)
        words += ["not knowable"] * (not kind.knowable)
    return ", ".join(words + ["LOST AFTER"] * (not packet.delivered))


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    folder, tap, frame, *before = sys.argv[1:]
    for line in story(Path(folder), tap, int(frame), int(before[0]) if before else 14):
        print(line)


if __name__ == "__main__":
    main()
