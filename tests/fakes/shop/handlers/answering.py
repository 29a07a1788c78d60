"""What handlers share."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tests.fakes.shop.call import Answer, Call, Problem

Json = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")


def known(things: Mapping[K, V], key: K, what: str) -> V:
    """The thing. Raises Problem 404."""
    if key not in things:
        raise Problem(404, f"There is no such {what}.")
    return things[key]


def uuid(call: Call, name: str) -> str:
    """A UUID of the path, as it is kept."""
    return str(call.path[name]).lower()


def tagged(call: Call, thing: Json) -> Answer:
    """The thing with its ETag, or 304 if the caller has it."""
    digest = hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()[:16]
    headers = {"ETag": f'"{digest}"'}
    if call.headers.get("If-None-Match") == headers["ETag"]:
        return Answer(304, headers=headers)
    return Answer(body=thing, headers=headers)


def created(thing: Json, location: str) -> Answer:
    """201 with the thing and where it is."""
    return Answer(201, thing, {"Location": location})


def filtered(things: list[Json], call: Call, **tests: Callable[[Json, Any], bool]) -> list[Json]:
    """Those that pass the test of each query parameter that was given."""
    given = {name: test for name, test in tests.items() if name in call.query}
    return [one for one in things if all(test(one, call.query[name]) for name, test in given.items())]


def equal(name: str) -> Callable[[Json, Any], bool]:
    """Whether that property is what was given."""
    return lambda one, given: bool(one[name] == given)
