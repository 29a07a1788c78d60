"""A list of an API, and how cases make items for it."""

from dataclasses import dataclass
from typing import Any

from infra import json
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.operations import Operation, Rows
from workers.suites.generating.requests import Raw, Request
from workers.suites.generating.resources import Resource

Json = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """A list, and what makes its items; `id_name` is the property by which they are known."""

    workshop: Workshop
    operation: Operation
    rows: Rows
    resource: Resource | None
    items: Json
    id_name: str | None

    def parameter(self, test: Any) -> Json | None:
        """The first parameter of the query whose name passes."""
        return next((one for one in self.operation.parameters if one["in"] == "query" and test(str(one["name"]))), None)

    def draft(self, purpose: str, count: int) -> Draft:
        """A case for which so many items are made."""
        draft = Draft(self.workshop, self.operation, f"list {purpose}")
        if self.resource is not None:
            request = draft.filled(draft.base(optional=False))
            known = {name: value.text for (place, name), value in request.values.items()
                     if place == "path" and isinstance(value, Raw)}  # fmt: skip
            for index in range(count):
                draft.made(self.resource, known, again=f"item {index}")
        return draft


def make_with(draft: Draft, listing: Listing, name: str, value: Any) -> str | None:
    """Makes an item that has this value, where that can be said when it is made; the template of its id."""
    resource = listing.resource
    if resource is None or name not in resource.create.properties_sent() or resource.chosen:
        return None
    create = resource.create
    request = draft.base(create)
    made = {**request.body, name: value} if isinstance(request.body, dict) else None
    if made is None or create.body is None or not create.sent.accepts(create.body.schema, made):
        return None
    filled = draft.filled(draft.base(listing.operation, optional=False))
    known = {one: template.text for (place, one), template in filled.values.items()
             if place == "path" and isinstance(template, Raw)}  # fmt: skip
    return draft.made_with(resource, known, request.with_body(made, (name,)))


def known_ids(request: Request) -> dict[str, str]:
    return {name: value.text for (place, name), value in request.values.items()
            if place == "path" and isinstance(value, Raw)}  # fmt: skip


def quoted(value: Any) -> str:
    """A value in JSONPath."""
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
