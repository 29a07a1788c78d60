"""Templates: values in places, typed and never looked at again, and nothing that could be run."""

import re
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest

from infra.errors import BadInput, UnsetVariable
from workers.suites.steps.templates import BYTES_AT_MOST, Scope, check, escaped, render


class Came:
    def read(self, name: str) -> Any:
        return {"status": 200, "body": {"items": [{"id": 9}]}}[name]


def scope(**more: Any) -> Scope:
    return Scope(
        variables={"user": {"id": 7, "tags": ["a", {"deep key": None}]}, "who": "case", "nothing": None, "zero": 0},
        row={"who": "row", "first name": "Ada", "n": 1.5},
        environment={"who": "environment", "host": "h"},
        secrets={"token": "s3cret"},
        suite={"who": "suite", "team": "T"},
        steps={"login": Came()},
        **more,
    )


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{user}}", {"id": 7, "tags": ["a", {"deep key": None}]}),
        ("{{ user.id }}", 7),
        ("id={{user.id}}", "id=7"),
        ("{{user.tags}}!", '["a",{"deep key":null}]!'),
        ('{{user.tags[1]["deep key"]}}', None),
        ("{{user.tags[-2]}}{{user.tags.0}}", "aa"),
        ("{{who}} {{row.who}} {{env.who}} {{var.who}}", "case row environment case"),
        ("{{team}}{{n}}{{host}}", "T1.5h"),
        ('{{row["first name"]}}', "Ada"),
        ("Bearer {{secret.token}}", "Bearer s3cret"),
        ("{{step.login.status}}", 200),
        ("{{step.login.body.items[0].id}}", 9),
        ("{{zip ?? none at all}}", "none at all"),
        ("{{nothing ?? x}}{{zero ?? x}}", "x0"),
        ("{{zip ??}}", ""),
        ("{{secret.zip ?? x}}{{step.no.status ?? y}}", "xy"),
        (r"\{{user.id}} {{user.id}}", "{{user.id}} 7"),
        ('{"a":{"b":{{user.id}}}}', '{"a":{"b":7}}'),
        ("{{{user.id}}}", "{7}"),
        ("{% if x %} ${user} <%= 1 %> {user} }}", "{% if x %} ${user} <%= 1 %> {user} }}"),
        ({"a": ["{{user.id}}", 1, None, {"b": "{{who}}"}], "{{c": 1}, {"a": [7, 1, None, {"b": "case"}], "{{c": 1}),
    ],
)  # fmt: skip
def test_a_place_becomes_its_value(template: Any, value: Any) -> None:
    assert render(template, scope()) == value


def test_what_earlier_steps_extracted_comes_first() -> None:
    assert render("{{who}}{{var.who}}{{row.who}}", scope(extracted={"who": "step"})) == "stepsteprow"


def test_what_was_put_in_is_not_looked_at_again() -> None:
    within = Scope(variables={"a": "{{b}} {{secret.x}} \\{{", "b": "no"})
    assert render("{{a}}", within) == "{{b}} {{secret.x}} \\{{"
    assert render("<{{a}}{{a}}>", within) == "<{{b}} {{secret.x}} \\{{{{b}} {{secret.x}} \\{{>"


def test_without_a_place_the_value_itself_comes_back() -> None:
    value = {"a": ["x", {"b": "}}"}]}
    assert render(value, scope()) is value
    assert render({"n": 2**70}, scope()) == {"n": 2**70}


@pytest.mark.parametrize(
    "template",
    ["{{7*7}}", "{{''.__class__}}", "{{user.id()}}", "{{user|upper}}", "{{user.tags[0:1]}}", "{{$env}}", "{{user id}}",
     "{{}}", "{{", "{{ user", "{{user.}}", "{{user..id}}", "{{$now+1y}}", "{{$now+1d+1d}}", "{{step.login}}",
     "{{ü}}", "{{lipsum.__globals__['os']}}", "{{#if x}}", "{{user[x]}}", "{{user\n.id + 1}}"],
)  # fmt: skip
def test_what_would_be_code_is_refused_where_it_stands(template: str) -> None:
    wrong = check({"a~/b": ["fine {{user}}", template]})
    assert [one["pointer"] for one in wrong] == ["/a~0~1b/1"]
    assert "rite {{" in wrong[0]["detail"]
    with pytest.raises(BadInput):
        render(template, scope())


def test_attributes_of_values_are_not_members() -> None:
    assert check("{{user.__class__}} {{user.keys}} {{who.upper}} {{secret.token.x}}") == []
    for template in ("{{user.__class__}}", "{{user.keys}}", "{{who.upper}}", "{{user.tags.append}}", "{{who[0]}}"):
        with pytest.raises(UnsetVariable):
            render(template, scope())


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{{zip.code}}", "The variable zip.code is not set; give it in variables of the case"),
        ("{{row.zip}}", "data rows of the case"),
        ("{{row}}", "The variable row is not set"),
        ("{{env.zip}}", "the variables of the environment"),
        ("{{secret.zip}}", "PUT /v1/environments/{environment_id}/secrets/zip"),
        ("{{step.later.status}}", "no step later ran before this one"),
        ("{{step.login.color}}", "the step login has no such field"),
    ],
)
def test_what_is_not_set_is_named_with_what_to_do(template: str, part: str) -> None:
    with pytest.raises(UnsetVariable) as unset:
        render({"deep": [template]}, scope())
    assert part in unset.value.detail and unset.value.code == "unset_variable"


def test_what_is_made_up_repeats_with_the_seed_and_differs_at_each_place() -> None:
    template = ["{{$uuid}}", "{{$uuid}}", "{{$random_int}}", "{{$random_text}}"]
    made = render(template, Scope(seed=5))
    assert made == render(template, Scope(seed=5)) != render(template, Scope(seed=6))
    assert len(set(map(str, made))) == 4
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made[0])
    assert 0 <= made[2] < 2**31 and re.fullmatch("[a-z0-9]{12}", made[3])


def test_times_are_now_and_shifted() -> None:
    before = datetime.now(UTC)
    moment, later, seconds, text = render(
        ["{{$now}}", "{{$now+2d}}", "{{$timestamp-5m}}", "at {{$timestamp}}"], Scope()
    )
    assert moment.endswith("Z") and abs(datetime.fromisoformat(moment) - before) < timedelta(seconds=5)
    assert abs(datetime.fromisoformat(later) - before - timedelta(days=2)) < timedelta(seconds=5)
    assert abs(seconds - (before.timestamp() - 300)) < 5 and isinstance(seconds, int)
    assert text.removeprefix("at ").isdigit()


def test_what_grows_too_large_is_refused_before_it_is_made() -> None:
    large = Scope(variables={"a": "x" * 1_000_000, "l": ["y" * 1000] * 1000})
    assert len(render("{{a}}" * 4, large)) == 4_000_000 < BYTES_AT_MOST
    begun = perf_counter()
    for template in ("{{a}}" * 100_000, ["{{l}}"] * 100_000, {"a": ["<{{l}}>"] * 100_000}):
        with pytest.raises(BadInput, match="larger than"):
            render(template, large)
    assert perf_counter() - begun < 5
    deep: Any = "{{a}}"
    for _ in range(101):
        deep = [deep]
    assert "nested" in check(deep)[0]["detail"]


@pytest.mark.parametrize("text", ["{{a}}", "{{{{", r"\{{a}}", "{{{", "plain", "{{", "a{{b}}{{c}} \\", '{"a":{{1}}}'])
def test_any_text_can_be_written_as_a_template(text: str) -> None:
    assert check(escaped(text)) == [] and render(escaped(text), Scope()) == text


def test_characters_of_an_alphabet_are_new_at_each_place_and_with_a_name_the_same() -> None:
    template = ["{{$capitals_3}}-{{$digits_4}}", *(2 * ["{{$letters_8}}"]), *(2 * ["{{$letters_8:a}}"])]
    code, first, second, named, again = render(template, Scope(seed=1))
    assert re.fullmatch("[A-Z]{3}-[0-9]{4}", code)
    assert re.fullmatch("[a-z]{8}", first)
    assert first != second
    assert named == again
    assert named != render("{{$letters_8:a}}", Scope(seed=2))
    assert check("{{$letters_0}} {{$words_3}}") != []
