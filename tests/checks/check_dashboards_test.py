#!/usr/bin/env python3
"""Proves on a made-up dashboard that check_dashboards.py finds what it should, and nothing else."""

import copy
import unittest

import check_dashboards

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panel(identity, x, title):
    return {
        "id": identity,
        "type": "timeseries",
        "title": title,
        "description": "Packets. Healthy: some.",
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": 0, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": "pps"}},
        "targets": [
            {"refId": "A", "datasource": DATASOURCE, "expr": 'a{instance=~"$instance"}[$__range]'}
        ],
    }


SOUND = {
    "uid": "a",
    "title": "A",
    "description": "A",
    "schemaVersion": 41,
    "tags": ["lossgazer"],
    "links": [{"tags": ["lossgazer"]}],
    "templating": {
        "list": [
            {"name": "datasource", "type": "datasource", "label": "P", "description": "P"},
            {
                "name": "instance",
                "type": "query",
                "label": "I",
                "description": "I",
                "multi": True,
                "includeAll": True,
            },
        ]
    },
    "panels": [panel(1, 0, "One"), panel(2, 12, "Two")],
}


class CheckDashboards(unittest.TestCase):
    def test_a_sound_dashboard_passes(self):
        self.assertEqual(check_dashboards.dashboard_findings(SOUND), [])

    def test_each_defect_is_found(self):
        for what, break_it in [
            ("no uid", lambda d: d.pop("uid")),
            ("no description", lambda d: d.update(description="")),
            ("ids", lambda d: d["panels"][1].update(id=1)),
            ("titles", lambda d: d["panels"][1].update(title="One")),
            ("overlap", lambda d: d["panels"][1]["gridPos"].update(x=11)),
            ("off the grid", lambda d: d["panels"][1]["gridPos"].update(x=13)),
            ("type graph", lambda d: d["panels"][0].update(type="graph")),
            ("healthy", lambda d: d["panels"][0].update(description="Packets.")),
            ("data source is not", lambda d: d["panels"][0].update(datasource={"uid": "mine"})),
            ("data source of", lambda d: d["panels"][0]["targets"][0].pop("datasource")),
            ("no query", lambda d: d["panels"][0].update(targets=[])),
            ("empty query", lambda d: d["panels"][0]["targets"][0].update(expr="")),
            ("one refId", lambda d: d["panels"][0]["targets"].append(d["panels"][0]["targets"][0])),
            ("no unit", lambda d: d["panels"][0]["fieldConfig"]["defaults"].pop("unit")),
            ("$pear is not defined", lambda d: d["panels"][0]["targets"][0].update(expr="$pear")),
            ("$instance is not used", lambda d: [panel.pop("targets") for panel in d["panels"]]),
            ("no label", lambda d: d["templating"]["list"][1].pop("label")),
            ("can be chosen", lambda d: d["templating"]["list"][1].update(multi=False)),
            ("variable for the data source", lambda d: d["templating"]["list"].pop(0)),
            ("no link", lambda d: d.update(links=[])),
        ]:
            with self.subTest(what):
                dashboard = copy.deepcopy(SOUND)
                break_it(dashboard)
                found = check_dashboards.dashboard_findings(dashboard)
                self.assertTrue([finding for finding in found if what in finding], found)


if __name__ == "__main__":
    unittest.main()
