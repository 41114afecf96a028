#!/usr/bin/env python3
"""A long run: connections that come and go on a lossy path, and what lossgazer costs and counts.

    soak.py LOSSGAZER [--minutes 10] [--rate 100]

RATE is how many connections begin in a second. Prints memory every half minute, and ends with 1 if
memory grew in the second half, a packet was dropped, a retransmission differs from the kernel's
count, or losses from the router's by more than 2 %. Takes root.
"""

import argparse
import os
import random
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SAMPLE_SECONDS = 2
GROWTH_KIB = 512  # what the allocator may still take in the second half
LOSS_TOLERANCE = 0.02
SIZES = (0, 100, 600, 5_000, 40_000)


def memory_kib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def produce(lab, seconds, rate, sample):
    """Connections, `rate` of them a second, for so long; how many, and the samples of memory."""
    from traffic import exchange

    dice = random.Random(1)
    samples, count = [], 0
    begin = time.monotonic()
    with ThreadPoolExecutor(max_workers=64) as pool:
        jobs = []
        while (passed := time.monotonic() - begin) < seconds:
            for _ in range(int(passed * rate) - count):
                address = dice.choice((lab.PEER, lab.PEER_V6))
                sizes = dice.choice(SIZES), dice.choice(SIZES)
                jobs.append(pool.submit(exchange, lab.us, address, *sizes))
                count += 1
            jobs = [job for job in jobs if not job.done() or job.result()]
            if passed >= len(samples) * SAMPLE_SECONDS:
                samples.append(sample())
                if len(samples) % 15 == 1:
                    text = f"{passed:6.0f} s  {count:8} connections  {samples[-1]:8} KiB"
                    print(text, flush=True)
            time.sleep(0.02)
    return count, samples


def faults(lab, metrics, samples, again):
    """What is not as it has to be, a line each."""
    quarter = len(samples) // 4
    third, last = samples[-2 * quarter : -quarter], samples[-quarter:]
    growth = statistics.median(last) - statistics.median(third)
    if growth > GROWTH_KIB:
        yield f"memory grew by {growth} KiB from the third quarter to the last"
    if dropped := metrics.sum("capture_dropped_packets_total"):
        yield f"{dropped:.0f} packets were dropped"
    if refused := metrics.sum("tracking_refusals_total"):
        yield f"{refused:.0f} times there was no room to track"
    told = metrics.sum("retransmitted_segments_total", direction="egress")
    if told != again:
        yield f"{told:.0f} segments were sent again, and {again} by the kernel"
    for direction, source in (("egress", "us"), ("ingress", "peer")):
        lost, truth = metrics.sum("lost_packets_total", direction=direction), lab.lost(source)
        print(f"{direction}: {lost:.0f} packets lost, and {truth} by the router")
        if abs(lost - truth) > max(4, LOSS_TOLERANCE * truth):
            yield f"{direction}: {lost:.0f} packets lost, and {truth} by the router"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lossgazer")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=100)
    options = parser.parse_args()
    os.environ["LOSSGAZER"] = os.path.abspath(options.lossgazer)

    from netlab import Lab
    from programs import Lossgazer
    from system_test_case import rest
    from traffic import Server

    lab = Lab()
    lossgazer = server = None
    try:
        server = Server(lab.peer)
        before = lab.us.kernel_counters()["RetransSegs"]
        # Flows are forgotten, and met anew, many times over.
        lossgazer = Lossgazer(lab.us, "-i", "us0", "--flows.idle", "20s")
        lab.lose_segments("us", per_mille=10)
        # Of the peer's, those with numbers: on a path of microseconds nothing else tells a repeat
        # from a late original, nor the first SYN-ACK from the second.
        lab.lose("peer", "meta nfproto ipv4 tcp flags & syn == 0 meta length > 100", 10)
        pid = lossgazer.process.pid
        count, samples = produce(
            lab, options.minutes * 60, options.rate, lambda: memory_kib(pid)
        )
        metrics = rest(lossgazer, (lab.us, lab.peer))
        again = lab.us.kernel_counters()["RetransSegs"] - before
        found = list(faults(lab, metrics, samples, again))
        packets = metrics.sum("capture_packets_total")
        print(f"{count} connections, {packets:.0f} packets, {again} segments sent again")
        print(f"memory: {samples[len(samples) // 2]} KiB half-way, {samples[-1]} KiB at the end")
    finally:
        if lossgazer:
            lossgazer.stop()
        if server:
            server.close()
        lab.remove()
    print("\n".join(found) or "Nothing was lost, and nothing grew.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
