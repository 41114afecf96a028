#!/usr/bin/env python3
"""Fails when a Grafana dashboard would not load well, or does not tell how to read it.

    check_dashboards.py SOURCE_DIR

Whether its queries have data is for the system test; whether it is what its source makes, for
check_dashboards_drift.sh.
"""

import json
import re
import sys
from itertools import combinations
from pathlib import Path

# Panels that Grafana still has; graph, singlestat and table-old are gone.
PANELS = {"heatmap", "row", "stat", "state-timeline", "table", "text", "timeseries"}
# What Grafana fills in by itself.
BUILT_IN = {"__all", "__rate_interval", "__range", "__interval", "__url_time_range", "__value"}
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


def overlap(one: dict, other: dict) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def panel_findings(panel: dict) -> list:
    """What is wrong with one panel, in words."""
    found = []
    if panel["type"] not in PANELS:
        found.append(f"a panel of type {panel['type']}")
    place = panel["gridPos"]
    if place["x"] < 0 or place["x"] + place["w"] > COLUMNS or min(place["w"], place["h"]) < 1:
        found.append(f"off the grid: {place}")
    if panel["type"] == "row":
        return found
    if "Healthy: " not in panel.get("description", ""):
        found.append("its description does not say what is healthy")
    if panel["type"] == "text":
        return found
    if panel.get("datasource") != DATASOURCE:
        found.append("its data source is not the variable")
    targets = panel.get("targets", [])
    if not targets:
        found.append("no query")
    names = [target.get("refId") for target in targets]
    if len(set(names)) < len(names):
        found.append("two queries of one refId")
    for target in targets:
        if target.get("datasource") != DATASOURCE:
            found.append("the data source of a query is not the variable")
        if not target.get("expr"):
            found.append("an empty query")
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if panel["type"] in ("stat", "timeseries") and not defaults.get("unit"):
        found.append("no unit")
    return found


def dashboard_findings(dashboard: dict) -> list:
    """What is wrong with a dashboard, in words."""
    found = []
    for key in ("uid", "title", "description", "schemaVersion", "panels"):
        if not dashboard.get(key):
            found.append(f"no {key}")
    panels = dashboard.get("panels", [])
    ids = [panel.get("id") for panel in panels]
    if None in ids or len(set(ids)) < len(ids):
        found.append("panels without ids of their own")
    titles = [panel.get("title") for panel in panels]
    if None in titles or len(set(titles)) < len(titles):
        found.append("panels without titles of their own")
    for panel in panels:
        found += [f"{panel.get('title')}: {finding}" for finding in panel_findings(panel)]
    for one, other in combinations(panels, 2):
        if overlap(one["gridPos"], other["gridPos"]):
            found.append(f"{one.get('title')} and {other.get('title')} overlap")

    variables = dashboard.get("templating", {}).get("list", [])
    defined = {variable["name"] for variable in variables}
    used = {one or other for one, other in VARIABLE.findall(json.dumps(dashboard))}
    found += [f"${name} is not defined" for name in sorted(used - defined - BUILT_IN)]
    found += [f"${name} is not used" for name in sorted(defined - used)]
    for variable in variables:
        if not variable.get("label") or not variable.get("description"):
            found.append(f"${variable['name']}: no label or no description")
        if variable["type"] != "datasource" and not (
            variable.get("multi") and variable.get("includeAll")
        ):
            found.append(f"${variable['name']}: not many, or not all, can be chosen")
    if "datasource" not in defined:
        found.append("no variable for the data source")
    tags = set(dashboard.get("tags", []))
    if not any(tags & set(link.get("tags", [])) for link in dashboard.get("links", [])):
        found.append("no link to the other dashboards")
    return found


def check(root: Path) -> list:
    """What is wrong with the dashboards of a source tree, each with its file."""
    files = sorted((root / "packaging/grafana").glob("*.json"))
    if not files:
        return [f"no dashboard under {root / 'packaging/grafana'}"]
    found, uids = [], []
    for file in files:
        dashboard = json.loads(file.read_text())
        uids.append(dashboard.get("uid"))
        found += [f"{file.name}: {finding}" for finding in dashboard_findings(dashboard)]
    if len(set(uids)) < len(uids):
        found.append("two dashboards of one uid")
    return found


def main() -> int:
    found = check(Path(sys.argv[1]).resolve())
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
