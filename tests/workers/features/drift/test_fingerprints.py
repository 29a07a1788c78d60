"""The fingerprint of a prompt."""

import hashlib
from typing import Any

from tests.workers.features.drift.noticing import call
from workers.features.drift.fingerprints import fingerprint, made_with, site_of

BY_ID = {"type": "object", "properties": {"id": {"type": "string"}}}
TOOLS = [
    {"name": "refund", "description": "Pays back", "parameters": BY_ID},
    {"name": "find", "description": "Finds\n an order", "parameters": {}},
]


def made(**more: Any) -> str:
    found = made_with(call(**more))
    return fingerprint(found.prompt, found.model, found.parameters, found.tools)


def test_the_order_of_tools_and_of_names_is_no_difference() -> None:
    turned = [{key: one[key] for key in reversed(one)} for one in reversed(TOOLS)]
    assert made(tools=TOOLS) == made(tools=turned)


def test_what_lies_deep_in_a_schema_is_a_difference() -> None:
    other = [{**TOOLS[0], "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}}}, TOOLS[1]]
    assert made(tools=TOOLS) != made(tools=other)


def test_prompt_model_and_parameters_are_differences_seeds_and_streams_are_not() -> None:
    assert made(parameters={"temperature": 1}) == made(parameters={"temperature": 1.0, "seed": 7, "stream": True})
    assert len({made(), made(system="Be rude."), made(model="gpt-4.1"), made(parameters={"temperature": 0.2}),
                made(schema={"type": "object"})}) == 5  # fmt: skip


def test_a_float_that_went_through_single_precision_is_the_same() -> None:
    assert made(parameters={"top_p": 0.1}) == made(parameters={"top_p": 0.10000000149011612})


def test_it_is_the_hash_of_canonical_json() -> None:
    found = fingerprint("Be kind.", "gpt-4o", {"b": 1, "a": {"d": 2, "c": 3}}, [])
    assert found == fingerprint("Be kind.", "gpt-4o", {"a": {"c": 3, "d": 2}, "b": 1}, [])
    canonical = b'{"model":"gpt-4o","parameters":{"a":{"c":3,"d":2},"b":1},"system":"Be kind.","tools":[]}'
    assert found == hashlib.sha256(canonical).hexdigest()


def test_a_call_site_without_end_is_cut_and_stays_itself() -> None:
    one, other = (site_of(call(site="a" * 5_000 + end)) for end in "xy")
    assert len(one) < 320 and one != other
