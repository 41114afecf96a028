#!/usr/bin/env python3
"""Fails when the Prometheus rules are not sound, not tested, or an alert has no runbook.

    check_rules.py SOURCE_DIR

promtool checks rules and example, and runs their tests; what it does not ask for is asked here.
Ends with 77, for skipped, without promtool or PyYAML.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

OPERATIONS = "rate5m|ratio_rate5m|max_rate5m|mean5m|info"
RECORD = re.compile(rf"[a-z]+(_[a-z]+)*:lossgazer_[a-z_]+:({OPERATIONS})")
ALERT = re.compile(r"Lossgazer[A-Z][A-Za-z]+")
SEVERITIES = {"critical", "warning", "info"}
RUNBOOK = "packaging/prometheus/README.md#"
# What is a state when it is seen, or has its duration in the expression.
WITHOUT_FOR = {"LossgazerRestarting", "LossgazerCaptureRestarts"}


def find_promtool(root: Path):
    unpacked = root / "build/tools/prometheus/usr/bin/promtool"
    return str(unpacked) if unpacked.exists() else shutil.which("promtool")


def find_tools(root: Path):
    """(promtool, the module yaml); None, having said so, if either is missing."""
    promtool = find_promtool(root)
    try:
        import yaml
    except ImportError:
        yaml = None
    if promtool is None or yaml is None:
        missing = "promtool" if promtool is None else "PyYAML"
        print(f"skipped: no {missing} (packaging/install-dependencies test)")
        return None
    return promtool, yaml


def rule_findings(rules: list, readme: str) -> list:
    """What is wrong with the rules themselves and their runbook, in words."""
    found = []
    headings = re.findall(r"^### (\w+)$", readme, re.MULTILINE)
    alerts = [rule for rule in rules if "alert" in rule]
    for rule in rules:
        if "record" in rule and not RECORD.fullmatch(rule["record"]):
            found.append(f"{rule['record']}: not level:metric:operations")

    for rule in alerts:
        name, annotations = rule["alert"], rule.get("annotations", {})
        if not ALERT.fullmatch(name):
            found.append(f"{name}: an alert is named LossgazerSomething")
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            found.append(f"{name}: no severity of {', '.join(sorted(SEVERITIES))}")
        if "for" not in rule and name not in WITHOUT_FOR:
            found.append(f"{name}: no for")
        found += [f"{name}: no {a}" for a in ("summary", "description") if not annotations.get(a)]
        if annotations.get("runbook") != RUNBOOK + name.lower():
            found.append(f"{name}: its runbook is not {RUNBOOK}{name.lower()}")
        if name not in headings:
            found.append(f"{name}: no heading in the runbook")
    names = [rule["alert"] for rule in alerts]
    found += [f"{name}: twice" for name in sorted(set(names)) if names.count(name) > 1]
    found += [f"{name}: a runbook without an alert" for name in headings if name not in names]
    return found


def test_findings(rules: list, tests: list) -> list:
    """Which rules no test case asks for; of alerts, both that they fire and that they do not."""
    found = []
    asked = " ".join(case["expr"] for test in tests for case in test.get("promql_expr_test", []))
    for name in sorted({rule["record"] for rule in rules if "record" in rule}):
        if not re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", asked):
            found.append(f"{name}: no test case")
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    for name in sorted({rule["alert"] for rule in rules if "alert" in rule}):
        fires = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == name}
        found += [f"{name}: no test case in which it fires"] * (True not in fires)
        found += [f"{name}: no test case in which it is quiet"] * (False not in fires)
    return found


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    folder = root / "packaging/prometheus"
    tools = find_tools(root)
    if tools is None:
        return 77
    promtool, yaml = tools

    rule_files = sorted((folder / "rules").glob("*.yml"))
    test_files = sorted((folder / "tests").glob("*.yml"))
    if not rule_files or not test_files:
        print(f"no rules or no tests under {folder}", file=sys.stderr)
        return 1
    failed = False
    for arguments in (
        ["check", "rules", "--lint-fatal", *rule_files],
        ["check", "config", folder / "example/prometheus.yml"],
        ["test", "rules", *test_files],
    ):
        done = subprocess.run([promtool, *map(str, arguments)], text=True, capture_output=True)
        if done.returncode != 0:
            failed = True
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)

    rules = [
        rule
        for file in rule_files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]
    tests = [case for file in test_files for case in yaml.safe_load(file.read_text())["tests"]]
    found = rule_findings(rules, (folder / "README.md").read_text()) + test_findings(rules, tests)
    for finding in found:
        print(finding, file=sys.stderr)
    print(f"{len(rules)} rules, {len(tests)} test cases")
    return 1 if failed or found else 0


if __name__ == "__main__":
    sys.exit(main())
