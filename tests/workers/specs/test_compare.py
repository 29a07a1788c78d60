"""Two descriptions of one operation: what is a change, where it is, and what is none."""

import copy
import random
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.catalogue import BY_NAME
from tests.house.tree import ROOT
from tests.workers.specs.rules.records import (
    Json,
    inside,
    parameter,
    record,
    with_body,
    with_parameters,
    with_response,
)
from workers.specs.compare import (
    TRUNCATED,
    Change,
    Level,
    breaking,
    breaking_event,
    compare,
    counts,
    name_of,
)
from workers.specs.notes import Notes
from workers.specs.operations import Operations
from workers.specs.references import Documents
from workers.specs.rules.view import Side
from workers.specs.validation import version_of

TODAY = date(2030, 1, 31)
TEXT: Json = {"type": "string"}
REAL = ROOT.parent / "shared" / "data" / "openapi" / "real"
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**400, "x", [], {}, [None], [[]], {"type": 5}, {"$ref": "#/$defs/none"},
    {"$ref": 3}, {"allOf": [{"$ref": "#"}]}, {"oneOf": [{"type": "null"}]}, {"enum": {}}, {"required": "x"},
    {"properties": [1]},
]  # fmt: skip


def ids(before: Json | None, after: Json | None, **wish: Any) -> list[str]:
    """The rules that found something."""
    return [change.id for change in compare(before, after, today=TODAY, **wish)]


def only(before: Json, after: Json) -> Change:
    """The one change there is."""
    (found,) = compare(before, after, today=TODAY)
    return found


def at(record: Json, pointer: str | None) -> Any:
    """What a pointer of a change points to."""
    assert pointer is not None
    found = Side(record).target("#" + pointer)
    assert found is not None, pointer
    return found.schema


def with_definitions(made: Json, **definitions: Json) -> Json:
    """A record with schemas to refer to."""
    return {**made, "$defs": definitions}


def referred(name: str) -> Json:
    """A reference to one of them."""
    return {"$ref": f"#/$defs/{name}"}


def test_a_change_says_what_where_and_what_to_do() -> None:
    before, after = (with_body(inside(inside({"type": "integer", "maximum": most}))) for most in (150, 99))
    found = only(before, after)
    assert found.as_json() == {
        "id": "request-property-max-decreased",
        "level": "error",
        "operation": "POST /things",
        "text": "`maximum` of the property `x.x` of the request body (application/json) went down from `150` to `99`.",
        "pointer_before": "/request_body/content/application~1json/schema/properties/x/properties/x/maximum",
        "pointer_after": "/request_body/content/application~1json/schema/properties/x/properties/x/maximum",
        "what_to_do": "Go on accepting what was accepted, or offer a new version of the operation.",
    }
    assert (at(before, found.pointer_before), at(after, found.pointer_after)) == (150, 99)


def test_equal_records_have_no_changes_and_nothing_is_compared_with_nothing() -> None:
    made = with_body(inside(TEXT))
    assert compare(made, copy.deepcopy(made)) == []
    assert compare(None, None) == []


def test_an_operation_that_is_not_there_has_no_pointer() -> None:
    gone, new = compare(record(), None)[0], compare(None, record())[0]
    assert (gone.pointer_before, gone.pointer_after) == ("", None)
    assert (new.pointer_before, new.pointer_after) == (None, "")
    assert ids(record(), None, path_removed=True) == ["api-path-removed-without-deprecation"]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"type": "integer"}, {"type": ["integer", "string"]}),
        ({"enum": [1]}, {"enum": [1, 2]}),
        ({"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 9}),
        (TEXT, {"type": ["string", "null"]}),
        ({"const": 1}, {}),
    ],
)
def test_a_request_may_become_wider_and_an_answer_narrower_but_not_the_other_way_round(
    narrow: Json, wide: Json
) -> None:
    worst = {
        "request wider": compare(with_body(inside(narrow)), with_body(inside(wide))),
        "answer narrower": compare(with_response(inside(wide)), with_response(inside(narrow))),
    }
    assert {name: breaking(found) for name, found in worst.items()} == dict.fromkeys(worst, False)
    assert breaking(compare(with_body(inside(wide)), with_body(inside(narrow))))
    answer = compare(with_response(inside(narrow)), with_response(inside(wide)))
    assert answer[0].level in (Level.ERROR, Level.WARNING)


@pytest.mark.parametrize(
    "other",
    [
        referred("Thing"),
        {"allOf": [referred("Thing")]},
        {"oneOf": [referred("Thing")]},
        {"allOf": [{"type": "object"}, {"properties": {"a": TEXT}, "required": ["a"]}]},
        {"$ref": "#/$defs/Alias", "description": "Said in another way."},
    ],
)
def test_the_same_schema_written_in_another_way_is_no_change(other: Json) -> None:
    thing = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
    definitions = {"Thing": thing, "Alias": referred("Thing")}
    for make in (with_body, with_response):
        plain, written = (with_definitions(make(one), **definitions) for one in (thing, other))
        assert compare(plain, written) == []
        assert compare(written, plain) == []


def test_null_is_the_same_as_a_type_and_as_an_alternative() -> None:
    types, alternative = {"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}
    assert compare(with_response(inside(types)), with_response(inside(alternative))) == []
    assert ids(with_response(inside(TEXT)), with_response(inside(alternative))) == ["response-property-became-nullable"]


def test_types_as_alternatives_are_a_list_of_types() -> None:
    either = {"oneOf": [TEXT, {"type": "integer"}]}
    assert compare(with_body(either), with_body({"type": ["integer", "string"]})) == []
    assert ids(with_body(either), with_body(TEXT)) == ["request-body-list-of-types-narrowed"]


def test_a_schema_that_refers_to_itself_is_compared_once_and_ends() -> None:
    def tree(value: Json) -> Json:
        node = {"type": "object", "properties": {"value": value, "left": referred("Node"), "right": referred("Node")}}
        return with_definitions(with_response(referred("Node")), Node=node)

    before, after = tree(TEXT), tree({"type": "integer"})
    found = only(before, after)
    assert found.text.startswith("The type of the property `value` of the response `200`")
    assert found.pointer_before == "/$defs/Node/properties/value/type"
    assert at(before, found.pointer_before) == "string"


def test_a_circle_of_references_and_merges_ends() -> None:
    circle: Json = {"A": {"allOf": [referred("B")]}, "B": {"$ref": "#/$defs/A", "maxLength": 3}}
    before = with_definitions(with_body(referred("A")), **circle)
    after = with_definitions(with_body(referred("A")), **{**circle, "B": {"$ref": "#/$defs/A", "maxLength": 2}})
    assert ids(before, after) == ["request-body-max-length-decreased"]


def test_what_changed_deep_inside_is_found_though_all_around_it_is_equal() -> None:
    def chain(last: Json) -> Json:
        definitions = {f"N{n}": {"type": "object", "properties": {"next": referred(f"N{n + 1}")}} for n in range(30)}
        return with_definitions(with_response(referred("N0")), **definitions, N30=last)

    found = only(chain(TEXT), chain({"type": "integer"}))
    assert found.id == "response-property-type-changed"
    assert found.text.count("next") == 30


def test_names_in_paths_and_the_case_of_headers_mean_nothing() -> None:
    before = with_parameters(
        parameter(where="path", name="id", required=True), parameter(where="header", name="X-Trace"), path="/a/{id}"
    )
    after = with_parameters(
        parameter(where="header", name="x-trace"), parameter(where="path", name="key", required=True), path="/a/{key}"
    )
    assert compare(before, after) == []


def test_text_takes_every_value_where_values_travel_as_text() -> None:
    number, text = parameter({"type": "integer"}), parameter(TEXT)
    assert compare(with_parameters(number), with_parameters(text)) == []
    assert breaking(compare(with_parameters(text), with_parameters(number)))
    assert breaking(compare(with_body({"type": "integer"}), with_body(TEXT)))
    form = "application/x-www-form-urlencoded"
    assert compare(with_body(inside({"type": "integer"}), form), with_body(inside(TEXT), form)) == []


def test_a_list_may_take_the_place_of_a_value_that_is_repeated() -> None:
    before, after = parameter(TEXT), parameter({"type": "array", "items": TEXT})
    assert compare(with_parameters(before), with_parameters(after)) == []
    assert breaking(compare(with_parameters(before), with_parameters({**after, "explode": False})))
    tighter = {"type": "array", "items": {**TEXT, "maxLength": 3}}
    assert breaking(compare(with_parameters(before), with_parameters(parameter(tighter))))


def test_alternatives_are_known_by_name_title_or_text() -> None:
    cat, dog = {"title": "Cat", "properties": {"a": TEXT}}, {"type": "object", "properties": {"b": TEXT}}
    tame = {**cat, "properties": {"a": {"type": "integer"}}}
    before, after = with_response({"oneOf": [cat, dog]}), with_response({"oneOf": [dog, tame]})
    assert ids(before, after) == ["response-property-type-changed"]
    renamed = [
        with_definitions(with_body({"anyOf": [referred(name), TEXT]}), **{name: dog}) for name in ("Dog", "Hound")
    ]
    assert compare(*renamed) == []


def test_a_plain_schema_lives_on_as_one_of_the_alternatives() -> None:
    cat, dog = inside(TEXT), {"type": "object", "properties": {"b": TEXT}}
    definitions = {"Cat": cat, "Dog": dog}
    plain = with_definitions(with_response(referred("Cat")), **definitions)
    either = with_definitions(with_response({"anyOf": [referred("Cat"), referred("Dog")]}), **definitions)
    assert ids(plain, either) == ["response-body-any-of-added"]
    assert ids(either, plain) == ["response-body-any-of-removed"]


def test_what_the_api_sends_by_itself_is_judged_like_an_answer() -> None:
    def webhook(schema: Json) -> Json:
        return {**with_body(schema), "kind": "webhook", "path": None, "name": "paid"}

    def caller(schema: Json) -> Json:
        return record(callbacks={"paid": {"{$request.body#/url}": {"POST": with_body(schema)}}})

    wide, narrow = {"type": "object", "properties": {"a": TEXT}}, {"type": "object", "properties": {}}
    for make in (webhook, caller):
        assert ids(make(wide), make(narrow)) == ["response-optional-property-removed"]
    assert compare(webhook(wide), None)[0].operation == "WEBHOOK paid"


def test_what_nobody_sends_is_no_matter_in_a_request() -> None:
    before, after = ({**one, "readOnly": True} for one in (TEXT, {"type": "integer"}))
    assert compare(with_body(inside(before)), with_body(inside(after))) == []
    assert ids(with_response(inside(before)), with_response(inside(after))) == ["response-property-type-changed"]


@pytest.mark.parametrize(
    "more", [{"security": [{}]}, {"security": [{"a": ["read"]}, {"b": []}]}, {"security": [{"a": []}]}]
)
def test_security_that_still_lets_everybody_in_breaks_nobody(more: Json) -> None:
    assert not breaking(compare(record(security=[{"a": ["read"]}]), record(**more)))


def test_errors_come_first_and_are_counted() -> None:
    before = with_response({"type": "object", "properties": {"a": TEXT, "b": TEXT}, "required": ["b"]})
    after = with_response({"type": "object", "properties": {"c": TEXT}})
    found = compare(before, after)
    assert [change.level for change in found] == [Level.ERROR, Level.WARNING, Level.INFO]
    assert counts(found) == {"error": 1, "warning": 1, "info": 1}


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_descriptions_are_compared_without_a_word(odd: Any) -> None:
    body = with_body({"allOf": [inside(TEXT), referred("A")]})
    whole = {
        **body,
        "parameters": [parameter()],
        "security": [{"a": []}],
        "responses": with_response(TEXT)["responses"],
    }
    whole = with_definitions(whole, A=inside({"oneOf": [TEXT, {}]}))
    for one in _odd(whole, odd):
        compare(whole, one)
        compare(one, whole)
        assert compare(one, copy.deepcopy(one)) == []


def _odd(value: Any, odd: Any) -> list[Any]:
    """Copies of a value, in each of which one part is something odd."""
    if isinstance(value, dict):
        return [{**value, key: one} for key, inner in value.items() for one in [odd, *_odd(inner, odd)]]
    if isinstance(value, list):
        return [[*value[:n], one, *value[n + 1 :]] for n, inner in enumerate(value) for one in [odd, *_odd(inner, odd)]]
    return []


def test_depth_without_end_is_said_and_not_followed() -> None:
    def nested(last: Json) -> Json:
        schema = last
        for _ in range(20_000):
            schema = {"type": "array", "items": schema}
        return with_body(schema)

    found = compare(nested(TEXT), nested({"type": "integer"}))
    assert TRUNCATED in [change.id for change in found]


def test_the_work_is_bounded_and_what_is_left_out_is_said() -> None:
    def wide(kind: str) -> Json:
        return with_response({"type": "object", "properties": {f"p{n}": {"type": kind} for n in range(1_500)}})

    found = compare(wide("string"), wide("integer"))
    assert len(found) == 1_001
    assert (found[-1].id, found[-1].level) == (TRUNCATED, Level.INFO)


def test_the_event_tells_the_breaking_changes_and_the_operations_they_affect() -> None:
    changes = compare(with_response(inside(TEXT)), with_response(inside({"type": "integer"})))
    changes += compare(with_response(inside(TEXT)), with_response({"type": "object"}))
    data = breaking_event(UUID(int=1), "shop", changes)
    assert (data["count"], data["source"], data["job_id"]) == (1, "shop", None)
    assert data["affected"] == {"operations": ["POST /things"]}
    assert [change["id"] for change in data["changes"]] == ["response-property-type-changed"]
    assert BY_NAME["spec.breaking"].data().validate(data) == {}


def operations(path: Path) -> list[Json]:
    """The records of a specification, with the schemas that they need."""
    documents = Documents(Notes(), "file:///it", "file:///it".__eq__, lambda _: path.read_bytes())
    root, place = documents.document("file:///it")
    version = version_of(root, place, Notes())[1]
    made = Operations(documents, root, place, version, Notes())
    found = []
    for one in made:
        names = made.schemas.closures.get(one.record["definitions"] or "", {})
        found.append({**one.record, "$defs": {name: made.schemas.bodies[name] for name in names}})
    return found


@pytest.mark.skipif(not REAL.is_dir(), reason="The real specifications are not there")
@pytest.mark.parametrize("name", ["notion-3.0.json", "adyen-checkout-v71-3.1.json", "httpbin-0.10.4-swagger-2.0.json"])
def test_real_operations_are_compared_with_each_other_and_every_pointer_leads_somewhere(name: str) -> None:
    known, chance = operations(REAL / name), random.Random(name)
    found = 0
    for _ in range(60):
        before, after = chance.choice(known), chance.choice(known)
        assert compare(before, copy.deepcopy(before)) == []
        for change in compare(before, after):
            found += 1
            sides = (before, change.pointer_before), (after, change.pointer_after)
            assert [at(side, pointer) for side, pointer in sides if pointer is not None]
            assert change.operation == name_of(after)
    assert found > 0
