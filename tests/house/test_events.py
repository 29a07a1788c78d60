"""Every event that the code writes is in the catalogue, and the catalogue has no other."""

import ast
import re
from collections.abc import Iterator

import pytest

from models import JobStatus
from schemas import event
from schemas.catalogue import BY_NAME, EVENT_TYPES, matching
from schemas.event import FINAL_EVENTS
from tests.house.tree import ROOT, dotted, inside, nodes
from workers.kinds import KINDS

NAME = re.compile(r"[a-z_]+\.[a-z_]+")
# Lines of the log look the same, and are none.
SAID = ("log", "_log")
# Second names of events, which nobody writes there.
ALIASES = "workers/kinds/aliases.py"
FAMILIES = {one.family for one in EVENT_TYPES}
CONSTANTS = {name: value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)}
# `f"job.{status}"` and `'job.' || status`: what a new job enters with, and a cancellation that overtook another end.
BY_STATUS = {f"job.{status}" for status in (JobStatus.SCHEDULED, JobStatus.QUEUED, JobStatus.CANCELLED)}


def _logged(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).split(".")[0] in SAID


def _written() -> Iterator[str]:
    """Every text of the workers' code that looks like an event, in Python and in SQL, and every constant it uses."""
    logged = {id(part) for _, node in nodes(ALIASES) if _logged(node) for part in ast.walk(node)}
    for path, node in nodes(ALIASES):
        if not inside(path, "workers") or id(node) in logged:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _names_in(node.value)
        if isinstance(node, ast.Name) and node.id in CONSTANTS:
            yield CONSTANTS[node.id]
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "publish":
            yield from (str(one.value.value) for one in node.keywords if isinstance(one.value, ast.Constant))


def _names_in(text: str) -> Iterator[str]:
    quoted = {text, *re.findall(r"'([^'\n]*)'", text)}
    yield from (one for one in quoted if NAME.fullmatch(one) and one.partition(".")[0] in FAMILIES)


def test_every_event_that_is_written_is_in_the_catalogue_and_no_other() -> None:
    kinds = {kind.name for kind in KINDS}
    assert not kinds & set(BY_NAME)
    assert {*_written(), *BY_STATUS} - kinds == set(BY_NAME)


@pytest.mark.parametrize("status", [status for status in JobStatus if status != JobStatus.RUNNING])
def test_a_job_has_an_event_for_every_status_that_it_can_get(status: JobStatus) -> None:
    assert f"job.{status}" in BY_NAME


def test_the_final_events_are_in_the_catalogue() -> None:
    assert set(BY_NAME) >= FINAL_EVENTS


@pytest.mark.parametrize("one", EVENT_TYPES, ids=lambda one: one.name)
def test_a_type_has_a_name_a_sentence_and_an_example_of_its_shape(one) -> None:
    assert NAME.fullmatch(one.name)
    assert one.description.endswith(".") and "\n" not in one.description
    one.data().load(one.example)
    assert set(one.example) <= set(one.data().fields)


def test_a_pattern_means_a_type_a_family_everything_or_nothing() -> None:
    assert matching("*") == EVENT_TYPES
    assert matching("job.failed") == (BY_NAME["job.failed"],)
    assert {one.name for one in matching("batch.*")} == {name for name in BY_NAME if name.startswith("batch.")}
    for nothing in ("", "job", "job.", "job.fail*", "*.failed", ".*", "**", "nothing.*", "job.*.*", "JOB.*"):
        assert matching(nothing) == ()


def test_the_page_about_events_has_every_type_as_it_is() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    shown = [(one.name, one.description, ", ".join(f"`{name}`" for name in one.data().fields)) for one in EVENT_TYPES]
    assert rows == shown
