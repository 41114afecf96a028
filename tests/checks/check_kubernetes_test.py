#!/usr/bin/env python3
"""Proves on made-up objects that kubernetes_findings.py finds what it should, and nothing else."""

import copy
import json
import unittest

import kubernetes_findings

README = """
| option | default | meaning |
| `-i, --capture.interface NAME` … | none | which |
| `--web.listen-address ADDR` … | none | where |
| `--peers.names` | off | names |
| `--format FORMAT` | table | json; of `report` alone |
"""
OPTIONS = {"capture.interface", "web.listen-address", "peers.names"}
LABELS = {"app": "lossgazer"}
CONTAINER = {
    "name": "lossgazer",
    "image": "registry.example:5000/lossgazer:1",
    "args": ["--web.listen-address=$(NODE_IP):9", "--peers.names"],
    "env": [{"name": "NODE_IP"}, {"name": "LOSSGAZER_CAPTURE_INTERFACE", "value": "eth0"}],
    "ports": [{"name": "metrics", "containerPort": 9}],
    "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "metrics"}},
    "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "metrics"}},
    "securityContext": {
        "runAsUser": 65532,
        "allowPrivilegeEscalation": True,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    },
    "resources": {"limits": {"memory": "1Mi"}},
    "volumeMounts": [{"name": "config"}],
}
POD = {
    "serviceAccountName": "lossgazer",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER, {"name": "web", "image": "web:1"}],
    "volumes": [{"name": "config", "configMap": {"name": "lossgazer"}}],
}
LEVEL = "pod-security.kubernetes.io/enforce"


def thing(kind, labels=None, **fields):
    return {"kind": kind, "metadata": {"name": "lossgazer", "labels": labels or {}}, **fields}


SOUND = {
    "space": thing("Namespace", {LEVEL: "privileged"}),
    "account": thing("ServiceAccount", automountServiceAccountToken=False),
    "config": thing("ConfigMap", data={"lossgazer.yml": '{"capture": {"interface": "eth0"}}'}),
    "pods": thing(
        "DaemonSet",
        spec={
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": {**LABELS, "more": "1"}}, "spec": POD},
        },
    ),
    "service": thing(
        "Service",
        {"of": "service"},
        spec={"selector": LABELS, "ports": [{"name": "metrics", "targetPort": "metrics"}]},
    ),
    "policy": thing(
        "NetworkPolicy",
        spec={
            "podSelector": {"matchLabels": LABELS},
            "ingress": [{"ports": [{"port": "metrics"}]}],
        },
    ),
    "of_pods": thing(
        "PodMonitor",
        spec={
            "selector": {"matchLabels": LABELS},
            "podMetricsEndpoints": [{"port": "metrics"}],
        },
    ),
    "of_services": thing(
        "ServiceMonitor",
        spec={
            "selector": {"matchLabels": {"of": "service"}},
            "endpoints": [{"port": "metrics"}],
        },
    ),
}


def pod(objects):
    return objects["pods"]["spec"]["template"]["spec"]


def ours(objects):
    return pod(objects)["containers"][0]


def security(objects):
    return ours(objects)["securityContext"]


class KubernetesFindings(unittest.TestCase):
    def found(self, break_it=lambda objects: None):
        objects = copy.deepcopy(SOUND)
        break_it(objects)
        return kubernetes_findings.findings([*objects.values()], OPTIONS, json.loads)

    def test_the_options_are_those_of_the_table(self):
        self.assertEqual(kubernetes_findings.options_of(README), OPTIONS)

    def test_sound_objects_pass(self):
        self.assertEqual(self.found(), [])

    def test_each_defect_is_found(self):
        for what, break_it in [
            ("of level", lambda o: o["space"]["metadata"]["labels"].update({LEVEL: "baseline"})),
            ("hands out a token", lambda o: o["account"].pop("automountServiceAccountToken")),
            ("is handed a token", lambda o: pod(o).pop("automountServiceAccountToken")),
            ("no ServiceAccount", lambda o: o.pop("account")),
            ("no ConfigMap", lambda o: o.pop("config")),
            ("capture.snap is", lambda o: o["config"]["data"].update({"lossgazer.yml": SNAP})),
            ("no pods", lambda o: o.pop("pods")),
            ("of one kind", lambda o: o.update(again=o["service"])),
            ("no lossgazer in it", lambda o: pod(o)["containers"].pop(0)),
            ("host's processes", lambda o: pod(o).update(hostPID=True)),
            ("no volume config", lambda o: pod(o).pop("volumes")),
            ("runAsNonRoot", lambda o: pod(o).pop("securityContext")),
            ("seccompProfile", lambda o: pod(o)["securityContext"].pop("seccompProfile")),
            ("runAsUser", lambda o: security(o).update(runAsUser=0)),
            ("allowPriv", lambda o: security(o).update(allowPrivilegeEscalation=False)),
            ("readOnly", lambda o: security(o).pop("readOnlyRootFilesystem")),
            ("capabilities", lambda o: security(o)["capabilities"]["add"].append("NET_ADMIN")),
            ("capabilities", lambda o: security(o)["capabilities"].pop("drop")),
            ("privileged", lambda o: security(o).update(privileged=True)),
            ("neighbour", lambda o: pod(o)["containers"][1].update(securityContext=security(o))),
            ("no limit of memory", lambda o: ours(o).pop("resources")),
            ("--a.b=1 is no option", lambda o: ours(o)["args"].append("--a.b=1")),
            ("--format=json is no", lambda o: ours(o)["args"].append("--format=json")),
            ("not written", lambda o: ours(o)["args"].append("eth0")),
            ("no variable NODE_IP", lambda o: ours(o)["env"].pop(0)),
            ("no option's variable", lambda o: ours(o)["env"].append({"name": "LOSSGAZER_A"})),
            ("a command", lambda o: ours(o).update(command=["lossgazer"])),
            ("no port named", lambda o: ours(o).pop("ports")),
            ("does not listen", lambda o: ours(o)["args"].pop(0)),
            ("does not listen", lambda o: ours(o)["ports"][0].update(containerPort=10)),
            ("does not ask /-/ready", lambda o: ours(o).pop("readinessProbe")),
            ("no port web", lambda o: ours(o)["livenessProbe"]["httpGet"].update(port="web")),
            ("/metrics", lambda o: ours(o).update(startupProbe={"httpGet": {"path": "/metrics"}})),
            ("DaemonSet lossgazer: it sel", lambda o: o["pods"]["spec"].update(selector=NOBODY)),
            ("Service lossgazer: it sel", lambda o: o["service"]["spec"].update(selector={"a": 1})),
            ("Policy lossgazer: it sel", lambda o: o["policy"]["spec"].update(podSelector=NOBODY)),
            ("PodMonitor lossgazer: it", lambda o: o["of_pods"]["spec"].update(selector=NOBODY)),
            ("ServiceMonitor lossgazer: it sel", lambda o: o.pop("service")),
            ("no port m", lambda o: o["of_pods"]["spec"].update(podMetricsEndpoints=PORT_M)),
            ("no port m", lambda o: o["of_services"]["spec"].update(endpoints=PORT_M)),
        ]:
            with self.subTest(what):
                found = self.found(break_it)
                self.assertTrue([finding for finding in found if what in finding], found)


SNAP = '{"capture": {"snap": 64}}'
NOBODY = {"matchLabels": {"app": "nobody"}}
PORT_M = [{"port": "m"}]

if __name__ == "__main__":
    unittest.main()
