"""What is wrong with objects that Kubernetes itself would take, in words."""

import re

OURS = re.compile(r"(^|/)lossgazer[:@]")
OPTION_ROW = re.compile(r"^\| `(?:-\w, )?--([a-z0-9.-]+)[ `](?!.*of `report` alone)", re.MULTILINE)
PROBES = {"livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"}
SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    # Or the file's capability counts for nothing.
    "allowPrivilegeEscalation": True,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def options_of(readme: str) -> set:
    """The names of the options in README's table, of those that a live lossgazer takes."""
    return set(OPTION_ROW.findall(readme))


def setting_findings(settings: dict, options: set, prefix: str = "") -> list:
    """Which keys of a configuration are no option."""
    found = []
    for key, value in settings.items():
        name = prefix + key
        if name in options:
            continue
        if isinstance(value, dict) and any(option.startswith(name + ".") for option in options):
            found += setting_findings(value, options, name + ".")
        else:
            found.append(f"{name} is no option")
    return found


def argument_findings(container: dict, options: set) -> list:
    found = []
    variables = [variable["name"] for variable in container.get("env", [])]
    known = {"LOSSGAZER_" + re.sub("[.-]", "_", option).upper() for option in options}
    for name in variables:
        if name.startswith("LOSSGAZER_") and name not in known:
            found.append(f"{name} is no option's variable")
    if "command" in container:
        found.append("a command: the image's own is right")
    for argument in container.get("args", []):
        if not re.fullmatch(r"--[^=]+(=.+)?", argument):
            found.append(f"{argument}: not written --name=value")
        elif argument[2:].split("=")[0] not in options:
            found.append(f"{argument} is no option")
        for name in re.findall(r"\$\((\w+)\)", argument):
            if name not in variables:
                found.append(f"{argument}: no variable {name}")
    return found


def probe_findings(container: dict) -> list:
    found = []
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    if "metrics" not in ports:
        found.append("no port named metrics")
    listens = [a for a in container.get("args", []) if a.startswith("--web.listen-address=")]
    if not listens or not listens[0].endswith(f":{ports.get('metrics')}"):
        found.append("it does not listen at its port")
    for name, path in PROBES.items():
        probe = container.get(name, {}).get("httpGet", {})
        if probe.get("path") != path:
            found.append(f"{name}: does not ask {path}")
        if probe.get("port") not in ports:
            found.append(f"{name}: no port {probe.get('port')}")
    if "/metrics" in str([value for key, value in container.items() if key.endswith("Probe")]):
        found.append("a probe asks /metrics")
    return found


def container_findings(container: dict, pod: dict, options: set) -> list:
    """What is wrong with one container of a pod, ours or a neighbour's."""
    found = []
    of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})
    security = {**of_pod, **own}
    if security.get("privileged"):
        found.append("privileged")
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            found.append(f"no volume {mount['name']}")
    if not OURS.search(container["image"]):
        if "add" in security.get("capabilities", {}):
            found.append("a neighbour asks for capabilities")
        return found
    for key, value in SECURITY.items():
        if security.get(key) != value:
            found.append(f"{key} is {security.get(key)}, not {value}")
    if "memory" not in container.get("resources", {}).get("limits", {}):
        found.append("no limit of memory")
    return found + argument_findings(container, options) + probe_findings(container)


def pod_findings(pod: dict, options: set) -> list:
    found = []
    if pod.get("automountServiceAccountToken") is not False:
        found.append("it is handed a token")
    if pod.get("hostPID") or pod.get("hostIPC"):
        found.append("it sees the host's processes")
    containers = pod.get("initContainers", []) + pod["containers"]
    for container in containers:
        name = container["name"]
        found += [f"{name}: {what}" for what in container_findings(container, pod, options)]
    if not any(OURS.search(container["image"]) for container in containers):
        found.append("no lossgazer in it")
    return found


def matches(selector: dict, labels: dict) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def link_findings(thing: dict, templates: list, services: list) -> list:
    """Whether what an object selects, and the port that it names there, exist among the others."""
    spec, kind = thing.get("spec", {}), thing["kind"]
    if kind == "ServiceMonitor":
        targets = [
            (service["metadata"]["labels"], {port["name"] for port in service["spec"]["ports"]})
            for service in services
        ]
    else:
        targets = [
            (
                template["metadata"]["labels"],
                {
                    port.get("name")
                    for container in template["spec"]["containers"]
                    for port in container.get("ports", [])
                },
            )
            for template in templates
        ]
    selector, ports = {
        "Service": lambda: (spec["selector"], [port["targetPort"] for port in spec["ports"]]),
        "NetworkPolicy": lambda: (
            spec["podSelector"]["matchLabels"],
            [port["port"] for rule in spec["ingress"] for port in rule["ports"]],
        ),
        "PodMonitor": lambda: (
            spec["selector"]["matchLabels"],
            [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]],
        ),
        "ServiceMonitor": lambda: (
            spec["selector"]["matchLabels"],
            [endpoint["port"] for endpoint in spec["endpoints"]],
        ),
        "DaemonSet": lambda: (spec["selector"]["matchLabels"], []),
        "Deployment": lambda: (spec["selector"]["matchLabels"], []),
    }.get(kind, lambda: (None, []))()
    if selector is None:
        return []
    selected = [names for labels, names in targets if matches(selector, labels)]
    if not selected:
        return ["it selects nothing"]
    return [f"no port {port}" for port in ports if port not in selected[0]]


def findings(objects: list, options: set, load) -> list:
    """What is wrong with the objects of one manifest. `load` reads YAML."""
    found = []
    specs = [thing.get("spec", {}) for thing in objects]
    templates = [spec["template"] for spec in specs if "template" in spec]
    services = [thing for thing in objects if thing["kind"] == "Service"]
    names = {(thing["kind"], thing["metadata"]["name"]) for thing in objects}
    if len(names) < len(objects):
        found.append("two objects of one kind and name")
    if not templates:
        found.append("no pods")
    for thing in objects:
        kind, what = thing["kind"], []
        spec = thing.get("spec", {})
        if kind == "ServiceAccount" and thing.get("automountServiceAccountToken") is not False:
            what.append("it hands out a token")
        if kind == "Namespace":
            level = "pod-security.kubernetes.io/enforce"
            if thing["metadata"].get("labels", {}).get(level) != "privileged":
                what.append("its pods would be refused: not of level privileged")
        if kind == "ConfigMap" and "lossgazer.yml" in thing["data"]:
            what += setting_findings(load(thing["data"]["lossgazer.yml"]), options)
        if "template" in spec:
            pod = spec["template"]["spec"]
            what += pod_findings(pod, options)
            account = pod.get("serviceAccountName", "default")
            if account != "default" and ("ServiceAccount", account) not in names:
                what.append(f"no ServiceAccount {account}")
            for volume in pod.get("volumes", []):
                wanted = volume.get("configMap", {}).get("name")
                if wanted and ("ConfigMap", wanted) not in names:
                    what.append(f"no ConfigMap {wanted}")
        what += link_findings(thing, templates, services)
        found += [f"{kind} {thing['metadata']['name']}: {w}" for w in what]
    return found
