"""The alert rules ask for metrics that exist."""

import re
from typing import Any

import pytest
import yaml

from infra import metrics
from tests.client import Client
from tests.house.tree import ROOT

FILE = ROOT / "infra" / "prometheus" / "alerts.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
SERIES = re.compile(r"\b(switchyard_\w+)(?:\{([^}]*)\})?")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_has_a_severity_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"] and "/v1/" in rule["annotations"]["description"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_and_labels_that_are_exposed(rule: dict[str, Any], client: Client) -> None:
    client.submit(run_at="2999-01-01T00:00:00Z")
    exposed = client.http.get("/metrics").text
    asked = SERIES.findall(rule["expr"])
    assert asked
    for name, selectors in asked:
        sample = next(line for line in exposed.splitlines() if line.startswith(f"{name}{{"))
        labels = re.findall(r"(\w+)=", selectors) + re.findall(r"by \((\w+)\)", rule["expr"])
        assert set(labels) <= set(re.findall(r'(\w+)="', sample)), sample


def test_queues_and_dead_letters_are_exposed_with_their_labels() -> None:
    text = metrics.exposition([("completions", "queued", 3, 7.5)], {"completion": 2, "embedding": 0}).decode()
    assert 'switchyard_dead_letters{kind="completion"} 2.0' in text
    assert 'switchyard_dead_letters{kind="embedding"} 0.0' in text
    assert 'switchyard_oldest_job_seconds{queue="completions",status="queued"} 7.5' in text
