"""The memory of failures: each is known by a fingerprint, with when it was first and last seen, and how often.

A fingerprint is made of the case, the step, the assertion (or the error), and the reason without what changes from run
to run and from row to row: numbers, times, ids, what is quoted, and the values that were put into the request. The
status that came stays in it: a 500 is another failure than a 404.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, json
from models import Verdict
from workers.suites.running.verdicts import Fault

Json = dict[str, Any]

LENGTH = 32
LONGEST_REASON = 1000
SHORTEST_VALUE = 4
MOST_VALUES = 200
MOST_LOOKS = 5_000

# What may be another thing the next time, the widest first.
_CHANGING = (
    # An array or an object, of which a sentence may quote the beginning alone: where that is cut, no quote is closed.
    (re.compile(r"(?<!\S)[\[{].*(?:…|[\]}])", re.DOTALL), "<json>"),
    (re.compile(r'"(?:[^"\\]|\\.)*"|(?<!\w)\'[^\']*\'(?!\w)|“[^”]*”|`[^`]*`'), "<text>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"), "<id>"),
    (re.compile(r"\b(?:[a-z]+_)?(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"-?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?"), "<n>"),
)  # fmt: skip

REMEMBER = text("""
WITH seen AS (
  SELECT x.*, f.last_seen_at AS before FROM jsonb_to_recordset(CAST(:faults AS jsonb)) AS x(
    id uuid, case_id uuid, fingerprint text, step text, reason text, occurrences int)
  LEFT JOIN test_failures f ON f.case_id = x.case_id AND f.fingerprint = x.fingerprint
), written AS (
  INSERT INTO test_failures (id, created_at, project_id, case_id, fingerprint, step, reason, occurrences,
    first_run_id, first_seen_at, last_run_id, last_seen_at)
  SELECT id, :moment, :project_id, case_id, fingerprint, step, reason, occurrences, :run_id, :moment, :run_id, :moment
  FROM seen ORDER BY case_id, fingerprint
  ON CONFLICT (case_id, fingerprint) DO UPDATE SET occurrences = test_failures.occurrences + excluded.occurrences,
    step = excluded.step, reason = excluded.reason, last_run_id = excluded.last_run_id,
    last_seen_at = excluded.last_seen_at, resolved_at = NULL
)
SELECT case_id, fingerprint FROM seen WHERE before IS NULL OR before < CAST(:green_at AS timestamptz)
""")
RESOLVE = text("""
UPDATE test_failures SET resolved_at = :moment WHERE case_id = ANY(CAST(:cases AS uuid[])) AND resolved_at IS NULL
""")


def fingerprint(case_id: UUID, step: Json, values: Iterable[Any] = ()) -> str:
    """Of a step that failed or errored, as its result has it; `values` are those that were put into it."""
    code, wrong = error_code(step), failed_assertion(step)
    parts: list[Any] = [case_id.hex, step["id"], step["phase"], step["verdict"], code]
    said = step.get("reason")
    if code is None and wrong is not None:
        parts += [wrong.get(name) for name in ("type", "name", "path", "op")] + [_came(wrong)]
        said = wrong.get("message")
    parts.append(normalised(said or "", values))
    return hashlib.sha256(json.dump_canonical(parts)).hexdigest()[:LENGTH]


def failed_assertion(step: Json) -> Json | None:
    """The first assertion of a step's result that failed it."""
    found: Iterator[Json] = (
        one
        for one in step.get("assertions") or ()
        if one.get("verdict") in (Verdict.FAILED, Verdict.ERRORED) and one.get("severity") != "warn"
    )
    return next(found, None)


def error_code(step: Json) -> str | None:
    """The code of the error for which a step could not be performed."""
    code: str | None = (step.get("error") or {}).get("code")
    return code


def _came(assertion: Json) -> Any:
    """What came instead, where few things can come."""
    few = assertion.get("type") == "status" or assertion.get("op") == "type"
    return assertion.get("actual") if few else None


def normalised(reason: str, values: Iterable[Any] = ()) -> str:
    """The reason without what changes."""
    said = reason[:LONGEST_REASON]
    texts = {one for value in values if len(one := str(value)) >= SHORTEST_VALUE and one in said}
    for one in sorted(texts, key=len, reverse=True)[:MOST_VALUES]:
        said = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", "<value>", said)
    for pattern, place in _CHANGING:
        said = pattern.sub(place, said)
    return " ".join(said.split())


def remember(
    session: Session,
    *,
    project_id: UUID,
    run_id: UUID,
    faults: Mapping[UUID, Mapping[str, Fault]],
    green_at: datetime | None,
    moment: datetime,
) -> dict[UUID, list[str]]:
    """Notes the faults of cases that ended in a run; returns by case those that are new: not seen since the last green
    run, which ended at `green_at`, or, without one, never."""
    rows: list[Json] = [
        {
            "id": ids.new_id(),
            "case_id": case_id,
            "fingerprint": one,
            "step": fault.step,
            "reason": fault.reason,
            "occurrences": fault.occurrences,
        }
        for case_id, found in faults.items()
        for one, fault in found.items()
    ]
    if not rows:
        return {}
    # In one order, so that two runs of the same cases do not wait for each other.
    rows.sort(key=lambda row: (row["case_id"], row["fingerprint"]))
    asked = {"project_id": project_id, "run_id": run_id, "green_at": green_at, "moment": moment}
    new: dict[UUID, list[str]] = {}
    for row in session.execute(REMEMBER, {**asked, "faults": json.dump_for_postgres(rows)}):
        new.setdefault(row.case_id, []).append(row.fingerprint)
    return new


def resolve(session: Session, cases: Collection[UUID], moment: datetime) -> None:
    """The failures of cases that passed are over."""
    if cases:
        session.execute(RESOLVE, {"cases": [str(one) for one in cases], "moment": moment})


def values_of(*scopes: Mapping[str, Any] | Sequence[Any] | None) -> list[Any]:
    """The plain values in variables and rows, as they may stand in a reason."""
    found: list[Any] = []
    pending: list[Any] = list(scopes)
    looks = 0
    while pending and len(found) < MOST_VALUES and looks < MOST_LOOKS:
        looks += 1
        one = pending.pop()
        if isinstance(one, Mapping):
            pending += islice(one.values(), MOST_VALUES)
        elif isinstance(one, list | tuple):
            pending += islice(one, MOST_VALUES)
        elif isinstance(one, str | int | float) and not isinstance(one, bool):
            found.append(one)
    return found
