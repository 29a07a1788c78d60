"""Status, headers, body, text, latency and size of an answer."""

import asyncio
import json
import time

import pytest

from tests.workers.suites.assertions.answers import http, judged, outcome, said, world
from workers.suites import assertions
from workers.suites.assertions import plain

HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Set-Cookie", "a=1"),
    ("set-cookie", "b=2"),
    ("X-Count", "12"),
)


@pytest.mark.parametrize("expected", [200, "200", "2xx", "2XX", [404, "2xx"], [200.0], ["5xx", 200]])
def test_a_status_is_a_number_a_range_or_one_of_several(expected):
    assert outcome({"type": "status", "expected": expected}, http()) == ("passed", "The status is 200.")


@pytest.mark.parametrize(
    ("assertion", "message"),
    [
        ({"expected": 200}, "The status is 500, not 200."),
        ({"expected": "4xx"}, "The status is 500, not 4xx."),
        ({"expected": [200, "3xx"]}, "The status is 500, not one of 200, 3xx."),
        ({"op": "less", "expected": 500}, "The status is 500, not less than 500."),
        ({"op": "less", "expected": "400"}, "The status is 500, not less than 400."),
        ({"op": "not_equals", "expected": 500}, "The status is 500, which it must not be."),
    ],
)
def test_another_status_is_told(assertion, message):
    assert outcome({"type": "status", **assertion}, http(status=500)) == ("failed", message)


@pytest.mark.parametrize("expected", ["ok", "6xx", True, None, []])
def test_what_is_no_status_is_an_error(expected):
    assert outcome({"type": "status", "expected": expected}, http())[0] == "errored"


@pytest.mark.parametrize("kind", ["status", "header", "operation"])
def test_a_model_has_no_status_and_no_headers(kind):
    verdict, message = outcome({"type": kind, "expected": 200, "name": "x"}, said("hello"))
    assert verdict == "errored"
    assert "step of kind http" in message


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ({"name": "content-type", "op": "starts_with", "expected": "text/html"}, None),
        ({"name": "CONTENT-TYPE"}, None),
        ({"name": "x-count", "expected": "12"}, None),
        ({"name": "x-count", "expected": 12}, None),
        ({"name": "x-count", "op": "greater", "expected": 9}, None),
        ({"name": "x-count", "op": "one_of", "expected": [11, 12]}, None),
        ({"name": "set-cookie", "expected": "b=2"}, None),
        ({"name": "etag", "op": "not_exists"}, None),
        ({"name": "x-count", "op": "less", "expected": 9}, "The header x-count is 12, not less than 9."),
        ({"name": "etag", "op": "exists"}, "The header etag is missing."),
        ({"name": "etag", "expected": "x"}, "The header etag is missing."),
        ({"name": "set-cookie", "op": "not_equals", "expected": "b=2"},
         'The header set-cookie is "b=2", which it must not be.'),
        ({"name": "x-count", "expected": "x"}, 'The header x-count is "12", not "x".'),
    ],
)  # fmt: skip
def test_headers_are_found_in_whatever_case_and_repeat(assertion, told):
    verdict, message = outcome({"type": "header", **assertion}, http(headers=HEADERS))
    assert (verdict, message) == (("failed", told) if told else ("passed", message))


def test_a_body_is_compared_whole():
    body = {"a": [1, 2]}
    assert outcome({"type": "body", "expected": {"a": [1, 2.0]}}, http(body))[0] == "passed"
    assert outcome({"type": "body", "expected": {"a": [1, 3]}}, http(body)) == ("failed", "$.a[1] is 2, not 3.")
    assert outcome({"type": "body", "expected": []}, http(body))[1] == 'The body is {"a":[1,2]} (an object), not [].'
    assert outcome({"type": "body", "path": "$.a", "expected": None}, http({"a": None}))[0] == "passed"


@pytest.mark.parametrize("kind", ["body", "json_schema"])
@pytest.mark.parametrize(
    ("body", "why"), [("<html>", "The body is not JSON: "), ("", "The body is not JSON: it is empty")]
)
def test_a_body_that_is_no_json_has_failed(kind, body, why):
    verdict, message = outcome({"type": kind, "schema": {}, "op": "exists"}, http(body))
    assert verdict == "failed"
    assert message.startswith(why)


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "body", "expected": 1},
        {"type": "json_schema", "schema": {}},
        {"type": "exact", "expected": "ab"},
        {"type": "contains", "expected": "x"},
        {"type": "regex", "pattern": "x"},
        {"type": "size", "max_bytes": 100},
        {"type": "same_meaning", "expected": "ab"},
    ],
)
def test_what_was_cut_says_so(assertion):
    verdict, message = outcome(assertion, http("ab", cut=True))
    assert verdict == "errored"
    assert "10 MiB" in message


def test_what_was_found_before_the_cut_is_there():
    assert outcome({"type": "contains", "expected": "b"}, http("ab", cut=True))[0] == "passed"
    assert outcome({"type": "size", "max_bytes": 1}, http("ab", cut=True))[1] == (
        "The body has more than 2 bytes, more than 1."
    )


@pytest.mark.parametrize(
    ("assertion", "verdict", "message"),
    [
        ({"type": "latency", "max_ms": 20}, "passed", "The answer took 12.5 ms."),
        ({"type": "latency", "max_ms": 10}, "failed", "The answer took 12.5 ms, more than 10 ms."),
        ({"type": "size", "max_bytes": 5, "min_bytes": 5}, "passed", "The body has 5 bytes."),
        ({"type": "size", "max_bytes": 4}, "failed", "The body has 5 bytes, more than 4."),
        ({"type": "size", "min_bytes": 6}, "failed", "The body has 5 bytes, less than 6."),
    ],
)
def test_time_and_length_are_in_the_sentence(assertion, verdict, message):
    assert outcome(assertion, http("hello")) == (verdict, message)


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ({"type": "exact", "expected": " Hello, World\n"}, None),
        ({"type": "exact", "expected": "hello, world", "ignore_case": True, "trim": True}, None),
        ({"type": "exact", "expected": "Hello, Wurld", "trim": True},
         'The text is " Hello, World\\n", not "Hello, Wurld"; they differ from character 9 on.'),
        ({"type": "contains", "expected": "World"}, None),
        ({"type": "contains", "expected": "world"}, 'The text does not contain "world".'),
        ({"type": "contains", "expected": ["Hello", "x", "y"]}, 'The text does not contain "x" and "y".'),
        ({"type": "regex", "pattern": r"H\w+o"}, None),
        ({"type": "regex", "pattern": "^H"}, 'Nothing in the text matches "^H".'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("answered", [http, said])
def test_texts_are_compared_with_bodies_and_with_what_models_say(assertion, told, answered):
    verdict, message = outcome(assertion, answered(" Hello, World\n"))
    assert (verdict, message) == (("failed", told) if told else ("passed", message))


def test_what_is_kept_and_shown_of_long_values_is_bounded():
    body = {"items": [{"name": "é" * 50, "number": number} for number in range(10_000)]}
    done = judged({"type": "body", "expected": {"items": "x" * 5000}}, http(body))
    assert len(done.message) < 800
    assert len(done.actual.encode()) <= 2048
    assert len(done.expected.encode()) <= 2048
    assert done.actual.startswith('{"items":[{"name":"é')
    long = judged({"type": "exact", "expected": "x"}, http("é" * 100_000))
    assert 2000 < len(long.actual.encode()) <= 2048
    small = judged({"type": "body", "expected": 1}, http({"a": 1}))
    assert small.actual == {"a": 1}


def test_no_secret_is_cut_in_two():
    secret = "canary-" + "0123456789" * 5
    within = world(secrets={"key": secret})
    for before in range(150, 2060, 25):
        for body in (f"{'x' * before}{secret}", json.dumps({"a": ["x" * before, secret, "y" * 3000]})):
            for one in ({"type": "exact", "expected": "x"}, {"type": "body", "op": "equals", "expected": 1}):
                done = judged(one, http(body), within)
                told = f"{done.message} {done.actual}".replace(secret, "")
                assert "canary" not in told


def test_a_body_nested_as_deep_as_json_may_be_is_shown():
    deep = "[" * 1000 + "]" * 1000
    assert outcome({"type": "body", "expected": 1}, http(deep))[0] == "failed"


def test_a_bad_path_is_an_error_of_the_assertion():
    verdict, message = outcome({"type": "body", "path": "$.[", "expected": 1}, http({"a": 1}))
    assert verdict == "errored"
    assert "not valid JSONPath" in message


def test_a_status_costs_microseconds():
    assertion, answered, within = {"type": "status", "expected": [404, "2xx"]}, http(), world()
    begun = time.process_time()
    for _ in range(2000):
        plain.status(assertion, answered, within)
    assert (time.process_time() - begun) / 2000 < 0.000_05


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "body", "expected": [*range(150_000), -1]},
        {"type": "body", "op": "contains", "expected": -1},
        {"type": "contains", "expected": [f"{'1' * 20}{number}" for number in range(100)]},
    ],
)
def test_who_compares_a_large_body_holds_nobody_up(assertion):
    answered = http([*range(150_000), 0])
    assert answered.json

    async def run():
        ticks, task = 0, asyncio.create_task(assertions.judge([assertion], answered, world()))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        return ticks, task.result()[0].verdict

    ticks, verdict = asyncio.run(run())
    assert (ticks > 3, verdict) == (True, "failed")


def test_where_texts_differ_is_told():
    for one, other, at in (("abc", "abd", 3), ("abc", "abcd", 4), ("", "x", 1), ("xbc", "abc", 1), ("é" * 99, "é", 2)):
        assert f"from character {at} on" in outcome({"type": "exact", "expected": one}, http(other))[1]
