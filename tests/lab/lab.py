#!/usr/bin/env python3
"""Runs the lab: real TCP through an impaired network, and lossgazer's verdicts held to the truth.

Ends with 1 if a gate does not hold, and with 77, for skipped, where network namespaces cannot be
made or a tool is missing. README.md says what is measured.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

AT_ONCE = 2
SCENARIO_TIME_LIMIT = 150  # seconds; then it ends and cleans up by itself
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21


def why_skip(with_neighbours):
    """What is missing for the lab; None if nothing is."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    capabilities = int(status["CapEff"], 16)
    if not all(capabilities >> needed & 1 for needed in (CAP_NET_ADMIN, CAP_SYS_ADMIN)):
        return "making network namespaces takes root (CAP_NET_ADMIN and CAP_SYS_ADMIN)"
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    tools = ("ip", "tcpdump") + ("tshark", "tcptrace") * with_neighbours
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"no {', '.join(missing)} (packaging/install-dependencies test)" if missing else None


def give_up(number, _frame):
    raise TimeoutError(f"ended by {signal.Signals(number).name}")


def run_one(job):
    """Runs and measures one scenario, in a worker process; its recordings go."""
    import live
    import measure

    scenario, is_live, options, folder = job
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, give_up)
    signal.alarm(SCENARIO_TIME_LIMIT)
    began = time.monotonic()
    try:
        if is_live:
            folder /= f"live-{scenario.name}"
            result = live.run(scenario, options.box, folder, options.seed)
        else:
            folder /= scenario.name
            measure.record(scenario, options.box, folder, options.seed)
            result = measure.measure(scenario, options.lossgazer, folder, options.neighbours)
    finally:
        signal.alarm(0)
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{folder.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return result


def run_all(options, folder):
    """(results, live results), in the scenarios' order."""
    from scenarios import LIVE, SCENARIOS

    chosen = [s for s in SCENARIOS if not options.scenario or s.name in options.scenario]
    if unknown := set(options.scenario) - {s.name for s in SCENARIOS}:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}")
    jobs = [(s, True, options, folder) for s in chosen if s.name in LIVE]
    jobs += [(s, False, options, folder) for s in chosen]
    with ProcessPoolExecutor(max_workers=AT_ONCE) as pool:
        results = list(pool.map(run_one, jobs))
    live_count = len(jobs) - len(chosen)
    return results[live_count:], results[:live_count]


def show(results, live_results, options):
    import tables

    print(tables.scenarios(results))
    print(tables.classes(results))
    print(tables.side(results))
    print(tables.census(results))
    print(tables.after(results))
    print(tables.kernel(results))
    print(tables.clean(results))
    if live_results:
        print(tables.live(live_results))
    if options.neighbours:
        beside = tables.neighbours(results)
        for table in beside:
            print(table.text())
        if options.markdown:
            text = "\n\n".join(table.markdown() for table in beside)
            Path(options.markdown).write_text(text + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lossgazer", help="the program", type=os.path.abspath)
    parser.add_argument("box", help="impairment_box", type=os.path.abspath)
    parser.add_argument("--scenario", action="append", default=[], help="only this; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="of the box and the traffic [1]")
    parser.add_argument("--keep", metavar="FOLDER", help="keep all recordings in this new folder")
    parser.add_argument("--neighbours", action="store_true", help="ask tshark and tcptrace too")
    parser.add_argument("--markdown", metavar="FILE", help="write the neighbours' tables there")
    parser.add_argument(
        "--gates",
        **{"action": argparse.BooleanOptionalAction, "default": True},
        help="end with 1 if what is demanded does not hold",
    )
    return parser.parse_args()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    options = parse_arguments()
    os.environ["LOSSGAZER"] = options.lossgazer
    if reason := why_skip(options.neighbours):
        print(f"skipped: {reason}")
        return 77
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lossgazer-lab-") as temporary:
        results, live_results = run_all(options, Path(options.keep or temporary).absolute())
    show(results, live_results, options)
    print(f"\n{time.monotonic() - began:.0f} s, seed {options.seed}")
    if not options.gates:
        return 0
    import gates

    failures = gates.failures(results, live_results)
    for failure in failures:
        print(f"GATE FAILED: {failure}")
    if not failures:
        print("All gates hold.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
