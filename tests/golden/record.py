#!/usr/bin/env python3
"""Records the golden captures anew, as root: real kernel TCP through a router that loses packets.

    tests/golden/record.py LOSSGAZER

Prints what the kernel and the router counted, for README.md beside it; look at every verdict before
you commit one.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from netlab import Lab  # noqa: E402
from traffic import Server, exchange  # noqa: E402


def record(lossgazer, name, lossy, per_mille, send, receive, peer=Lab.PEER):
    lab = Lab()
    try:
        server = Server(lab.peer)
        lab.lose_payload(lossy, per_mille)
        before = lab.us.kernel_counters()["RetransSegs"], lab.peer.kernel_counters()["RetransSegs"]
        path = HERE / f"{name}.pcap"
        dump = subprocess.Popen(
            lab.us.command("tcpdump", "-i", "us0", "-s", "64", "-U", "-w", path, "tcp"),
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        exchange(lab.us, peer, send, receive)
        time.sleep(1)
        dump.terminate()
        dump.wait(10)
        after = lab.us.kernel_counters()["RetransSegs"], lab.peer.kernel_counters()["RetransSegs"]
        print(
            f"{name}: the router lost {lab.lost(lossy)} packets with data; TcpRetransSegs:"
            f" {after[0] - before[0]} of us, {after[1] - before[1]} of the peer"
        )
        server.close()
    finally:
        lab.remove()
    for format in ("json", "events"):
        text = subprocess.run(
            [lossgazer, "report", "--local", "192.0.2.0/24", "--format", format, path],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        path.with_suffix("." + format).write_text(text)


if __name__ == "__main__":
    record(sys.argv[1], "egress_loss", "us", 40, 400_000, 0)
    record(sys.argv[1], "ingress_loss", "peer", 40, 0, 400_000)
