#!/usr/bin/env python3
"""Fails when the parts of the compose demo would not find one another.

    check_compose.py SOURCE_DIR

No engine is asked: promtool checks Prometheus's configuration, and the rest is compared here. Ends
with 77, for skipped, without promtool or PyYAML.
"""

import json
import subprocess
import sys
from pathlib import Path

from check_rules import find_tools


def mounts_of(service: dict) -> dict:
    """{path in the container: path beside compose.yaml}, of what is no volume."""
    found = {}
    for mount in service.get("volumes", []):
        source, target = mount.split(":")[:2]
        if source.startswith("."):
            found[target] = source
    return found


def value_of(command: list, option: str):
    values = [word.partition("=")[2] for word in command if word.startswith(f"{option}=")]
    return values[0] if values else None


def findings(folder: Path, load) -> list:
    """What is wrong in `folder`, in words. `load` reads YAML."""
    compose = load((folder / "compose.yaml").read_text())
    services = compose["services"]
    lossgazer, prometheus, grafana = (
        services[name] for name in ("lossgazer", "prometheus", "grafana")
    )
    found = []
    for name, service in services.items():
        for source in mounts_of(service).values():
            if not (folder / source).exists():
                found.append(f"{name}: no {source}")
        if service.get("network_mode") != "host":
            found.append(f"{name}: not on the host's network, where the others are")
    build = lossgazer["build"]
    if not (folder / build["context"] / build["dockerfile"]).exists():
        found.append(f"lossgazer: no {build['dockerfile']} in {build['context']}")
    if any("no-new-privileges" in option for option in lossgazer.get("security_opt", [])):
        found.append("lossgazer: under no-new-privileges the file's capability gives nothing")

    serves = lossgazer["environment"]["LOSSGAZER_WEB_LISTEN_ADDRESS"]
    scraped = [
        target
        for job in load((folder / "prometheus.yml").read_text())["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    if scraped != [serves]:
        found.append(f"prometheus: scrapes {scraped}, and lossgazer serves at {serves}")
    config = mounts_of(prometheus).get(value_of(prometheus["command"], "--config.file"))
    if config != "./prometheus.yml":
        found.append("prometheus: --config.file is not ./prometheus.yml")

    listens = value_of(prometheus["command"], "--web.listen-address")
    (source,) = load((folder / "grafana/datasources/prometheus.yaml").read_text())["datasources"]
    if source["url"] != f"http://{listens}":
        found.append(f"grafana: asks {source['url']}, and Prometheus listens on {listens}")
    if not source.get("isDefault"):
        found.append("grafana: the data source is not the default one, which dashboards take")

    (provider,) = load((folder / "grafana/dashboards/lossgazer.yaml").read_text())["providers"]
    path, mounts = provider["options"]["path"], mounts_of(grafana)
    given = {target: mount for target, mount in mounts.items() if target.startswith(f"{path}/")}
    dashboards = {f"{path}/{file.name}" for file in (folder / "../grafana").glob("*.json")}
    for target in sorted(dashboards ^ set(given)):
        found.append(f"grafana: {target} is mounted, or a dashboard, but not both")
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    if home not in given:
        found.append(f"grafana: its home {home} is not mounted")
    for source in given.values():
        variables = json.loads((folder / source).read_text())["templating"]["list"]
        if not any(each["type"] == "datasource" for each in variables):
            found.append(f"grafana: {source} does not let its data source be chosen")
    return found


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    folder = root / "packaging/compose"
    tools = find_tools(root)
    if tools is None:
        return 77
    promtool, yaml = tools
    found = findings(folder, yaml.safe_load)
    done = subprocess.run(
        [promtool, "check", "config", folder / "prometheus.yml"], text=True, capture_output=True
    )
    if done.returncode != 0 or "rules found" not in done.stdout:
        found.append(f"prometheus.yml: {done.stdout}{done.stderr}")
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
