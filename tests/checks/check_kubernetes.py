#!/usr/bin/env python3
"""Fails when the Kubernetes manifests or the Helm chart are not what they should be.

    check_kubernetes.py SOURCE_DIR WORK_DIR [--write]

Renders the chart with each tests/golden/chart/*.values.yaml and compares the objects with the
golden file beside it (--write makes it anew); asks Kubernetes' schemas, and kubernetes_findings.py,
about them and about packaging/kubernetes/*.yaml; holds the chart's values to their schema. What go
and npm bring is kept in WORK_DIR. Ends with 77, for skipped, without a tool.
"""

import copy
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_findings

try:
    import jsonschema
    import yaml
except ImportError:
    yaml = None

GO_PATH = "/usr/share/gocode"
RELEASE, NAMESPACE = "lossgazer", "monitoring"

# Values that must not do, and what is said of them.
REFUSED = [
    ({"podMonitr": {"enabled": True}}, "podMonitr"),
    ({"image": {"tagg": "1"}}, "tagg"),
    ({"image": {"repository": None}}, "repository"),
    ({"image": {"digest": "sha256:0123"}}, "sha256:0123"),
    ({"image": {"tag": "a b"}}, "a b"),
    ({"port": "10119"}, "10119"),
    ({"port": 80}, "80"),
    ({"nodeAddressFamily": "IPv5"}, "IPv5"),
    ({"local": "10.0.0.0/8"}, "10.0.0.0/8"),
    ({"local": ["pods"]}, "pods"),
    ({"config": ["peers.max"]}, "peers.max"),
    ({"web": {"scheme": "https"}}, "https"),
    ({"podMonitor": {"interval": "often"}}, "often"),
    ({"resources": {"limit": {"memory": "1Gi"}}}, "limit"),
    (
        {
            "podMonitor": {"enabled": True},
            "service": {"enabled": True},
            "serviceMonitor": {"enabled": True},
        },
        "scraped twice",
    ),
    ({"serviceMonitor": {"enabled": True}}, "set service.enabled"),
    ({"local": ["10.0.0.0/8"], "config": {"local": ["10.0.0.0/8"]}}, "give one"),
]

# Objects that the schemas must refuse, or they refuse nothing.
NAMED = {"metadata": {"name": "a"}}
POD = {"apiVersion": "v1", "kind": "Pod", **NAMED, "spec": {"containers": [{"name": "a"}]}}
MONITOR = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", **NAMED}
UNSOUND = [
    {"apiVersion": "v1", "kind": "Pot", **NAMED},
    {**POD, "metadata": {"name": 1}},
    {**POD, "spec": {"containers": [{}]}},
    {**POD, "spec": {**POD["spec"], "hostNet": True}},
    {**MONITOR, "spec": {"podMetricsEndpoints": []}},
    {**MONITOR, "spec": {"selector": {}, "podMetricsEndpoints": [{"prt": "metrics"}]}},
]


class CheckError(Exception):
    pass


def run(*command, **more) -> str:
    done = subprocess.run([*map(str, command)], text=True, capture_output=True, **more)
    if done.returncode != 0:
        raise CheckError(f"{' '.join(map(str, command[:3]))}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def missing_tool():
    if yaml is None:
        return "PyYAML or jsonschema"
    for tool in ("go", "node", "npm"):
        if shutil.which(tool) is None:
            return tool
    for package in ("github.com/Masterminds/sprig", "github.com/gobwas/glob", "sigs.k8s.io/yaml"):
        if not Path(GO_PATH, "src", package).exists():
            return f"Go package {package}"
    return None


def load_all(text: str) -> list:
    """The documents of a YAML file; a key given twice is an error, as it is for the API server."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [loader.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise CheckError(f"line {node.start_mark.line + 1}: {key} is given twice")
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return [document for document in yaml.load_all(text, Loader) if document is not None]


def dump(document) -> str:
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    def string(dumper, text):
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, string)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


class Chart:
    """The chart of a source tree, and what renders it."""

    def __init__(self, root: Path, work: Path):
        self.root, self.work = root, work
        self.folder = root / "packaging/helm/lossgazer"
        self.schema = json.loads((self.folder / "values.schema.json").read_text())
        self.renderer = work / "render"
        environment = {
            **os.environ,
            # From Debian's packages, without the network.
            **{"GO111MODULE": "off", "GOPATH": GO_PATH, "GOFLAGS": "", "CGO_ENABLED": "0"},
            "GOCACHE": str(work / "go"),
        }
        source = root / "tests/checks/kubernetes/render.go"
        run("go", "build", "-o", self.renderer, source, env=environment)

    def render(self, values: Path) -> dict:
        """The texts of the templates. Values that the schema refuses are an error, as with Helm."""
        rendered = json.loads(run(self.renderer, self.folder, values, RELEASE, NAMESPACE))
        errors = [
            f"{error.json_path}: {error.message}"
            for error in jsonschema.Draft7Validator(self.schema).iter_errors(rendered["values"])
        ]
        if errors:
            raise CheckError("; ".join(errors))
        return rendered["files"]

    def refusal_findings(self) -> list:
        """Which values do that should not."""
        found = []
        file = self.work / "refused.values.yaml"
        for values, words in REFUSED:
            file.write_text(dump(values))
            try:
                self.render(file)
                found.append(f"chart: takes {values}")
            except CheckError as error:
                if words not in str(error):
                    found.append(f"chart: says of {values}: {error}")
        return found

    def metadata_findings(self) -> list:
        found = []
        (chart,) = load_all((self.folder / "Chart.yaml").read_text())
        project = (self.root / "CMakeLists.txt").read_text()
        version = re.search(r"lossgazer_find_version\((\S+)\)", project)[1]
        if (chart["name"], chart["apiVersion"]) != (self.folder.name, "v2"):
            found.append("Chart.yaml: not lossgazer's, of version 2")
        if chart["appVersion"] != version:
            found.append(f"Chart.yaml: appVersion is {chart['appVersion']}, not {version}")
        for file in sorted((self.root / "packaging/kubernetes").glob("*.yaml")):
            if f"image: lossgazer:{version}" not in file.read_text():
                found.append(f"{file.name}: not the image of version {version}")
        properties = self.schema["properties"].keys() - {"global"}
        (defaults,) = load_all((self.folder / "values.yaml").read_text())
        for name in sorted(properties ^ defaults.keys()):
            found.append(f"values.schema.json or values.yaml knows no {name}")
        jsonschema.Draft7Validator.check_schema(self.schema)
        return found


def shorten(objects: list, root: Path) -> list:
    """The objects with a mark for each file that they carry unchanged, so that golden files need
    not follow it."""
    rules = sorted((root / "packaging/prometheus/rules").glob("*.yml"))
    groups = [group for file in rules for group in load_all(file.read_text())[0]["groups"]]
    objects = copy.deepcopy(objects)
    for thing in objects:
        if thing["kind"] == "PrometheusRule" and thing["spec"]["groups"] == groups:
            thing["spec"]["groups"] = "those of packaging/prometheus/rules/*.yml"
        if thing["kind"] == "ConfigMap":
            for name, text in thing["data"].items():
                file = root / "packaging/grafana" / name
                if file.exists() and file.read_text() == text:
                    thing["data"][name] = f"that of packaging/grafana/{name}"
    return objects


def dashboard_findings(objects: list, root: Path) -> list:
    """Which of packaging/grafana's dashboards the chart leaves out."""
    names = {file.name for file in (root / "packaging/grafana").glob("*.json")}
    maps = [thing for thing in objects if thing["metadata"]["name"].endswith("-dashboards")]
    return [f"chart: no {name}" for m in maps for name in sorted(names - m["data"].keys())]


def golden_text(objects: list, notes: str) -> str:
    lines = [f"# {line}".rstrip() for line in notes.strip().splitlines()]
    return "---\n".join([*map(dump, objects), "\n".join(lines) + "\n"])


def schema_findings(objects: list, root: Path, work: Path) -> list:
    """What Kubernetes' schemas say of (where, object) pairs."""
    for file in (root / "tests/checks/kubernetes").iterdir():
        if file.suffix in (".js", ".json") or file.name == ".npmrc":
            shutil.copy(file, work)
    lock, brought = work / "package-lock.json", work / "brought.json"
    if not brought.exists() or brought.read_text() != lock.read_text():
        brought.unlink(missing_ok=True)
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=work)
        shutil.copy(lock, brought)
    items = [{"where": where, "object": thing} for where, thing in objects]
    unsound = [f"unsound {number}" for number, _ in enumerate(UNSOUND)]
    items += [{"where": where, "object": thing} for where, thing in zip(unsound, UNSOUND)]
    (work / "objects.json").write_text(json.dumps(items))
    found = json.loads(run("node", "validate.js", "objects.json", cwd=work))
    missed = [w for w in unsound if not any(finding.startswith(w + ":") for finding in found)]
    return [finding for finding in found if not finding.startswith("unsound ")] + [
        f"the schemas take {UNSOUND[unsound.index(where)]}" for where in missed
    ]


def check(root: Path, work: Path, write: bool) -> list:
    """What is wrong with a source tree's manifests and chart."""
    chart = Chart(root, work)
    found = chart.metadata_findings() + chart.refusal_findings()
    options = kubernetes_findings.options_of((root / "README.md").read_text())
    manifests = {}
    for file in sorted((root / "packaging/kubernetes").glob("*.yaml")):
        try:
            manifests[file.name] = load_all(file.read_text())
        except (CheckError, yaml.YAMLError) as error:
            raise CheckError(f"{file.name}: {error}") from None
    if not manifests:
        found.append("no manifests under packaging/kubernetes")

    used = set()
    orphans = {*(root / "tests/golden/chart").glob("*.yaml")}
    for values in sorted((root / "tests/golden/chart").glob("*.values.yaml")):
        golden = values.with_name(values.name.replace(".values.yaml", ".yaml"))
        orphans -= {values, golden}
        files = chart.render(values)
        notes = files.pop("templates/NOTES.txt")
        objects = []
        for name, text in sorted(files.items()):
            try:
                documents = load_all(text)
            except (CheckError, yaml.YAMLError) as error:
                found.append(f"{values.name}: {name}: {error}")
                continue
            objects += documents
            used |= {name} if documents else set()
        text = golden_text(shorten(objects, root), notes)
        if write:
            golden.write_text(text)
        expected = golden.read_text() if golden.exists() else ""
        difference = difflib.unified_diff(
            expected.splitlines(), text.splitlines(), golden.name, "rendered", lineterm="", n=1
        )
        found += ["\n".join(difference)] * (text != expected)
        found += dashboard_findings(objects, root)
        manifests[golden.name] = objects
    unused = {f"templates/{t.name}" for t in (chart.folder / "templates").glob("*.yaml")} - used
    found += [f"{name}: no golden file has it" for name in sorted(unused)]
    found += [f"{file.name}: no values make it" for file in sorted(orphans)]

    placed = []
    for name, objects in manifests.items():
        found += [
            f"{name}: {finding}"
            for finding in kubernetes_findings.findings(objects, options, yaml.safe_load)
        ]
        placed += [(f"{name}: {o.get('kind')} {o['metadata']['name']}", o) for o in objects]
    found += schema_findings(placed, root, work)
    print(f"{len(placed)} objects in {len(manifests)} manifests, {len(REFUSED)} refusals")
    return found


def main() -> int:
    root, work = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    missing = missing_tool()
    if missing:
        print(f"skipped: no {missing} (packaging/install-dependencies test)")
        return 77
    work.mkdir(parents=True, exist_ok=True)
    try:
        found = check(root, work, "--write" in sys.argv[3:])
    except CheckError as error:
        found = [str(error)]
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
