"""What changed between two records of an operation, and whether it breaks clients.

Judged by the description, and by who speaks: a request must still be accepted that was, a response may not bring what
it never brought. So narrower requests and wider responses break clients; the rules are in `rules/`, their table is in
docs/breaking-changes.md.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from infra import ids
from infra.clock import now
from workers.specs.field_diff import fields_changed
from workers.specs.rules import RULES
from workers.specs.rules.base import Change, Found, Json, Level, Pair, Rule, Spot, mapping
from workers.specs.rules.branches import ALTERNATIVES
from workers.specs.rules.places import places
from workers.specs.rules.types import NULL_RULES
from workers.specs.rules.walk import Budget, SchemaPair, Walk

__all__ = ["Change", "Level", "breaking", "breaking_event", "compare", "counts", "fields_changed"]

MOST_PAIRS = 20_000  # of schemas, of one operation; Stripe's take up to 1,600
MOST_CHANGES = 1_000  # of one operation
MOST_TOLD = 20  # changes in an event
ORDER = list(Level)

TRUNCATED = "comparison-truncated"
TRUNCATED_TEXT = "The operation is too large to be compared as a whole; there may be more changes."
TRUNCATED_ADVICE = "Look at the rest yourself, or describe the operation with fewer schemas."

BY_SPOT: dict[Spot, list[Rule]] = {spot: [rule for rule in RULES if spot in rule.spots] for spot in Spot}
# Where a plain schema became alternatives, or the other way round, its keywords moved into one of them.
OF_WRAPPED = {rule.id for rule in (*ALTERNATIVES, *NULL_RULES)}


def compare(
    before: Json | None, after: Json | None, *, path_removed: bool = False, today: date | None = None
) -> list[Change]:
    """The changes of one operation, errors first, from two expanded records (`records.expanded`).

    None stands for an operation that is not there; `path_removed` says of a removed one that no other has its path.
    The work is bounded: after 20,000 pairs of schemas or 1,000 changes `comparison-truncated` says so.
    """
    operation = name_of(after or before)
    budget, found = Budget(MOST_PAIRS), []
    try:
        if before == after:
            return []
        for change in _changes(before, after, operation, path_removed, today or now().date(), budget):
            found.append(change)
            if len(found) >= MOST_CHANGES:
                budget.spent = True
                break
    except RecursionError:  # nested beyond what any reader of such a description could take
        budget.spent = True
    if budget.spent:
        found.append(_truncated(operation))
    return sorted(dict.fromkeys(found), key=lambda change: ORDER.index(change.level))


def name_of(record: Json | None) -> str:
    """`GET /users/{id}`, or `WEBHOOK orderPaid`."""
    said = mapping(record)
    if said.get("kind") == "webhook":
        return f"WEBHOOK {said.get('name')}"
    return f"{str(said.get('method', '')).upper()} {said.get('path', '')}".strip()


def breaking(changes: Iterable[Change]) -> bool:
    """Whether one of them breaks clients."""
    return any(change.level is Level.ERROR for change in changes)


def counts(changes: Iterable[Change]) -> dict[str, int]:
    """How many there are of each level."""
    found = Counter(change.level for change in changes)
    return {level.value: found[level] for level in Level}


def breaking_event(knowledge_base_id: UUID, source: str, changes: Sequence[Change], job_id: UUID | None = None) -> Json:
    """The data of a `spec.breaking`: how many changes break clients, the first of them, and the operations they
    affect."""
    errors = [change for change in changes if change.level is Level.ERROR]
    return {
        "knowledge_base_id": ids.show("kb", knowledge_base_id),
        "job_id": None if job_id is None else ids.show("job", job_id),
        "source": source,
        "count": len(errors),
        "changes": [change.as_json() for change in errors[:MOST_TOLD]],
        "affected": {"operations": list(dict.fromkeys(change.operation for change in errors))[:MOST_TOLD]},
    }


def _changes(
    before: Json | None, after: Json | None, operation: str, path_removed: bool, today: date, budget: Budget
) -> Iterator[Change]:
    walk = Walk(before or {}, after or {}, budget)
    for place in places(before, after, path_removed, today):
        yield from _judged(place.pair.spot, place.pair, operation)
        if place.schemas is not None:
            for pair in walk.pairs(place.schema_spot, place.pair, *place.schemas):
                yield from _judged(pair.spot, pair, operation)


def _judged(spot: Spot, pair: Pair | SchemaPair, operation: str) -> Iterator[Change]:
    wrapped = isinstance(pair, SchemaPair) and pair.wrapped
    for rule in BY_SPOT[spot]:
        if not wrapped or rule.id in OF_WRAPPED:
            for found in rule.find(pair):
                yield _said(rule, found, pair, operation)


def _said(rule: Rule, found: Found, pair: Any, operation: str) -> Change:
    text = rule.text.format(**{"place": pair.place, **found.values})
    there = [not isinstance(pair, Pair) or side is not None for side in (pair.before, pair.after)]
    one = found.at_before if found.at_before is not None else pair.at_before
    other = found.at_after if found.at_after is not None else pair.at_after
    return Change(
        id=rule.id,
        level=rule.level,
        operation=operation,
        text=text[:1].upper() + text[1:],
        pointer_before=one if there[0] else None,
        pointer_after=other if there[1] else None,
        what_to_do=rule.what_to_do,
    )


def _truncated(operation: str) -> Change:
    return Change(TRUNCATED, Level.INFO, operation, TRUNCATED_TEXT, None, None, TRUNCATED_ADVICE)
