#!/usr/bin/env python3
"""Fails when an example of how to ship events would not find them, or a field in them.

    check_events.py SOURCE_DIR LOSSGAZER

Neither Vector nor Filebeat is asked: what is YAML is read, and compared with what lossgazer prints.
Ends with 77, for skipped, without PyYAML.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

TEMPLATE = re.compile(r"\{\{ *([\w.@]+) *\}\}")
COMMAND = re.compile(r"^#   lossgazer --events.to tcp:(\S+) --events.ecs$", re.MULTILINE)


def event(lossgazer, capture: Path, *options) -> dict:
    """One event, as the program has it."""
    done = subprocess.run(
        [lossgazer, "report", "--format", "events", "--local", "192.0.2.0/24", *options, capture],
        **{"text": True, "capture_output": True, "timeout": 60, "check": True},
    )
    return json.loads(done.stdout.splitlines()[0])


def has(event: dict, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(event, dict) or key not in event:
            return False
        event = event[key]
    return True


def listens_at(config: dict) -> list:
    """Where a shipper waits for events."""
    inputs = [*config.get("filebeat.inputs", []), *config.get("sources", {}).values()]
    return [each[key] for each in inputs for key in ("host", "address") if key in each]


def findings_of(text: str, config: dict, event: dict) -> list:
    """What is wrong with one example, whose text reads as `config`, in words."""
    found = [f"no field {path}" for path in TEMPLATE.findall(text) if not has(event, path)]
    parts = {kind: config.get(kind, {}) for kind in ("sources", "transforms", "sinks")}
    for kind, components in parts.items():
        for name, component in components.items():
            if "type" not in component:
                found.append(f"{kind} {name}: no type")
            for origin in component.get("inputs", []):
                if origin not in parts["sources"] | parts["transforms"]:
                    found.append(f"{kind} {name}: takes from {origin}, which is not there")
    return found


def live_findings(file: Path, load, event: dict) -> list:
    """What is wrong with an example of a live stream."""
    text = file.read_text()
    config = load(text)
    found = findings_of(text, config, event)
    if listens_at(config) != COMMAND.findall(text):
        found.append(f"listens at {listens_at(config)}, events go to {COMMAND.findall(text)}")
    return [f"{file.name}: {each}" for each in found]


def page_findings(page: Path, load, event: dict) -> list:
    """What is wrong with the examples on a page, of events in a file."""
    found = []
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    if not blocks:
        found.append("no examples")
    # What one block leaves out, another has.
    whole = {}
    for block in blocks:
        for key, value in load(block).items():
            known = whole.setdefault(key, value)
            if isinstance(known, dict) and isinstance(value, dict):
                known.update(value)
    found += findings_of("\n".join(blocks), whole, event)
    return [f"{page.name}: {each}" for each in found]


def main() -> int:
    root, lossgazer = Path(sys.argv[1]).resolve(), sys.argv[2]
    try:
        from yaml import YAMLError, safe_load
    except ImportError:
        print("skipped: no PyYAML (packaging/install-dependencies test)")
        return 77
    capture = root / "tests/golden/egress_loss.pcap"
    found = page_findings(root / "packaging/pcapgazer.md", safe_load, event(lossgazer, capture))
    ecs = event(lossgazer, capture, "--events.ecs")
    files = sorted((root / "packaging/events").glob("*.y*ml"))
    if len(files) < 2:
        found.append("packaging/events: no examples")
    for file in files:
        try:
            found += live_findings(file, safe_load, ecs)
        except YAMLError as error:
            found.append(f"{file.name}: {error}")
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
