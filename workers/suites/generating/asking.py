"""What a job that writes cases asks for: from operations, from a trace, or from a description; and what it leaves."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids
from infra.errors import NotFound
from models import CaseOrigin, KnowledgeBase, Trace
from workers.kinds.base import Context
from workers.specs import records
from workers.suites import environments
from workers.suites.assertions import lookup
from workers.suites.base import Surroundings
from workers.suites.generating import from_openapi, known_operations, storing
from workers.suites.generating.described import nearest
from workers.suites.generating.from_trace import cases_from_trace

Json = dict[str, Any]

MOST_DESCRIBED = 50


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Raises NotFound or BadInput, with pointers, for a knowledge base, operations or an environment that are not
    there."""
    with _at("/input/environment"):
        environments.wished_for(session, project_id, payload)
    _require_traces(session, project_id, payload)
    named = payload.get("knowledge_base_id")
    if payload["from"] == "openapi" or named is not None or payload.get("operations"):
        with _at("/input/knowledge_base_id"):
            base = known_operations.base_of(session, project_id, named)
        if payload["from"] == "openapi" or payload.get("operations"):
            with _at("/input/source"):
                known = known_operations.read(session, base, payload.get("source"))
            known_operations.chosen(known, payload.get("operations"), "/input/operations")


def _require_traces(session: Session, project_id: UUID, payload: Json) -> None:
    wanted = {one: ids.parse(Trace.prefix, one) for one in trace_ids(payload)}
    if not wanted:
        return
    query = Trace.in_project(project_id).where(Trace.id.in_(wanted.values())).with_only_columns(Trace.id)
    there = set(session.scalars(query))
    places = {one: f"/input/trace_ids/{at}" for at, one in enumerate(payload.get("trace_ids") or ())}
    missing = [places.get(one, "/input/trace_id") for one, found in wanted.items() if found not in there]
    if missing:
        detail = "There is no such trace."
        raise NotFound(detail, errors=[{"pointer": pointer, "detail": detail} for pointer in missing])


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise NotFound(error.detail, errors=[{"pointer": pointer, "detail": error.detail}]) from None


async def found(ctx: Context, wish: Json) -> Json:
    """`{"cases", "warnings", "operations"}` as it was asked for."""
    if wish["from"] == "openapi":
        return await from_openapi.cases_from_openapi(ctx, wish)
    warnings: list[Json] = []
    if wish["from"] == "trace":
        cases = await asyncio.to_thread(_of_traces, ctx.project_id, wish, warnings)
        return {"cases": cases, "warnings": [_plain(one) for one in warnings], "operations": 0}
    from workers.suites.generating.from_description import cases_from_description

    operations, around, base_id = await asyncio.to_thread(_described, ctx.project_id, wish)
    cases = await cases_from_description(
        ctx, ctx.project_id, wish["description"], wish.get("model"), operations, environment=around,
        knowledge_base_id=base_id, warnings=warnings,
    )  # fmt: skip
    return {"cases": cases, "warnings": [_plain(one) for one in warnings], "operations": len(operations)}


def _of_traces(project_id: UUID, wish: Json, warnings: list[Json]) -> list[Json]:
    """Cases of the trace that came with the wish, or of stored ones; their requests are looked up among the operations
    of the knowledge base that is named, or else of the project's own."""
    named = wish.get("knowledge_base_id")
    known = lookup.read_all(project_id, None if named is None else ids.parse(KnowledgeBase.prefix, named))
    operations = known if known.known else None
    if wish.get("trace") is not None:
        return cases_from_trace(wish["trace"], operations=operations, warnings=warnings)
    # It knows of cases, and this of it.
    from workers.traces.suggesting import suggested

    wanted = [ids.parse(Trace.prefix, one) for one in trace_ids(wish)]
    return suggested(project_id, [one for one in wanted if one], operations=operations, warnings=warnings)


def trace_ids(wish: Json) -> list[str]:
    """The stored traces that a wish names."""
    return [*filter(None, [wish.get("trace_id")]), *(wish.get("trace_ids") or ())]


def stored(ctx: Context, wish: Json, made: Json) -> Json:
    """Writes the drafts."""
    origin = CaseOrigin(wish["from"])
    common: Json = {"from": wish["from"]}
    if origin is CaseOrigin.OPENAPI:
        common["seed"] = wish["seed"]
    if origin is CaseOrigin.DESCRIPTION:
        common |= {"description": wish["description"][:2000], "model": wish.get("model")}
    base = None
    if origin is CaseOrigin.OPENAPI or wish.get("knowledge_base_id") is not None:
        with db.transaction() as session:
            found = known_operations.base_of(session, ctx.project_id, wish.get("knowledge_base_id"))
            base = ids.show(KnowledgeBase.prefix, found.id)
    bodies = [{**({"knowledge_base_id": base} if base else {}), **one} for one in made["cases"]]
    return storing.store(ctx.project_id, ctx.job_id, origin, bodies, common)


def _described(project_id: UUID, wish: Json) -> tuple[list[Json], Surroundings | None, UUID | None]:
    """The records of the operations that the description is about (those that are named, or of all the nearest), where
    the cases will run, and whose operations they are."""
    with db.transaction() as session:
        environment = environments.wished_for(session, project_id, wish)
        around = None if environment is None else environments.surroundings(session, environment)
        if wish.get("knowledge_base_id") is None and not wish.get("operations"):
            return [], around, None
        base = known_operations.base_of(session, project_id, wish.get("knowledge_base_id"))
        known = known_operations.read(session, base)
        if not known:
            return [], around, base.id
        places = known_operations.chosen(known, wish.get("operations"), "/input/operations")
        near = nearest(wish["description"], [known[index].record for index in places])[:MOST_DESCRIBED]
        expander = records.Expander(session, project_id)
        return [expander.expanded(record) for record in near], around, base.id


def _plain(warning: Any) -> Json:
    """A warning of another source in the shape of ours."""
    if isinstance(warning, dict):
        return {
            "operation": None,
            "code": str(warning.get("code", "trace")),
            "message": str(warning.get("message", "")),
        }
    return {"operation": None, "code": "trace", "message": str(warning)}
