"""How the operations of a knowledge base changed between two of its sides."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from models import EntryType, KnowledgeBase
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.specs.rules.records import Json, inside, parameter, record, with_response
from workers.knowledge import drafts
from workers.knowledge.diffs import Side
from workers.knowledge.drafts import EntryContent
from workers.specs import records
from workers.specs.compare import Level
from workers.specs.drift import MOST_CHANGES, Drift, Wanted, drift

TEXT: Json = {"type": "string"}
DRAFT = Side(draft=True)


def put(knowledge: Knowledge, source: str = "default", **operations: Json) -> None:
    """Makes these the operations of a source in the draft, by the last part of their path."""

    def keep(session: Session, base: KnowledgeBase) -> None:
        wanted = [
            EntryContent(
                type=EntryType.API,
                key=f"{made['method'].upper()} /{name}",
                title=name,
                text=name,
                content=records.folded(session, base.project_id, {**made, "path": f"/{name}"}),
            )
            for name, made in operations.items()
        ]
        drafts.put_entries(session, base, wanted, type=EntryType.API, source=source, replace=True)

    knowledge.locked(keep)


def found(knowledge: Knowledge, before: Side, to: Side = DRAFT, seconds: float = 60.0, **wish: Any) -> Drift:
    """The report; as many operations as there are unless the test says how many."""
    wanted = Wanted(**{"limit": 1_000, **wish})
    report: Drift = knowledge.locked(drift, before, to, wanted, seconds=seconds)
    return report


def by_key(report: Drift) -> dict[str, tuple[str, list[str]]]:
    """What became of each operation, and the rules that found something."""
    return {one["key"]: (one["change"], [change.id for change in one["changes"]]) for one in report.operations}


@pytest.fixture
def shop(knowledge: Knowledge) -> Knowledge:
    """Version 1 has three operations, of which the draft has one more, one less, and one in another way."""
    put(knowledge, same=record(), gone=record(), other=with_response(inside(TEXT)))
    assert knowledge.built() == 1
    put(knowledge, same=record(), new=record(), other=with_response(inside({"type": "integer"})))
    return knowledge


def test_each_operation_that_differs_is_there_with_what_that_breaks(shop: Knowledge) -> None:
    report = found(shop, Side(1))
    assert report.summary == {"added": 1, "removed": 1, "changed": 1}
    assert by_key(report) == {
        "POST /gone": ("removed", ["api-path-removed-without-deprecation"]),
        "POST /other": ("changed", ["response-property-type-changed"]),
        "POST /new": ("added", ["endpoint-added"]),
    }
    assert (report.levels, report.compared, report.has_more) == ({"error": 2, "warning": 0, "info": 1}, 3, False)
    assert len(report.breaking) == 2
    assert report.breaking[0].startswith("api_")


def test_between_equal_sides_there_is_nothing_even_if_a_change_was_taken_back(shop: Knowledge) -> None:
    assert shop.built() == 2
    put(shop, same=record(), new=record(summary="Another"), other=with_response(inside({"type": "integer"})))
    put(shop, same=record(), new=record(), other=with_response(inside({"type": "integer"})))
    for before, after in ((Side(2), DRAFT), (Side(1), Side(1))):
        report = found(shop, before, after)
        assert (report.summary, report.operations) == ({"added": 0, "removed": 0, "changed": 0}, [])
        assert (report.compared, report.last, report.has_more) == (0, None, False)


def test_against_nothing_every_operation_is_new_and_versions_are_compared_either_way(shop: Knowledge) -> None:
    assert shop.built() == 2
    assert found(shop, Side(), Side(2)).summary == {"added": 3, "removed": 0, "changed": 0}
    assert found(shop, Side(2), Side(1)).summary == found(shop, Side(1), Side(2)).summary
    assert by_key(found(shop, Side(2), Side(1)))["POST /new"] == ("removed", ["api-path-removed-without-deprecation"])


def test_a_path_that_another_method_still_has_is_not_gone(knowledge: Knowledge) -> None:
    put(knowledge, a=record())
    put(knowledge, "admin", a=record())
    knowledge.built()
    put(knowledge, a=record(method="get"))
    assert by_key(found(knowledge, Side(1)))["POST /a"] == ("removed", ["api-removed-without-deprecation"])
    put(knowledge)
    assert by_key(found(knowledge, Side(1)))["POST /a"] == ("removed", ["api-path-removed-without-deprecation"])


def test_only_operations_of_a_level_or_a_source_are_shown_and_the_rest_is_still_counted(shop: Knowledge) -> None:
    put(shop, "admin", users=record())
    worst = found(shop, Side(1), level=Level.ERROR)
    assert {one["key"] for one in worst.operations} == {"POST /gone", "POST /other"}
    assert worst.levels == {"error": 2, "warning": 0, "info": 2}
    assert by_key(found(shop, Side(1), source="admin")) == {"POST /users": ("added", ["endpoint-added"])}


def test_a_report_goes_on_after_the_last_operation_until_all_were_seen(shop: Knowledge) -> None:
    seen: list[str] = []
    after: UUID | None = None
    while True:
        report = found(shop, Side(1), limit=1, after=after)
        seen += [one["key"] for one in report.operations]
        after = report.last
        assert report.summary == {"added": 1, "removed": 1, "changed": 1}
        if not report.has_more:
            break
    assert seen == ["POST /gone", "POST /other", "POST /new"]


def test_without_time_one_operation_is_compared_and_the_report_says_that_there_are_more(shop: Knowledge) -> None:
    report = found(shop, Side(1), seconds=0.0)
    assert (report.compared, report.has_more) == (1, True)
    assert found(shop, Side(1), after=report.last).compared == 2


def test_of_one_operation_so_many_changes_are_shown_and_all_are_counted(knowledge: Knowledge) -> None:
    put(knowledge, a=record(parameters=[parameter(name=f"p{n}") for n in range(MOST_CHANGES + 7)]))
    knowledge.built()
    put(knowledge, a=record())
    (one,) = found(knowledge, Side(1)).operations
    assert (len(one["changes"]), one["more_changes"], one["levels"]["warning"]) == (MOST_CHANGES, 7, MOST_CHANGES + 7)


def test_another_text_alone_changes_an_operation_and_breaks_nothing(knowledge: Knowledge) -> None:
    put(knowledge, a=record(summary="One"))
    knowledge.built()
    put(knowledge, a=record(summary="Two"))
    report = found(knowledge, Side(1))
    assert (by_key(report), report.breaking) == ({"POST /a": ("changed", [])}, [])
    assert found(knowledge, Side(1), level=Level.INFO).operations == []
