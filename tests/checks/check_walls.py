#!/usr/bin/env python3
"""Fails when a room of the source tree includes or uses what its walls forbid.

    check_walls.py SOURCE_DIR

Tests may look behind any wall; only the rooms of the product are checked.
"""

import re
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

ROOMS = ("app", "capture", "analyzer", "metrics")

# Which rooms a room may include.
ROOM_SEES = {
    "analyzer": {"analyzer"},
    "capture": {"analyzer", "capture"},
    "metrics": {"analyzer", "metrics"},
    "app": {"analyzer", "capture", "metrics", "app"},
}

# Headers (by the start of their name) and the only files that may include them.
ONLY_IN = [
    (r"pcap(\.h|/)", r"capture/(pcap_source|view_filter)\.cc"),
    (r"bpf/", r"capture/retransmit_program\.cc"),
    (r"(concurrentqueue/|moodycamel/)", r"capture/bounded_queue\.h"),
    (r"(prometheus/|microhttpd)", r"metrics/.*"),
    (r"gnutls/", r"metrics/(basic_auth|http_get|http_server|tls_credentials)\.cc"),
    (r"crypt\.h", r"metrics/basic_auth\.cc"),
    (r"zlib\.h", r"metrics/gzip\.cc"),
    (r"(curses\.h|ncurses|term\.h)", r"app/top/terminal\.cc"),
    (r"nlohmann/", r"app/top/board\.cc"),
    (r"yaml-cpp/", r"(app/config_file|metrics/(web_config|yaml_document))\.cc"),
    (r"(CLI/|spdlog/|cap-ng|sys/capability|seccomp|maxminddb)", r"app/.*"),
]

# analyzer is pure: of the standard library, not what does I/O, starts threads or shares memory. How
# large tables lie in memory, one file tells the system.
MEMORY = ("analyzer/zeroed_memory.cc", "sys/mman.h")
STANDARD_HEADER = re.compile(r"[a-z_0-9]+")
IMPURE_HEADER = re.compile(
    r"(atomic|barrier|condition_variable|csignal|cstdio|ctime|filesystem|fstream|future|iostream|"
    r"latch|mutex|random|semaphore|shared_mutex|stop_token|syncstream|thread)"
)
CLOCK = re.compile(r"::now\s*\(")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Line(NamedTuple):
    room: str
    path: str  # relative to the tree
    number: int
    text: str


def lines_of(root: Path) -> Iterator[Line]:
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            if file.suffix in (".h", ".cc"):
                path = file.relative_to(root).as_posix()
                for number, text in enumerate(file.read_text().splitlines(), 1):
                    yield Line(room, path, number, text)


def breaches(line: Line) -> Iterator[str]:
    """What this line does that the walls forbid, in words."""
    if line.room == "analyzer" and CLOCK.search(line.text):
        yield "reads a clock; analyzer learns time from packets and tick() alone"
    include = INCLUDE.match(line.text)
    if not include:
        return
    quote, header = include.groups()
    if quote == '"':
        if header.split("/")[0] not in ROOM_SEES[line.room]:
            yield f'"{header}" is not for {line.room}/'
        return
    if line.room == "analyzer" and (line.path, header) != MEMORY:
        if not STANDARD_HEADER.fullmatch(header):
            yield f"<{header}> is not of the standard library, the only one analyzer/ knows"
        elif IMPURE_HEADER.fullmatch(header):
            yield f"<{header}> is not pure"
    for pattern, allowed in ONLY_IN:
        if re.match(pattern, header) and not re.fullmatch(allowed, line.path):
            yield f"<{header}> belongs in {allowed}"


def check(root: Path) -> list[str]:
    """Every breach in the tree, as 'path:line: what'. A tree without sources is one, too."""
    found, seen = [], set()
    for line in lines_of(root):
        seen.add(line.room)
        found += [f"{line.path}:{line.number}: {what}" for what in breaches(line)]
    found += [f"{room}/: no sources found" for room in ROOMS if room not in seen]
    return found


if __name__ == "__main__":
    problems = check(Path(sys.argv[1]))
    print("\n".join(problems) or "the walls hold")
    sys.exit(1 if problems else 0)
