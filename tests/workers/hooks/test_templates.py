"""Values of an event in an input: put in, never run, never looked at again."""

from typing import Any

import pytest

from infra.errors import BadInput
from infra.settings import settings
from workers.hooks import templates
from workers.hooks.templates import Event

BODY: dict[str, Any] = {
    "title": "Ärger",
    "number": 7,
    "open": True,
    "none": None,
    "labels": [{"name": "bug"}, {"name": "ui"}],
    "a/b": {"m~n": "odd", "": "empty"},
    "evil": "{{ /number }} {{ @id }} \\{{",
    " x ": 1,
}
EVENT = Event("evt_1", "issue.opened", BODY, {"x-github-event": "issues"})


def render(template: Any, event: Event = EVENT) -> Any:
    templates.check({"it": template})
    return templates.render({"it": template}, event)["it"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ /number }}", 7),
        ("{{/number}}", 7),
        ("{{ /open }}", True),
        ("{{ /none }}", None),
        ("{{ /labels }}", BODY["labels"]),
        ("{{ /labels/1/name }}", "ui"),
        ("{{ /a~1b/m~0n }}", "odd"),
        ("{{ /a~1b/ }}", "empty"),
        ("{{ @body }}", BODY),
        ("{{ @id }}", "evt_1"),
        ("{{ @event_type }}", "issue.opened"),
        ("{{ @header:X-GitHub-Event }}", "issues"),
        ("#{{ /number }}: {{ /title }}!", "#7: Ärger!"),
        ("{{ /labels/0 }}{{ /open }}{{ /none }}", '{"name":"bug"}truenull'),
        (" {{ /number }}", " 7"),
        ("{{ /missing ?? nobody's fault }}", "nobody's fault"),
        ("{{ /none ?? empty }}", "empty"),
        ("{{ /number ?? 8 }}", 7),
        ("<{{ /missing ?? }}>", "<>"),
        ("{{ @header:X-Other ?? none }}", "none"),
        ("\\{{ /number }}", "{{ /number }}"),
        ("a \\{{b}} {{ /number }}", "a {{b}} 7"),
        ("} } }} { {", "} } }} { {"),
        ("", ""),
        (5, 5),
        (None, None),
        ([{"deep": ["{{ /number }}"]}], [{"deep": [7]}]),
        ({"{ key }": "{{ /title }}"}, {"{ key }": "Ärger"}),
    ],
)
def test_a_place_gets_the_value_and_text_around_it_gets_text(template: Any, expected: Any) -> None:
    assert render(template) == expected


def test_what_was_put_in_is_never_looked_at_again() -> None:
    assert render("{{ /evil }}") == BODY["evil"]
    assert render("say: {{ /evil }}{{ /evil }}") == f"say: {BODY['evil']}{BODY['evil']}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ /missing }}",
        "{{ /labels/2 }}",
        "{{ /labels/01 }}",
        "{{ /labels/-1 }}",
        "{{ /labels/- }}",
        "{{ /title/0 }}",
        "{{ /number/x }}",
        "{{ / }}",
        "{{ @header:X-Other }}",
    ],
)
def test_a_missing_value_is_said_with_its_place(template: str) -> None:
    with pytest.raises(BadInput) as caught:
        render(["x", f"text {template}"])
    assert caught.value.errors[0]["pointer"] == "/input/it/1"
    assert "nothing at" in caught.value.errors[0]["detail"]


def test_an_event_without_a_type_has_nothing_there() -> None:
    with pytest.raises(BadInput):
        render("{{ @event_type }}", Event("1", None, {}, {}))
    assert render("{{ @event_type ?? unknown }}", Event("1", None, {}, {})) == "unknown"
    assert render("{{ @body }}", Event("1", None, [1, 2], {})) == [1, 2]


@pytest.mark.parametrize(
    "template",
    [
        "{{ /open",
        "{{}}",
        "{{ number }}",
        "{{ /a~2 }}",
        "{{ /a~ }}",
        "{{ @nothing }}",
        "{{ @header: }}",
        "{{ @header:X Y }}",
        "{{ 1 + 1 }}",
        "{{ {{ /number }} }}",
        "{% for x in y %}{{ x }}",
        {"{{ /title }}": 1},
    ],
)
def test_what_is_no_place_is_refused_when_the_hook_is_made(template: Any) -> None:
    with pytest.raises(BadInput) as caught:
        templates.check({"a/b": {"it": ["ok", template]}})
    assert caught.value.errors[0]["pointer"] == "/input/a~1b/it/1"


def test_a_template_has_bounds() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    for wrong in ({"it": deep}, {"it": "{{ /a }}" * 101}, {"it": "x" * templates.BYTES_AT_MOST}):
        with pytest.raises(BadInput) as caught:
            templates.check(wrong)
        assert caught.value.errors[0]["pointer"] == "/input"
    very_deep: Any = "x"
    for _ in range(900):
        very_deep = [very_deep]
    with pytest.raises(BadInput):
        templates.check({"it": very_deep})
    with pytest.raises(BadInput):
        templates.check({"it": "{{" * 100_000})


def test_an_input_that_would_get_too_large_is_refused_before_it_is_written() -> None:
    event = Event("1", None, {"big": "x" * 1_000_000, "deep": _nested(200)}, {})
    most = settings().max_body_bytes // 1_000_000
    assert len(render("{{ /big }}" * most, event)) == most * 1_000_000
    for template in ("{{ /big }}" * 100, ["{{ @body }}"] * 100):
        with pytest.raises(BadInput, match="larger than"):
            render(template, event)
    assert render("{{ /deep }}", event) == event.body["deep"]
    with pytest.raises(BadInput, match="deep"):
        render(_nested(30, "{{ /deep }}"), Event("1", None, {"deep": _nested(230)}, {}))


def _nested(levels: int, inner: Any = 1) -> Any:
    for _ in range(levels):
        inner = [inner]
    return inner
