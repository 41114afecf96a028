#!/usr/bin/env python3
"""Proves on made-up rules that check_rules.py finds what it should, and nothing else."""

import copy
import unittest

import check_rules

RECORD = {"record": "instance_peer:lossgazer_packets:rate5m", "expr": "x"}
ALERT = {
    "alert": "LossgazerSad",
    "expr": "x",
    "for": "5m",
    "labels": {"severity": "warning"},
    "annotations": {
        "summary": "s",
        "description": "d",
        "runbook": "packaging/prometheus/README.md#lossgazersad",
    },
}
README = "# prometheus\n### LossgazerSad\nCheer it up.\n"
TESTS = [
    {"promql_expr_test": [{"expr": "round(instance_peer:lossgazer_packets:rate5m, 1)"}]},
    {"alert_rule_test": [{"alertname": "LossgazerSad", "exp_alerts": [{"exp_labels": {}}]}]},
    {"alert_rule_test": [{"alertname": "LossgazerSad"}]},
]


class CheckRules(unittest.TestCase):
    def test_sound_rules_pass(self):
        self.assertEqual(check_rules.rule_findings([RECORD, ALERT], README), [])
        self.assertEqual(check_rules.test_findings([RECORD, ALERT], TESTS), [])

    def test_each_defect_of_a_rule_is_found(self):
        for what, change in [
            ("named", {"alert": "Sad"}),
            ("no for", {"for": None}),
            ("severity", {"labels": {"severity": "page"}}),
            ("no summary", {"annotations": {**ALERT["annotations"], "summary": ""}}),
            ("no description", {"annotations": {**ALERT["annotations"], "description": ""}}),
            ("runbook is not", {"annotations": {**ALERT["annotations"], "runbook": "README.md"}}),
            ("no heading", {"alert": "LossgazerGlad"}),
        ]:
            with self.subTest(what):
                alert = {k: v for k, v in {**ALERT, **change}.items() if v is not None}
                found = check_rules.rule_findings([alert], README)
                self.assertTrue([finding for finding in found if what in finding], found)
        self.assertTrue(check_rules.rule_findings([{**RECORD, "record": "packets_rate"}], ""))
        self.assertTrue(check_rules.rule_findings([ALERT, ALERT], README))
        self.assertTrue(check_rules.rule_findings([], README))

    def test_each_missing_test_case_is_found(self):
        for missing in range(len(TESTS)):
            tests = copy.deepcopy(TESTS)
            tests.pop(missing)
            self.assertEqual(len(check_rules.test_findings([RECORD, ALERT], tests)), 1, missing)
        # A name that only begins like it is no test of it.
        longer = [{"promql_expr_test": [{"expr": "instance_peer:lossgazer_packets:rate5m_x"}]}]
        self.assertEqual(len(check_rules.test_findings([RECORD], longer)), 1)


if __name__ == "__main__":
    unittest.main()
