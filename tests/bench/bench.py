#!/usr/bin/env python3
"""What lossgazer costs, each figure beside a reference of the same run, as one table.

    bench.py BUILD [--runs 5] [--only NAME ...]
    bench.py BUILD --instructions [--update]

BUILD is a build of the preset `bench`. Makes its own traffic and captures, in namespaces of its own
(as root; else what is live is left out). Times are CPU times of whole processes, medians of RUNS,
or of three where one takes long; a ratio is the median of the turns' ratios.
tcptrace, tshark, argus and tcpdump are measured too, where they are installed.

With --instructions it counts instructions (by valgrind's callgrind) instead, which no other process
disturbs. It ends with 1 if a packet takes more of them, in relation to libpcap alone, than
baseline.json says, by more than 5 %; --update writes that file.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from netlab import Namespace  # noqa: E402
from programs import Lossgazer, Process  # noqa: E402

BASELINE = HERE / "baseline.json"
MARGIN = 0.05
LOCAL = ("--local", "192.0.2.0/24")
MILLION = 1_000_000
METRICS_URL = "http://127.0.0.1:10119/metrics"
DROPPED = "capture_dropped_packets_total"


class Bench:
    def __init__(self, build, runs, folder):
        self.programs = Path(build, "tests/bench")
        self.lossgazer = str(Path(build, "app/lossgazer"))
        self.runs = runs
        self.folder = Path(folder)
        self.rows = []

    def program(self, name):
        return str(self.programs / name)

    def capture(self, flows, packets=MILLION, **options):
        """A capture of benchmark traffic; made once."""
        name = "-".join(map(str, (flows, packets, *sorted(options.items()))))
        path = self.folder / f"{name}.pcap"
        if not path.exists():
            more = [f"--{key}={value}" for key, value in options.items()]
            numbers = [f"--flows={flows}", f"--packets={packets}"]
            subprocess.run([self.program("make_capture"), path, *numbers, *more], check=True)
        return str(path)

    def report(self, path):
        return [self.lossgazer, "report", *LOCAL, path]

    def row(self, measure, figure, goal="", met=None):
        verdict = {None: "", True: "yes", False: "no"}[met]
        self.rows.append((measure, figure, goal, verdict))
        print(f"{measure}: {figure}" + (f" (goal {goal}: {verdict})" if goal else ""), flush=True)

    def table(self):
        lines = [("measure", "measured", "goal", "met"), ("---",) * 4, *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cost(command):
    """(CPU seconds, greatest resident MB) of a process that is run to its end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def together(commands, runs):
    """The CPU seconds of each command's runs, which take turns: {name: [seconds, ...]}."""
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(cost(command)[0])
    return times


def median_ratio(times, others):
    """Of each run to the one of its turn: a machine whose speed drifts changes both alike."""
    return statistics.median(each / other for each, other in zip(times, others, strict=True))


def stages(bench):
    """What each stage takes, from memory, and judging beside looking up."""
    out = bench.folder / "stages.json"
    subprocess.run(
        [
            bench.program("stage_bench"),
            f"--benchmark_repetitions={bench.runs}",
            "--benchmark_report_aggregates_only=true",
            f"--benchmark_out={out}",
            "--benchmark_out_format=json",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    ns = {}
    for entry in json.loads(out.read_text())["benchmarks"]:
        if entry.get("aggregate_name") == "median":
            name = entry["run_name"].removeprefix("time_").split("/iterations")[0]
            ns[name] = 1e9 / entry["items_per_second"]
    for name, value in ns.items():
        if not name.startswith(("judge", "lookup")):
            bench.row(f"stage {name}", f"{value:.1f} ns")
    few, many = ns["judge/1000"], ns["judge/1000000"]
    ratio = few / ns["lookup/1000"]
    bench.row(
        "decode, look up and judge; 1,000 flows",
        f"{few:.0f} ns, {ratio:.1f}× decoding and looking up ({ns['lookup/1000']:.0f} ns)",
        "≤ 2×, ≤ 70 ns",
        ratio <= 2 and few <= 70,
    )
    ratio = many / ns["lookup/1000000"]
    bench.row(
        "the same, 1,000,000 flows, cold",
        f"{many:.0f} ns, {ratio:.1f}× ({ns['lookup/1000000']:.0f} ns),"
        f" {many / few:.1f}× of 1,000 flows",
        "≤ 2×, ≤ 3×",
        ratio <= 2 and many <= 3 * few,
    )


def others(bench, flows, least):
    """lossgazer beside the other programs that judge a capture; `least`: how many times as fast."""
    path, small = bench.capture(flows), bench.capture(flows, MILLION // 5)
    commands = {
        "tcptrace": ["tcptrace", "-n", path],
        "argus": ["argus", "-r", path, "-w", "/dev/null"],
        "tshark": ["tshark", "-n", "-r", small, "-Y", "tcp.analysis.retransmission"],
    }
    commands = {name: run for name, run in commands.items() if shutil.which(name)}
    if not commands:
        return
    scale = {"tshark": 5}
    took = together({"lossgazer": bench.report(path), **commands}, 3)
    for name in commands:
        ratio = scale.get(name, 1) * median_ratio(took[name], took["lossgazer"])
        wanted = least.get(name)
        bench.row(
            f"… {name} on the same packets",
            f"{ratio:.1f}× lossgazer's CPU",
            f"≥ {wanted}×" if wanted else "",
            ratio >= wanted if wanted else None,
        )


def report(bench):
    """A whole process that judges a capture, beside libpcap alone."""
    for flows, most in ((64, 2), (100_000, 3)):
        path = bench.capture(flows)
        took = together(
            {"bare": [bench.program("bare_counter"), path], "ours": bench.report(path)}, bench.runs
        )
        ratio = median_ratio(took["ours"], took["bare"])
        ours, bare = (statistics.median(took[name]) * 1e3 for name in ("ours", "bare"))
        bench.row(
            f"report, 1,000,000 packets of {flows:,} flows",
            f"{ours:.0f} ns a packet, {ratio:.1f}× libpcap alone ({bare:.0f} ns)",
            f"≤ {most}×",
            ratio <= most,
        )
        if flows == 100_000:
            megabytes = cost(bench.report(path))[1]
            bench.row("… memory", f"{megabytes:.0f} MB", "< 64 MB", megabytes < 64)
        others(bench, flows, {"tcptrace": 1.8, "tshark": 30} if flows == 64 else {"tcptrace": 15})
    lossy = together({"ours": bench.report(bench.capture(1000, loss=20, churn=50))}, bench.runs)
    figure = f"{statistics.median(lossy['ours']) * 1e3:.0f} ns a packet"
    bench.row("… of 1,000 flows that lose 2 % and end after 50", figure)


def growth(bench):
    """Time as flows and packets grow, and the memory of a flow."""
    figures = []
    for flows in (1000, 10_000, 100_000, MILLION):
        packets = max(MILLION, 3 * flows)
        seconds, megabytes = cost(bench.report(bench.capture(flows, packets)))
        figures.append(f"{flows:,}: {seconds * 1e9 / packets:.0f} ns, {megabytes:.0f} MB")
        if flows == 1000:
            least = megabytes
    bench.row("report, by flows", "; ".join(figures), "1,000,000 < 512 MB", megabytes < 512)
    bytes_a_flow = (megabytes - least) * 2**20 / MILLION
    bench.row("memory of a flow", f"{bytes_a_flow:.0f} bytes", "≤ 300 bytes", bytes_a_flow <= 300)
    figures = []
    for packets in (100_000, MILLION, 10 * MILLION):
        seconds, _ = cost(bench.report(bench.capture(1000, packets)))
        figures.append(f"{packets:,}: {seconds * 1e9 / packets:.0f} ns")
    bench.row("report, by packets", "; ".join(figures))
    Path(bench.capture(1000, 10 * MILLION)).unlink()


class Wire:
    """Two namespaces on a veth pair: frames are sent into one, and captured in the other."""

    def __init__(self):
        self.here = self.there = None
        self.here = Namespace(f"lgbench{os.getpid()}a")
        self.there = Namespace(f"lgbench{os.getpid()}b")
        self.here.ip("link", "add", "cap0", "type", "veth",
                     "peer", "name", "out0", "netns", self.there.name)  # fmt: skip
        for namespace, name in ((self.here, "cap0"), (self.there, "out0")):
            namespace.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 1)
            namespace.ip("link", "set", name, "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for namespace in (self.here, self.there):
            if namespace:
                namespace.remove()

    def send(self, bench, packets, rate=0, **options):
        """Sends benchmark traffic; returns how many packets a second that were."""
        more = [f"--{key}={value}" for key, value in options.items()]
        numbers = [f"--packets={packets}", f"--rate={rate}"]
        done = subprocess.run(
            self.there.command(bench.program("send_frames"), "out0", *numbers, *more),
            check=True,
            capture_output=True,
            text=True,
        )
        return packets / float(done.stdout.split()[3])

    def cost(self, command, traffic, settle=2):
        """CPU seconds of a program that is ended once the traffic has passed."""
        program = Process(self.here, *command)
        time.sleep(settle)
        before = cpu_seconds(program.process.pid)
        traffic()
        time.sleep(settle)
        spent = cpu_seconds(program.process.pid) - before
        program.stop()
        return spent


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    """Resident memory, but for the kernel's ring."""
    kilobytes, counts = 0, True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):  # the head of a mapping
            counts = not fields[-1].startswith("socket:")
        elif fields[0] == "Rss:" and counts:
            kilobytes += int(fields[1])
    return kilobytes / 1024


def ours_live(bench, *arguments):
    return [bench.lossgazer, "-i", "cap0", *LOCAL, *arguments]


def live(bench):
    """A veth's packets: CPU beside a bare counter's and tcpdump's, and drops at full speed."""
    packets, rate = MILLION, 200_000
    with Wire() as wire:
        commands = {
            "bare": [bench.program("bare_counter"), "-i", "cap0"],
            "tcpdump": ["tcpdump", "-i", "cap0", "-s", "64", "-w", "/dev/null", "tcp"],
            "ours": ours_live(bench),
        }
        spent = {name: [] for name in commands}
        for _ in range(min(bench.runs, 3)):
            for name, command in commands.items():
                seconds = wire.cost(command, lambda: wire.send(bench, packets, rate))
                spent[name].append(seconds * 1e9 / packets)
        ns = {name: statistics.median(values) for name, values in spent.items()}
        for name, most in (("bare", 2.5), ("tcpdump", 1.5)):
            ratio = median_ratio(spent["ours"], spent[name])
            bench.row(
                f"live, 1,000 flows at 200,000 a second, beside {name}",
                f"{ns['ours']:.0f} ns a packet, {ratio:.1f}× ({ns[name]:.0f} ns)",
                f"≤ {most}×",
                ratio <= most,
            )
        speeds, dropped = [], 0
        for _ in range(3):  # the same connections: each time of another lossgazer
            with running(bench, wire) as lossgazer:
                speeds.append(wire.send(bench, 4 * MILLION))
                time.sleep(1)
                dropped += lossgazer.metrics().sum(DROPPED)
        bench.row(
            f"live, as fast as one core sends ({statistics.median(speeds) / 1e6:.2f} M a second)",
            f"{dropped:,.0f} of 12,000,000 packets dropped",
            "0",
            dropped == 0,
        )


@contextmanager
def running(bench, wire, *arguments):
    """A live lossgazer that captures."""
    command = ours_live(bench, *arguments)
    lossgazer = Lossgazer(wire.here, *command[1:], program=command[:1])
    try:
        yield lossgazer
    finally:
        lossgazer.stop()


def starting(bench, wire):
    """How many seconds it takes until it captures."""
    begin = time.monotonic()
    lossgazer = Process(wire.here, *ours_live(bench))
    while lossgazer.get(10119, "/-/ready")[0] != 200:
        if time.monotonic() - begin > 10:
            raise TimeoutError(f"lossgazer is not ready:\n{lossgazer.errors()}")
        time.sleep(0.002)
    took = time.monotonic() - begin
    lossgazer.stop()
    return took


def serving(bench):
    """Its start, its memory when idle, and scrapes of many peers."""
    with Wire() as wire:
        started = statistics.median(starting(bench, wire) for _ in range(bench.runs))
        figure = f"{started * 1e3:.0f} ms"
        bench.row("start, until it captures", figure, "≤ 100 ms", started <= 0.1)
    with Wire() as wire, running(bench, wire) as lossgazer:
        idle = resident_mb(lossgazer.process.pid)
        bench.row("memory, idle, beside the ring", f"{idle:.0f} MB", "< 20 MB", idle < 20)
        scrape(bench, wire, lossgazer, 1000, 0.06)
        with ThreadPoolExecutor(4) as pool:
            scrapes = [pool.submit(lossgazer.page) for _ in range(40)]
            wire.send(bench, MILLION, 200_000)
            for each in scrapes:
                each.result()
        time.sleep(1)
        dropped = lossgazer.metrics().sum(DROPPED)
        figure = f"{dropped:.0f} packets dropped"
        bench.row("… four at once, at 200,000 packets a second", figure, "0", dropped == 0)
    with Wire() as wire, running(bench, wire, "--peers.max=10000") as lossgazer:
        scrape(bench, wire, lossgazer, 10_000, 0.8)


def scrape(bench, wire, lossgazer, peers, most):
    wire.send(bench, 10 * peers, 50_000, flows=peers, peers=peers)
    time.sleep(1)
    times = []
    for _ in range(bench.runs):
        asked = "%{time_total} %{size_download}"
        curl = wire.here.command("curl", "-s", "-o", "/dev/null", "-w", asked, METRICS_URL)
        seconds, size = map(float, subprocess.check_output(curl, text=True).split())
        times.append(seconds)
    took = statistics.median(times)
    bench.row(
        f"scrape of {peers:,} peers",
        f"{took * 1e3:.0f} ms, {size / 1e6:.1f} MB, {took * 1e9 / size:.0f} ns a byte",
        f"≤ {most * 1e3:.0f} ms",
        took <= most,
    )


def instructions(command):
    """How many a process executes."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command],
            capture_output=True,
            text=True,
            check=True,
        )
    return int(done.stderr.rsplit("Collected : ", 1)[1].split()[0])


def instruction_ratios(bench):
    """Instructions a packet, in relation to those of libpcap alone, which are among them."""
    for name, options in {
        "bulk": {"flows": 64},
        "lossy": {"flows": 1000, "loss": 20, "churn": 50},
        "many flows": {"flows": 20_000},
    }.items():
        # What starting takes is left out: two captures' difference.
        short, long = (bench.capture(packets=packets, **options) for packets in (50_000, 150_000))
        ours = instructions(bench.report(long)) - instructions(bench.report(short))
        counter = bench.program("bare_counter")
        bare = instructions([counter, long]) - instructions([counter, short])
        yield name, ours / bare


def check_instructions(bench, update):
    ratios = dict(instruction_ratios(bench))
    if update:
        text = json.dumps({name: round(ratio, 3) for name, ratio in ratios.items()}, indent=2)
        BASELINE.write_text(text + "\n")
        return 0
    failed = 0
    for name, before in json.loads(BASELINE.read_text()).items():
        now = ratios[name]
        worse = now > before * (1 + MARGIN)
        failed |= worse
        print(f"{name}: {now:.2f} times libpcap's instructions; {before:.2f} before", end="")
        print(", worse" if worse else "")
    return int(failed)


def main():
    parts = {part.__name__: part for part in (stages, report, growth, live, serving)}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(options.build), options.runs, folder)
        if options.instructions:
            return check_instructions(bench, options.update)
        for name in options.only:
            if parts[name] in (live, serving) and os.geteuid() != 0:
                print(f"{name}: left out, it takes root")
                continue
            parts[name](bench)
        print("\n" + bench.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
