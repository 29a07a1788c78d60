"""Test cases as clients ask for them to be written: from what, and how the job is to be treated."""

from typing import Any

from schemas.job import RunAtIn, WishesIn
from schemas.test_generate import GenerateIn

Json = dict[str, Any]

_INPUT = GenerateIn()
_FIELDS = GenerateIn._declared_fields


class GenerateRequest(GenerateIn, WishesIn, RunAtIn):
    """From what test cases are written, and which."""


def input_of(body: Json) -> Json:
    """The job's input in a loaded GenerateRequest, as JSON."""
    shown: Json = _INPUT.dump({name: value for name, value in body.items() if name in ("from", *_FIELDS)})
    return shown
