"""What approved test cases cover of an API: operations, documented statuses, parameters, and keywords of schemas.

A step is of the operation that it names, or its case, if the method is the same; else of the one whose path is like its
URL. Statuses count where a step asserts them. Keywords count where a generated case was written for them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from models import Case, CaseVersion, KnowledgeBase
from workers.suites import case_lists, cases
from workers.suites.generating import known_operations
from workers.suites.generating.known_operations import KnownOperation
from workers.suites.generating.operations import Operation, shape
from workers.suites.generating.views import dotted

Json = dict[str, Any]

MOST_CASES = 10_000
ROWS_AT_ONCE = 200
MOST_LISTED = 100
KEYWORDS = ("type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
            "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minProperties",
            "maxProperties")  # fmt: skip
# Generated cases say minimum and maximum of those, too.
_SAME = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


@dataclass(slots=True)
class _Covered:
    """One operation, and what was found of it."""

    known: KnownOperation
    operation: Operation
    statuses: set[str]
    parameters: set[str]
    optional: set[str]
    keywords: set[tuple[str, str]]
    cases: set[UUID] = field(default_factory=set)
    asserted: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    omitted: set[str] = field(default_factory=set)
    checked: set[tuple[str, str]] = field(default_factory=set)

    def take(self, case_id: UUID, step: Json) -> None:
        """A step that is of the operation."""
        self.cases.add(case_id)
        for one in step.get("assert") or ():
            if one.get("type") == "status":
                self.asserted |= set(_documented(one.get("expected"), self.statuses))
        sent = set(_names(step))
        self.used |= self.parameters & sent
        self.omitted |= self.optional - sent

    def shown(self) -> Json:
        """As OperationCoverage has it."""
        missing = sorted(f"{where} {keyword}" for where, keyword in self.keywords - self.checked)
        return {
            "operation": self.known.name,
            "source": self.known.source,
            "entry_id": self.known.id,
            "covered": bool(self.cases),
            "cases": len(self.cases),
            "statuses": _share(self.statuses, self.asserted),
            "asserted": sorted(self.asserted)[:MOST_LISTED],
            "not_asserted": sorted(self.statuses - self.asserted)[:MOST_LISTED],
            "parameters": _share(self.parameters, self.used),
            "unused": sorted(self.parameters - self.used)[:MOST_LISTED],
            "omitted": sorted(self.omitted)[:MOST_LISTED],
            "keywords": _share(self.keywords, self.checked),
            "keywords_missing": missing[:MOST_LISTED],
        }


def report(session: Session, project_id: UUID, wanted: Json) -> Json:
    """What CoverageOut shows; `wanted` is what CoverageQuery loads. Raises NotFound."""
    named = wanted.get("knowledge_base_id")
    base = known_operations.base_of(session, project_id, None if named is None else ids.show("kb", named))
    known = known_operations.read(session, base, wanted.get("source"))
    covered = [_documented_of(*one) for one in known_operations.loaded(session, project_id, known)]
    count, unknown = _take_all(session, project_id, base, wanted.get("suite"), covered)
    listed = sorted(covered, key=lambda one: (bool(one.cases), one.known.source, one.known.key))
    begin, limit = wanted["offset"], wanted["limit"]
    return {
        "knowledge_base_id": base.id,
        "version": base.active_version,
        "cases": count,
        "unknown_steps": unknown,
        "totals": _totals(covered),
        "data": [one.shown() for one in listed[begin : begin + limit]],
        "has_more": len(listed) > begin + limit,
    }


def _documented_of(known: KnownOperation, operation: Operation) -> _Covered:
    parameters = {str(one["name"]) for one in operation.parameters}
    optional = {str(one["name"]) for one in operation.parameters if not one.get("required") and one["in"] != "path"}
    keywords = {pair for one in operation.parameters
                for pair in _keywords(operation, str(one["name"]), one["schema"])}  # fmt: skip
    body = operation.body
    for place in operation.sent.places(body.schema) if body is not None else ():
        name = dotted(place.path)
        parameters.add(name)
        optional |= set() if place.required or isinstance(place.path[-1], int) else {name}
        keywords |= set(_keywords(operation, name, place.schema))
        keywords |= {(name, "required")} if place.required else set()
    keywords |= {(str(one["name"]), "required") for one in operation.parameters
                 if one.get("required") and one["in"] != "path"}  # fmt: skip
    statuses = {one.upper() for one in operation.responses if one != "default"}
    return _Covered(known, operation, statuses, parameters, optional, keywords)


def _keywords(operation: Operation, name: str, schema: Any) -> Iterator[tuple[str, str]]:
    for keyword in operation.sent.flat(schema).keys() & set(KEYWORDS):
        yield name, _SAME.get(keyword, keyword)


def _take_all(
    session: Session, project_id: UUID, base: KnowledgeBase, suite: str | None, covered: list[_Covered]
) -> tuple[int, int]:
    """Looks at every case; returns how many there are, and how many of their steps are of no operation."""
    found = _Finder(covered)
    count = unknown = 0
    for case, content in _approved(session, project_id, suite):
        if case.knowledge_base_id not in (None, base.id):
            continue
        count += 1
        for step in [*content.get("setup", ()), *content.get("steps", ())]:
            if step.get("kind", "http") != "http":
                continue
            one = found.of(step, case.operation)
            if one is None:
                unknown += 1
            else:
                one.take(case.id, step)
        _take_source(found, case)
    return count, unknown


def _take_source(found: "_Finder", case: Case) -> None:
    """What a generated case was written for."""
    where, keyword = case.source.get("parameter"), case.source.get("keyword")
    one = found.named(case.operation) if case.operation else None
    if one is not None and where and keyword and (where, keyword) in one.keywords:
        one.checked.add((where, keyword))


def _approved(session: Session, project_id: UUID, suite: str | None) -> Iterator[tuple[Case, Json]]:
    """The approved cases, of the suite or all, with what they do."""
    if suite is not None:
        wanted = [one.id for one in case_lists.cases_of(session, cases.find_suite(session, project_id, suite))]
    else:
        query = case_lists.runnable(project_id).order_by(Case.id).limit(MOST_CASES).with_only_columns(Case.id)
        wanted = list(session.scalars(query))
    for at in range(0, len(wanted), ROWS_AT_ONCE):
        some = cases.get_cases(session, project_id, wanted[at : at + ROWS_AT_ONCE])
        versions = CaseVersion.in_project(project_id).where(CaseVersion.case_id.in_(some))
        columns = (CaseVersion.case_id, CaseVersion.number, CaseVersion.content)
        for case_id, number, content in session.execute(versions.with_only_columns(*columns)):
            if some[case_id].version == number:
                yield some[case_id], content


class _Finder:
    """Finds the operation of a step."""

    def __init__(self, covered: Iterable[_Covered]) -> None:
        self._by_name: dict[str, _Covered] = {}
        self._by_length: dict[tuple[str, int], list[tuple[re.Pattern[str], _Covered]]] = {}
        for one in covered:
            method, path = one.operation.method, one.operation.path
            self._by_name.setdefault(f"{method} {shape(path)}", one)
            pattern = re.compile("".join(_piece(part) for part in re.split(r"(\{[^{}]*\})", path)))
            self._by_length.setdefault((method, path.count("/")), []).append((pattern, one))

    def named(self, name: str) -> _Covered | None:
        """The one that is called that, whatever its parameters are called."""
        method, _, path = name.partition(" ")
        return self._by_name.get(f"{method} {shape(path)}")

    def of(self, step: Json, of_case: str | None) -> _Covered | None:
        """The operation of a step."""
        for name in (step.get("operation"), of_case):
            if isinstance(name, str) and name.startswith(f"{step.get('method')} "):
                found = self.named(name)
                if found is not None:
                    return found
        path = re.sub(r"\{\{[^{}]*\}\}", "x", str(step.get("url", "")))
        path = urlsplit(path).path or "/"
        # What stands before it may be the base URL's.
        for begin in [found.start() for found in re.finditer("/", path)]:
            rest = path[begin:]
            exact = self._by_name.get(f"{step.get('method')} {shape(rest)}")
            if exact is not None:
                return exact
            for pattern, one in self._by_length.get((str(step.get("method")), rest.count("/")), ()):
                if pattern.fullmatch(rest):
                    return one
        return None


def _piece(part: str) -> str:
    return "[^/]+" if part.startswith("{") else re.escape(part)


def _documented(expected: Any, statuses: set[str]) -> Iterator[str]:
    """Those of the documented statuses that are expected; a class counts for those of it that are success."""
    for one in expected if isinstance(expected, list) else [expected]:
        text = str(one).upper()
        if text in statuses:
            yield text
        elif re.fullmatch("[1-5]XX", text):
            alike = [status for status in statuses if status[0] == text[0]]
            yield from alike if len(alike) == 1 else ()


def _names(step: Json) -> Iterator[str]:
    """Everything that a step sends by name."""
    for where in ("path_params", "query", "headers", "form"):
        yield from (step.get(where) or {})
    yield from _paths(step.get("body"), ())


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield dotted((*path, name))
            yield from _paths(one, (*path, name))
    elif isinstance(value, list) and value and len(path) < 8:
        yield dotted((*path, 0))
        yield from _paths(value[0], (*path, 0))


def _share(total: set[Any], covered: set[Any]) -> Json:
    return _counted(len(total), len(total & covered))


def _counted(total: int, covered: int) -> Json:
    return {"total": total, "covered": covered, "percent": round(100 * covered / total, 1) if total else 100.0}


def _totals(covered: list[_Covered]) -> Json:
    def both(*pairs: tuple[set[Any], set[Any]]) -> Json:
        return _counted(sum(len(one) for one, _ in pairs), sum(len(one & other) for one, other in pairs))

    return {
        "operations": _counted(len(covered), sum(bool(one.cases) for one in covered)),
        "statuses": both(*((one.statuses, one.asserted) for one in covered)),
        "parameters": both(*((one.parameters, one.used) for one in covered)),
        "keywords": both(*((one.keywords, one.checked) for one in covered)),
    }
