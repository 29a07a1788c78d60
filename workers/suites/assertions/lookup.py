"""The operations of a knowledge base that answers are judged by: read once in a run, found by name or by request.

They are those of the active version if there is one, else of the draft.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import text

from infra import db, ids
from infra.errors import BadInput
from workers.knowledge import bases
from workers.specs import records
from workers.specs.checks import TEMPLATE
from workers.suites.assertions.outcome import cut
from workers.suites.assertions.schemas import once
from workers.suites.base import Answered, World

Json = dict[str, Any]

MOST_NAMED = 5
LONGEST_NAME = 200

# What a version has, or where no version is active the draft.
KNOWN = text("""
SELECT e.id, e.source, e.key, r.id AS revision_id, r.content ->> 'method' AS method, r.content ->> 'path' AS path,
       r.content ->> 'operation_id' AS operation_id, r.content -> 'servers' AS servers
FROM kb_entries e
LEFT JOIN kb_version_entries v
  ON v.knowledge_base_id = e.knowledge_base_id AND v.version = :version AND v.entry_id = e.id
JOIN kb_revisions r ON r.id = CASE WHEN CAST(:version AS int) IS NULL THEN e.draft_revision_id ELSE v.revision_id END
WHERE e.knowledge_base_id = :kb AND e.type = 'api' AND r.content ->> 'kind' = 'operation'
ORDER BY e.source, e.key
""")
CONTENT = text("SELECT content FROM kb_revisions WHERE id = :id AND project_id = :project_id")


@dataclass(frozen=True, slots=True)
class Known:
    """An operation, as far as it takes to find it. `prefixes` are the paths of its servers."""

    id: UUID
    source: str
    key: str
    revision_id: UUID
    method: str
    path: str
    operation_id: str | None
    prefixes: tuple[str, ...]

    @property
    def name(self) -> str:
        """As people call it: `GET /users/{id}`."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Operations:
    """All of a knowledge base. `of` says what they are taken from, for sentences."""

    of: str
    known: list[Known]
    _shapes: dict[tuple[str, int], list[tuple[list[str], Known]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.known:
            steps = one.path.split("/")
            self._shapes.setdefault((one.method, len(steps)), []).append((steps, one))

    def named(self, name: str) -> list[Known]:
        """Those that are called that: `GET /users/{id}` whatever its parameters are called, an operationId, or the id
        of an entry."""
        method, _, path = name.strip().partition(" ")
        if not path:
            entry = ids.parse("api", method)
            return [one for one in self.known if one.id == entry or one.operation_id == method]
        method, path = method.upper(), path.strip()
        exact = [one for one in self.known if one.method == method and one.path == path]
        wanted = TEMPLATE.sub("{}", path)
        return exact or [one for one in self.known if one.method == method and TEMPLATE.sub("{}", one.path) == wanted]

    def requested(self, method: str, url: str, base_url: str | None) -> list[Known]:
        """Those that such a request is of, behind the environment's base URL or a server's path; of several templates
        the one that says most."""
        path = urlsplit(url).path or "/"
        found: list[tuple[list[bool], Known]] = []
        for rest, prefix in self._rests(path, base_url):
            steps = [unquote(one) for one in rest.split("/")]
            for template, one in self._shapes.get((method.upper(), len(steps)), ()):
                if (prefix is None or prefix in one.prefixes) and all(map(_fits, template, steps)):
                    found.append((["{" not in part for part in template], one))
            if found:
                most = max(literal for literal, _ in found)
                return list({one.id: one for literal, one in found if literal == most}.values())
        return []

    def _rests(self, path: str, base_url: str | None) -> Iterator[tuple[str, str | None]]:
        """What of a path may be an operation's, with the prefix that only some of them have."""
        base = urlsplit(base_url or "").path.rstrip("/")
        if base and path.startswith(f"{base}/"):
            yield path[len(base) :], None
        prefixes = {prefix for one in self.known for prefix in one.prefixes}
        for prefix in sorted(prefixes, key=len, reverse=True):
            found = _behind(prefix, path)
            if found is not None:
                yield found, prefix
        yield path, None


async def record_for(assertion: Json, answered: Answered, world: World) -> Json:
    """The record of the operation that an answer must conform to, with its schemas as `$defs`; raises BadInput with
    what to do where it is not known."""
    kb_id = _knowledge_base(assertion, answered, world)
    operations: Operations = await once(
        world, ("operations", kb_id), lambda: asyncio.to_thread(read_all, world.project_id, kb_id)
    )
    if kb_id is None and not operations.known:
        raise BadInput(
            "Nobody says what the answer must conform to: ingest the API's description, or give the assertion, the "
            "test case or the environment the `knowledge_base_id` of one that has it."
        )
    found = _one(_candidates(operations, assertion, answered, world), assertion, answered, operations)
    record: Json = await once(
        world,
        ("operation", found.revision_id),
        lambda: asyncio.to_thread(_read_one, world.project_id, found.revision_id),
    )
    return record


def _knowledge_base(assertion: Json, answered: Answered, world: World) -> UUID | None:
    """The one that is said; None: the project's own."""
    named = assertion.get("knowledge_base_id")
    if named is not None:
        found = named if isinstance(named, UUID) else ids.parse("kb", str(named))
        if found is None:
            raise BadInput(f"{named!r} is no id of a knowledge base; one is kb_ and 32 digits.")
        return found
    return answered.knowledge_base_id or world.surroundings.knowledge_base_id


def _candidates(operations: Operations, assertion: Json, answered: Answered, world: World) -> list[Known]:
    """The operation that the assertion names; else the case's if the request may be of it; else what the request is
    of; else the case's after all: its request may be wrong on purpose."""
    source = assertion.get("source")

    def of_source(found: Iterable[Known]) -> list[Known]:
        return [one for one in found if source in (None, one.source)]

    if assertion.get("operation"):
        return of_source(operations.named(assertion["operation"]))
    requested = of_source(operations.requested(answered.method, answered.url, world.surroundings.base_url))
    named = of_source(operations.named(answered.operation)) if answered.operation else []
    both = [one for one in requested if one in named]
    return both or requested or named


def _one(found: list[Known], assertion: Json, answered: Answered, operations: Operations) -> Known:
    if len(found) == 1:
        return found[0]
    wanted = assertion.get("operation") or f"{answered.method} {urlsplit(answered.url).path or '/'}"
    wanted = cut(wanted, LONGEST_NAME)
    if not found:
        raise BadInput(
            f"{operations.of} has no operation {wanted}; ingest the description that has it, or name the one "
            "that is meant as `operation`."
        )
    sources = sorted({one.source for one in found})
    if len(sources) > 1:
        told = ", ".join(map(repr, sources[:MOST_NAMED]))
        raise BadInput(f"Several sources describe {wanted}: {told}; name one as `source`.")
    told = ", ".join(one.name for one in found[:MOST_NAMED])
    raise BadInput(f"{wanted} may be any of {told}; name the one that is meant as `operation`.")


def read_all(project_id: UUID, kb_id: UUID | None) -> Operations:
    """The operations of a knowledge base, or of the project's own (None), if it has one; raises NotFound. In a
    transaction of its own."""
    with db.transaction() as session:
        base = bases.own_base(session, project_id) if kb_id is None else bases.get_base(session, project_id, kb_id)
        if base is None:
            return Operations("", [])
        version = base.active_version
        rows = session.execute(KNOWN, {"kb": base.id, "version": version}).all()
    what = "The draft" if version is None else f"The active version {version}"
    return Operations(
        f"{what} of knowledge base {base.public_id}",
        [
            Known(
                row.id,
                row.source,
                row.key,
                row.revision_id,
                row.method,
                row.path,
                row.operation_id,
                _prefixes(row.servers),
            )
            for row in rows
            if row.method and row.path
        ],
    )


def _read_one(project_id: UUID, revision_id: UUID) -> Json:
    with db.transaction() as session:
        content = session.execute(CONTENT, {"id": revision_id, "project_id": project_id}).scalar_one()
        return records.expanded(session, project_id, content)


def _prefixes(servers: Any) -> tuple[str, ...]:
    """The paths of servers, without a slash at the end, as far as they have one."""
    paths = []
    for one in servers if isinstance(servers, list) else ():
        url = re.sub(r"^[^/]*//[^/]*", "", str(one.get("url", "")))
        path = url.partition("?")[0].rstrip("/")
        if path.startswith("/"):
            paths.append(path)
    return tuple(dict.fromkeys(paths))


def _behind(prefix: str, path: str) -> str | None:
    """What of the path is behind the prefix, whose variables take anything."""
    template, steps = prefix.split("/"), path.split("/")
    if len(steps) <= len(template) or not all(map(_fits, template, map(unquote, steps))):
        return None
    return "/" + "/".join(steps[len(template) :])


def _fits(template: str, given: str) -> bool:
    """Whether a step of a path is one of the template's; a parameter takes anything but nothing."""
    if "{" not in template:
        return template == given
    literal = TEMPLATE.split(template)[::2]
    if not given or not given.startswith(literal[0]) or not given.endswith(literal[-1]):
        return False
    if len(given) < len(literal[0]) + len(literal[-1]):
        return False
    at = len(literal[0])
    for part in literal[1:-1]:
        at = given.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
