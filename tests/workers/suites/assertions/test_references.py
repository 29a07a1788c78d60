"""Where references within a schema lead."""

from typing import Any

import pytest

from infra.errors import BadInput
from workers.suites.assertions.references import References

INNER: dict[str, Any] = {"$id": "inner", "$defs": {"x": {"type": "null"}}, "items": {"$ref": "#/$defs/x"}}
SCHEMA = {
    "$id": "http://example.com/outer",
    "$defs": {"x": {"type": "string"}, "a b/c": {}, "inner": INNER, "named": {"$anchor": "here"}},
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", [SCHEMA]),
        ("#/$defs/x", [{"type": "string"}]),
        ("#/$defs/a%20b~1c", [{}]),
        ("#here", [{"$anchor": "here"}]),
        ("inner", [INNER]),
        ("http://example.com/inner#/$defs/x", [{"type": "null"}]),
        ("https://json-schema.org/draft/2020-12/schema", []),
    ],
)
def test_references_lead_to_pointers_anchors_and_addresses(reference, found):
    one = {"$ref": reference}
    schema = {**SCHEMA, "not": one}
    for each in References(schema).followed(one):
        assert each == (schema if reference == "#" else found[0])
    assert len([*References(schema).followed(one)]) >= len(found)


def test_within_a_resource_of_its_own_all_that_may_be_meant_is_told():
    assert {"type": "null"} in [*References(SCHEMA).followed(INNER["items"])]


@pytest.mark.parametrize("reference", ["#/$defs/nothing", "#nobody", "elsewhere.json", "http://example.com/other"])
def test_what_is_not_in_the_schema_is_refused(reference):
    one = {"$ref": reference}
    with pytest.raises(BadInput, match="is not in it"):
        [*References({**SCHEMA, "not": one}).followed(one)]
