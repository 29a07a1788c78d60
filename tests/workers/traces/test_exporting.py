"""What is exported is all that was found, and as OTLP the same spans again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import event, new_trace, otlp, send, span
from workers.traces import exporting, receiving
from workers.traces.decoding.json_form import decode

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = """
SELECT to_jsonb(o) - 'project_id' - 'received_at' AS row FROM observations o WHERE project_id = :project
ORDER BY trace_id, span_id, digest
"""


@pytest.fixture
def project(core: Core) -> UUID:
    core.sql("TRUNCATE traces, observations, trace_resources")
    return core.project()


def lines(project: UUID, form: str, **wanted: Any) -> list[bytes]:
    return b"".join(exporting.pieces(project, wanted, form)).splitlines()


def odd_spans() -> list[Any]:
    """Whatever a span may say."""
    root = span(
        "root", start=BEGAN, ms=0.5, kind=2, status=2, message="broke", release="r",
        resource={"service.name": "shop", "otel.scope.name": "lib", "otel.scope.version": "1", "otel.scope.more": 5},
        events=[event("gen_ai.choice", 1_772_323_200_123_456_789, index=0, message='{"a": 1}')],
        links=[{"trace_id": "ab" * 16, "span_id": "cd" * 8, "attributes": {"why": "because"}}],
    )  # fmt: skip
    root.attributes |= {
        "text": "ümläut \\ \" \n", "whole": -(2**63), "real": 2.0, "small": 1e-7, "yes": True, "none": None,
        "list": [1, 2.5, "x", [False]], "object": {"a": {"b": [{"c": 1}]}}, "empty": "", "nothing": [], "void": {},
        "large": 2**62, "": "no name", "a\0": "nul \0", "huge": 1e16, "-huge": -1.5e18, "more": 2.0**63,
        "most": 1.5e300, "least": 5e-324, "zero": -0.0, "list of them": [1e17, -0.0, "\0"],
    }  # fmt: skip
    root.start += 789
    nul = span(
        "\0", parent=root, status=2, message="\0\n", resource={"service.name": "\0"}, events=[event("\0", 0, a=1e19)]
    )
    first = span("1970", start=0)
    first.start, first.end = 1, 2_345_678
    twin = span("twin", parent=root, id="00000000000000ff", start=1)
    return [root, nul, first, twin, span("other twin", parent=root, id="00000000000000ff", start=1),
            span("orphan", trace=root.trace_id.hex(), parent="ee" * 8, start=BEGAN)]  # fmt: skip


def test_lines_of_otlp_make_the_same_rows_elsewhere_and_none_at_home(core: Core, project: UUID) -> None:
    send(core, decode(json.dumps(otlp(odd_spans())).encode()).spans, project=project)
    send(core, [span("second", start=BEGAN + timedelta(seconds=9))], project=project)
    other = core.project()
    exported = lines(project, "otlp")
    for line in exported:
        decoded = decode(line)
        assert decoded.rejected == 0
        assert core.do(receiving.receive, project, decoded.spans).added == 0
        core.do(receiving.receive, other, decoded.spans)
    assert [row.row for row in core.sql(ROWS, project=other)] == [row.row for row in core.sql(ROWS, project=project)]
    assert len(core.sql(ROWS, project=other)) == 7


def test_lines_of_json_have_each_trace_with_all_that_it_has(core: Core, project: UUID) -> None:
    for number in range(60):
        root = span(f"trace {number}", start=BEGAN + timedelta(seconds=number))
        send(core, [root, span("below", parent=root)], project=project)
    send(core, [span("another's", start=BEGAN)], project=core.project())
    found = [json.loads(line) for line in lines(project, "jsonl")]
    assert [one["observations"][0]["name"] for one in found] == [f"trace {number}" for number in range(60)]
    assert all([below["trace_id"] for below in one["observations"]] == [one["trace"]["id"]] * 2 for one in found)
    assert found[0]["observations"][0]["resource"] == {"service.name": "test"} and found[0]["trace"]["pending"]
    some = lines(project, "jsonl", started_after=BEGAN + timedelta(seconds=58))
    assert len(some) == 2 and lines(project, "jsonl", user_id="nobody") == []


def test_a_trace_of_more_than_is_read_at_once_is_one_line_and_many_of_otlp(core: Core, project: UUID) -> None:
    trace, said = new_trace(), "x" * 5000
    some = [span(f"{number}", trace=trace, start=BEGAN + timedelta(seconds=number), said=said + str(number))
            for number in range(1100)]  # fmt: skip
    send(core, [*some, span("small", start=BEGAN)], project=project)
    (large, small) = sorted((json.loads(line) for line in lines(project, "jsonl")),
                            key=lambda one: -len(one["observations"]))  # fmt: skip
    assert [one["name"] for one in large["observations"]] == [str(number) for number in range(1100)]
    assert len(small["observations"]) == 1
    requests = lines(project, "otlp")
    assert len(requests) > 2 and max(map(len, requests)) < 4 * 1024 * 1024
    assert sum(len(decode(line).spans) for line in requests) == 1101
