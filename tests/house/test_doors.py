"""Every route has a scope and is documented, every kind an example and a test, every queue a consumer."""

from typing import Any

import pytest
import yaml

import celeryconfig
from api.app import create_app
from api.openapi import VERBS, document, path_of
from api.openapi_operations import PUBLIC
from infra.dev.roles import roles
from schemas.api_key import SCOPES
from tasks.app import app
from tests.house.tree import ROOT
from workers.kinds import KINDS

APP = create_app()
RULES = list(APP.url_map.iter_rules())
DOCUMENT = document(APP)
QUEUES = {queue.name for queue in celeryconfig.task_queues}


def spec_of(rule) -> Any:
    return getattr(APP.view_functions[rule.endpoint], "spec", None)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{min(rule.methods - {'HEAD', 'OPTIONS'})} {rule.rule}")
def test_a_route_has_a_scope_or_is_public_on_purpose(rule) -> None:
    spec = spec_of(rule)
    if spec is None:
        assert rule.endpoint.rpartition(".")[2] in (*PUBLIC, "docs_file")
    else:
        assert spec.scope in SCOPES
        assert rule.rule.startswith("/v1/")


def test_every_scope_opens_something() -> None:
    assert {spec.scope for rule in RULES if (spec := spec_of(rule))} == set(SCOPES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{min(rule.methods - {'HEAD', 'OPTIONS'})} {rule.rule}")
def test_a_route_is_in_the_document_with_a_sentence_of_its_own(rule) -> None:
    if rule.endpoint.endswith(".docs_file"):
        return
    for verb in {method.lower() for method in rule.methods} & set(VERBS):
        operation = DOCUMENT["paths"][path_of(rule)][verb]
        assert " " in operation["summary"]
        assert operation["responses"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_has_an_example_that_it_accepts(kind) -> None:
    kind.payload().load(kind.example)
    if kind.check is not None:
        kind.check(kind.example)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_has_a_file_a_test_and_a_queue(kind) -> None:
    file = kind.name.replace(".", "_") + ".py"
    assert (ROOT / "workers" / "kinds" / file).exists()
    assert (ROOT / "tests" / "workers" / "kinds" / f"test_{file}").exists()
    assert kind.queue in QUEUES


def _consumed(commands: list[list[str]]) -> set[str]:
    return {queue for one in commands if "-Q" in one for queue in one[one.index("-Q") + 1].split(",")}


def test_every_queue_has_a_consumer_wherever_switchyard_runs() -> None:
    here = [role.command for role in roles(port=1, flower_port=2, io_workers=1, run=ROOT)]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert _consumed(here) == QUEUES
    assert _consumed([service.get("command", []) for service in services.values()]) == QUEUES


def test_every_task_that_beat_starts_exists() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in celeryconfig.beat_schedule.values()} <= set(app.tasks)
