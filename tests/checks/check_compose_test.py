#!/usr/bin/env python3
"""Proves on broken copies of the compose demo that check_compose.py finds what is wrong."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import check_compose

try:
    import yaml
except ImportError:
    print("skipped: no PyYAML (packaging/install-dependencies test)")
    sys.exit(77)

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"


class CheckCompose(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name, "packaging")
        for part in ("compose", "container", "prometheus"):
            shutil.copytree(PACKAGING / part, root / part)
        (root / "grafana").mkdir()
        for dashboard in (PACKAGING / "grafana").glob("*.json"):
            shutil.copy(dashboard, root / "grafana")
        self.folder = root / "compose"

    def findings(self):
        return check_compose.findings(self.folder, yaml.safe_load)

    def change(self, file, old, new):
        path = self.folder / file
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def assert_found(self, *words):
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_the_demo_is_sound(self):
        self.assertEqual(self.findings(), [])

    def test_an_address_that_differs(self):
        self.change("prometheus.yml", "127.0.0.1:10119", "127.0.0.1:9100")
        self.assert_found("scrapes", "127.0.0.1:9100", "serves")

    def test_prometheus_elsewhere(self):
        self.change("compose.yaml", "listen-address=127.0.0.1:9090", "listen-address=:9091")
        self.assert_found("Prometheus listens on :9091")

    def test_a_dashboard_that_is_not_mounted(self):
        mount = "      - ../grafana/loss-matrix.json:/dashboards/loss-matrix.json:ro\n"
        self.change("compose.yaml", mount, "")
        self.assert_found("/dashboards/loss-matrix.json")

    def test_a_source_that_does_not_exist(self):
        self.change("compose.yaml", "../prometheus/rules:", "../prometheus/rulez:")
        self.assert_found("prometheus: no ../prometheus/rulez")

    def test_no_new_privileges(self):
        self.change(
            "compose.yaml",
            "    read_only: true\n",
            "    read_only: true\n    security_opt: ['no-new-privileges:true']\n",
        )
        self.assert_found("no-new-privileges")

    def test_another_network(self):
        self.change("compose.yaml", "    network_mode: host\n    command:", "    command:")
        self.assert_found("prometheus: not on the host's network")

    def test_a_data_source_that_dashboards_do_not_take(self):
        self.change("grafana/datasources/prometheus.yaml", "isDefault: true", "isDefault: false")
        self.assert_found("default")

    def test_a_home_that_is_not_there(self):
        self.change("compose.yaml", "PATH: /dashboards/overview.json", "PATH: /dashboards/x.json")
        self.assert_found("/dashboards/x.json")


if __name__ == "__main__":
    unittest.main()
