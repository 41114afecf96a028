#!/usr/bin/env python3
"""Proves on broken copies of the examples that check_events.py finds what is wrong."""

import sys
import tempfile
import unittest
from pathlib import Path

import check_events

try:
    import yaml
except ImportError:
    print("skipped: no PyYAML (packaging/install-dependencies test)")
    sys.exit(77)

EXAMPLES = Path(__file__).resolve().parents[2] / "packaging/events"
EVENT = {"event": {"action": "reordered"}, "network": {"direction": "egress"}}


class CheckEvents(unittest.TestCase):
    def findings(self, name, old="", new=""):
        text = (EXAMPLES / name).read_text()
        self.assertIn(old, text)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.write_text(text.replace(old, new, 1))
            return check_events.live_findings(file, yaml.safe_load, EVENT)

    def assert_found(self, words, *change):
        found = self.findings(*change)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_the_examples_are_sound(self):
        for name in ("vector.yaml", "filebeat.yml"):
            self.assertEqual(self.findings(name), [])

    def test_a_field_that_no_event_has(self):
        self.assert_found("no field event.verdict", "vector.yaml", "event.action", "event.verdict")

    def test_another_port(self):
        self.assert_found("listens at", "vector.yaml", "address: 127.0.0.1:10120", "address: :1")
        self.assert_found("listens at", "filebeat.yml", "host: 127.0.0.1:10120", "host: :1")

    def test_an_input_that_is_not_there(self):
        self.assert_found("takes from event,", "vector.yaml", "inputs: [events]", "inputs: [event]")

    def test_a_component_of_no_type(self):
        self.assert_found("sources lossgazer: no type", "vector.yaml", "    type: socket\n")


if __name__ == "__main__":
    unittest.main()
