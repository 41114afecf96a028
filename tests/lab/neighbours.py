"""What other passive tools say of a capture file, in one common form.

Only the tools' own words: nothing is judged here. tshark names packets, tcptrace counts them per
connection. Both run with an empty home of their own, so that nobody's settings change their words.

Both read pcap (microseconds or nanoseconds) and pcapng, of Ethernet or raw IP, whole or cut. Of a
packet cut before the end of its TCP header tshark says nothing; tcptrace counts it all the same.
"""

import csv
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

TOOLS = ("tshark", "tcptrace")
TIME_LIMIT = 600  # seconds for one file

# tshark's field: the class it stands for, in lossgazer's words.
TSHARK_CLASSES = {
    "tcp.analysis.retransmission": "retransmission",
    "tcp.analysis.fast_retransmission": "retransmission",
    "tcp.analysis.spurious_retransmission": "spurious_retransmission",
    "tcp.analysis.out_of_order": "reordered",
    "tcp.analysis.keep_alive": "keep_alive",
    "tcp.analysis.zero_window_probe": "window_probe",
}

# What carries TCP here. Every other dissector is off: it costs time, and TCP is judged the same.
TSHARK_PROTOCOLS = {"frame", "eth", "ethertype", "vlan", "sll", "raw", "null", "ip", "ipv6", "tcp"}
TSHARK_SETTINGS = (
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "tcp.track_bytes_in_flight:FALSE",
)

# tcptrace's column, without its direction: our name.
TCPTRACE_COUNTS = {
    "total_packets": "packets",
    "actual_data_pkts": "data_packets",
    "rexmt_data_pkts": "retransmitted",
    "outoforder_pkts": "out_of_order",
    "hardware_dups": "hardware_dups",
}


class NeighbourError(RuntimeError):
    """A tool is missing, or it failed; the text says which, on what file, and why."""


def missing():
    """The names of the tools that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def tshark(path):
    """{frame number, from 1: set of classes}, only of frames tshark names anything.

    A spurious retransmission is also a `retransmission`, as tshark has it. tshark has no class for
    a network's duplicates.
    """
    fields = [word for field in TSHARK_CLASSES for word in ("-e", field)]
    settings = [word for setting in TSHARK_SETTINGS for word in ("-o", setting)]
    with tempfile.TemporaryDirectory() as home:
        Path(home, "disabled_protos").write_text("\n".join(_unneeded_protocols()) + "\n")
        output = _run(
            path,
            home,
            *("tshark", "-n", "-r", os.path.abspath(path), *settings),
            *("-Y", "tcp.analysis.flags", "-T", "fields", "-e", "frame.number", *fields),
        )
    return dict(filter(_has_classes, map(_tshark_line, output.splitlines())))


def tshark_gaps(path):
    """Frames before which tshark misses a segment, or that acknowledge one it has not seen."""
    with tempfile.TemporaryDirectory() as home:
        output = _run(
            path,
            home,
            *("tshark", "-n", "-r", os.path.abspath(path), "-T", "fields", "-e", "frame.number"),
            *("-Y", "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"),
        )
    return len(output.split())


def tcptrace(path):
    """Rows {src, src_port, dst, dst_port, packets, data_packets, retransmitted, out_of_order,
    hardware_dups}: two for each connection, one a direction.

    A tuple that is used again is another connection, with rows of its own. A network's copy is
    counted under hardware_dups and, when it carries data, under retransmitted too. (Triple
    duplicate ACKs, which tcptrace counts only with -r, are not among them.)
    """
    with tempfile.TemporaryDirectory() as home:
        output = _run(path, home, "tcptrace", "-l", "-n", "--csv", os.path.abspath(path))
    lines = output.splitlines()
    table = [line for line in lines if line.startswith("conn_#") or line[:1].isdigit()]
    return [
        row
        for connection in csv.DictReader(table, skipinitialspace=True)
        for row in (
            _tcptrace_row(connection, "a", "b"),
            _tcptrace_row(connection, "b", "a"),
        )
    ]


def _tshark_line(line):
    frame, *marks = line.split("\t")
    return int(frame), {
        name for name, mark in zip(TSHARK_CLASSES.values(), marks, strict=True) if mark
    }


def _has_classes(frame_and_classes):
    return bool(frame_and_classes[1])


def _tcptrace_row(connection, source, destination):
    ends = {
        "src": connection[f"host_{source}"],
        "src_port": int(connection[f"port_{source}"]),
        "dst": connection[f"host_{destination}"],
        "dst_port": int(connection[f"port_{destination}"]),
    }
    return ends | {
        name: int(connection[f"{column}_{source}2{destination}"])
        for column, name in TCPTRACE_COUNTS.items()
    }


@functools.cache
def _unneeded_protocols():
    """The dissectors this tshark has, by the names its `disabled_protos` file wants."""
    with tempfile.TemporaryDirectory() as home:
        listing = _run("its list of protocols", home, "tshark", "-G", "protocols")
    known = {line.split("\t")[2] for line in listing.splitlines()}
    return sorted(known - TSHARK_PROTOCOLS)


def _run(subject, home, tool, *arguments):
    """What the tool prints about the subject; its own settings are looked for in `home` only."""
    executable = shutil.which(tool)
    if executable is None:
        raise NeighbourError(f"{tool} is not installed (packaging/install-dependencies test)")
    environment = {
        "HOME": home,
        "LC_ALL": "C",
        "PATH": os.environ["PATH"],
        "WIRESHARK_CONFIG_DIR": home,
    }
    try:
        done = subprocess.run(
            [executable, *arguments],
            **{"env": environment, "cwd": home, "stdin": subprocess.DEVNULL},
            **{"capture_output": True, "text": True, "errors": "replace", "timeout": TIME_LIMIT},
        )
    except subprocess.TimeoutExpired:
        raise NeighbourError(f"{tool}: {subject}: not done after {TIME_LIMIT} s") from None
    if done.returncode != 0:
        why = done.stderr.strip() or done.stdout.strip()
        raise NeighbourError(f"{tool}: {subject}: status {done.returncode}: {why}")
    return done.stdout
