"""What of a trace is compared with others, in figures: read off its summary once, and kept in `feature_facts`.

What the user wants is told by the goal that the analysis found and by their last message in full, half and half. An
answer is the last one of the trace that says anything. It is refused where the provider says so, or where it begins
as models decline (REFUSING, in eight languages). It is valid or not where it had to follow a JSON schema.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from infra.errors import BadInput
from workers.features.base import Assignment, Call, Summary
from workers.features.drift.sketches import sketch
from workers.suites.assertions.schemas import Compiled, compiled

Json = dict[str, Any]

BEGINNING = 240
LONGEST_JSON = 1_000_000
REFUSING = re.compile(
    r"\b(?:I(?:'m| am) (?:really |very |so )?(?:sorry|afraid|unable)|(?:I )?apologi[sz]e|unfortunately|as an ai)\b"
    r".{0,120}"
    r"\b(?:can(?:'t|not)|unable|not able|not (?:allowed|permitted)|won't|decline|against|not something I)\b"
    r"|\bI (?:can(?:'t|not)|won't|must decline|am unable|am not able|do not feel comfortable)\b.{0,40}"
    r"\b(?:help|assist|comply|provide|do that|answer|discuss|share|fulfil|support|continue|with that|that request)\b"
    r"|\bI(?:'m| am) (?:unable|not able|not allowed|not permitted) to\b|\bI have to decline\b|\bI must decline\b"
    r"|\bes tut mir leid\b.{0,80}\b(?:kann|darf)\b.{0,60}\bnicht\b"
    r"|\b(?:ich kann|ich darf) (?:dir|ihnen|das|dabei)\b.{0,40}\bnicht\b"
    r"|\bje (?:suis désolée?|regrette)\b.{0,80}\bne (?:peux|puis)\b|\bje ne (?:peux|puis) pas\b"
    r"|\blo siento\b.{0,80}\bno puedo\b|\bno puedo (?:ayudar|responder|proporcionar)"
    r"|\bmi dispiace\b.{0,80}\bnon posso\b"
    r"|\bdesculpe\b.{0,80}\bnão posso\b|\bhet spijt me\b.{0,80}\bkan\b.{0,40}\bniet\b"
    r"|抱歉.{0,30}(?:不能|无法)|申し訳.{0,40}(?:できません|できかねます)",
    re.IGNORECASE | re.DOTALL,
)
_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n```\s*$", re.DOTALL)

WHOSE = text("""
SELECT id, feature_id FROM traces WHERE project_id = :project_id AND id = ANY(CAST(:trace_ids AS uuid[])) ORDER BY id
FOR KEY SHARE
""")
KNOWN = text("""
SELECT trace_id, feature_id, revision, sites FROM feature_facts
WHERE project_id = :project_id AND trace_id = ANY(CAST(:trace_ids AS uuid[]))
""")
WRITE = text("""
INSERT INTO feature_facts AS f (project_id, trace_id, feature_id, at, revision, duration_ms, failed, cost, output_chars,
  refused, valid, parsed, goal, said, session, sites)
SELECT :project_id, trace_id, feature_id, at, revision, duration_ms, failed, cost, output_chars, refused, valid, parsed,
  decode(goal, 'hex'), decode(said, 'hex'), session, ARRAY(SELECT jsonb_array_elements_text(sites))
FROM jsonb_to_recordset(CAST(:facts AS jsonb)) AS x(trace_id uuid, feature_id uuid, at timestamptz, revision int,
  duration_ms float8, failed bool, cost float8, output_chars int, refused bool, valid bool, parsed bool, goal text,
  said text, session bigint, sites jsonb)
ON CONFLICT (project_id, trace_id) DO UPDATE SET feature_id = excluded.feature_id, at = excluded.at,
  revision = excluded.revision, duration_ms = excluded.duration_ms, failed = excluded.failed, cost = excluded.cost,
  output_chars = excluded.output_chars, refused = excluded.refused, valid = excluded.valid, parsed = excluded.parsed,
  goal = excluded.goal, said = excluded.said, session = excluded.session, sites = excluded.sites
""")


def fact_of(assignment: Assignment, now: datetime) -> Json:
    """The row of a trace, but for its feature and sites."""
    summary = assignment.summary
    answered = _answered(summary.calls)
    said = answered.texts.answer.text if answered and answered.texts.answer else None
    asked = sketch(*{summary.goal: None, _asked(summary.calls): None})
    told = sketch(said) if said else None
    refused = any(one.texts.refused for one in summary.calls) or (said is not None and refuses(said))
    return {
        "trace_id": summary.trace_id.hex,
        "at": min(summary.started_at, now),
        "revision": summary.revision,
        "duration_ms": summary.duration_ms,
        "failed": summary.failed,
        "cost": None if summary.cost is None else float(summary.cost),
        "output_chars": None if said is None else len(said),
        "refused": refused if said is not None or refused else None,
        "valid": _valid(summary.calls),
        "parsed": None if said is None else _parses(said) is not None,
        "goal": asked.hex() if asked else None,
        "said": told.hex() if told else None,
        "session": _session(summary),
    }


def _answered(calls: Sequence[Call]) -> Call | None:
    """The call with the last answer that says anything."""
    return next((one for one in reversed(calls) if one.texts.answer and one.texts.answer.text.strip()), None)


def _asked(calls: Sequence[Call]) -> str:
    """What the user said in full before the first answer: of a document the goal is but the beginning."""
    said = ([one.text for one in call.texts.messages if one.role == "user"] for call in calls)
    return next((one[-1] for one in said if one), "")


def refuses(said: str) -> bool:
    """Whether an answer begins as models decline."""
    return REFUSING.search(said[:BEGINNING].replace("’", "'")) is not None


def _session(summary: Summary) -> int | None:
    """A hash of the session, or of the user where there is none."""
    whose = summary.session_id or summary.user_id
    if not whose:
        return None
    return int.from_bytes(hashlib.blake2b(whose.encode(), digest_size=8).digest(), "big", signed=True)


def _valid(calls: Sequence[Call]) -> bool | None:
    """Whether all answers that had to follow a schema did; null where none had to."""
    judged = [
        _follows(one.texts.answer.text, one.texts.schema)
        for one in calls
        if one.texts.schema and one.texts.answer and one.texts.answer.text.strip()
    ]
    known = [one for one in judged if one is not None]
    return all(known) if known else None


def _follows(said: str, schema: Json) -> bool | None:
    read = _parses(said)
    if read is None:
        return False
    found = _compiled(json.dump_canonical(schema))
    if found is None:
        return None
    try:
        found.effort.require_little(read[0])
    except BadInput:
        return None
    return bool(found.validator.is_valid(read[0]))


@lru_cache(200)
def _compiled(schema: bytes) -> Compiled | None:
    """None for what is no schema that could be checked."""
    said = json.read(schema)
    # As providers are given it, with {"name", "schema"} around it.
    inner = said["schema"] if isinstance(said.get("schema"), dict) else said
    try:
        return compiled(inner)
    except BadInput:
        return None


def _parses(said: str) -> list[Any] | None:
    """The JSON value of an answer in a list, also one in a fence; None where it is no object or array."""
    plain = said.strip()
    if plain.startswith("```") and (found := _FENCE.match(plain)):
        plain = found.group(1).strip()
    if plain[:1] not in ("{", "[") or len(plain) > LONGEST_JSON:
        return None
    try:
        return [json.read(plain)]
    except ValueError:
        return None


def whose(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
    """The features that these traces have by now, for those that are there; until the transaction ends nobody takes
    them away."""
    rows = session.execute(WHOSE, {"project_id": project_id, "trace_ids": list(trace_ids)})
    return {row.id: row.feature_id for row in rows}


def known(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """What was noted of these traces: rows with feature_id, revision and sites."""
    rows = session.execute(KNOWN, {"project_id": project_id, "trace_ids": list(trace_ids)})
    return {row.trace_id: row for row in rows}


def write(session: Session, project_id: UUID, facts: Sequence[Json]) -> None:
    """Writes rows, over those that are there."""
    if facts:
        ordered = sorted(facts, key=lambda one: str(one["trace_id"]))
        session.execute(WRITE, {"project_id": project_id, "facts": json.dump_for_postgres(ordered)})
