"""What alerts and panels ask Prometheus for: the metrics, and the labels that they rely on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from stack.supervision.process import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/dashboard.json"
_METRIC = re.compile(r"\b(?:postbox|booking|payment|http|process)_\w+(?=[\s\[{)]|$)")
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_SELECTOR = re.compile(r"(\w+)=~?\"")
OF_PROMETHEUS = {"instance", "job"}


@dataclass(frozen=True)
class Expression:
    """`name` of the alert or panel."""

    name: str
    text: str

    @property
    def metrics(self) -> set[str]:
        without_labels = _GROUPING.sub("", re.sub(r"\{[^}]*\}", "", self.text))
        return set(_METRIC.findall(without_labels))

    @property
    def labels(self) -> set[str]:
        grouped = {
            label.strip() for group in _GROUPING.findall(self.text) for label in group.split(",")
        }
        return (grouped | set(_SELECTOR.findall(self.text))) - OF_PROMETHEUS


def alerts(path: Path = ALERTS) -> Iterator[Expression]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            yield Expression(rule["alert"], rule["expr"])


def panels(path: Path = DASHBOARD) -> Iterator[Expression]:
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield Expression(panel["title"], target["expr"])
