"""OTLP in JSON, as it should be and as it is sent."""

import json
from typing import Any

import pytest

from infra.dev.environment import ROOT
from infra.errors import BodyTooLarge, MalformedJson, MalformedOtlp
from tests.workers.traces.sending import otlp, span
from workers.traces.decoding import json_form
from workers.traces.decoding.spans import Decoded

Json = dict[str, Any]

SHARED = ROOT.parent / "shared" / "data" / "traces" / "genai-otlp-from-tests"
GOOD: Json = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "startTimeUnixNano": "1",
              "endTimeUnixNano": 2}  # fmt: skip


def decode(*spans: Any) -> Decoded:
    return json_form.decode(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode())


def test_names_in_snake_case_and_names_of_enums_are_understood() -> None:
    (one,) = json_form.decode(
        json.dumps(
            {"resource_spans": [{"scope_spans": [{"spans": [{
                "trace_id": GOOD["traceId"], "span_id": GOOD["spanId"], "parent_span_id": "00" * 8, "name": "n",
                "start_time_unix_nano": 1.0, "end_time_unix_nano": 5, "kind": "SPAN_KIND_CLIENT",
                "status": {"code": "STATUS_CODE_ERROR"}, "attributes": [{"key": "k", "value": {"int_value": "7"}}],
                "unknown": {"of": "no interest"},
            }]}]}]}
        ).encode()
    ).spans  # fmt: skip
    assert (one.kind, one.status, one.start, one.end, one.parent_id) == (3, 2, 1, 5, None)
    assert one.attributes == {"k": 7}


def test_enums_that_nobody_knows_are_unspecified() -> None:
    (one,) = decode({**GOOD, "kind": 99, "status": {"code": -1}}).spans
    assert (one.kind, one.status) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "5b8e"},
        {"traceId": "z" * 32},
        {"traceId": 7},
        {"traceId": None},
        {"spanId": "0" * 16},
        {"parentSpanId": "abcd"},
        {"startTimeUnixNano": "-1"},
        {"startTimeUnixNano": 0},
        {"endTimeUnixNano": None},
        {"endTimeUnixNano": str(2**64)},
        {"endTimeUnixNano": 1.5},
        {"name": ["n"]},
        {"kind": "A_KIND"},
        {"status": "ok"},
        {"attributes": {"a": 1}},
        {"attributes": ["a"]},
        {"attributes": [{"key": 5, "value": {"intValue": 1}}]},
        {"attributes": [{"key": "k", "value": "plain"}]},
        {"attributes": [{"key": "k", "value": {"intValue": "one"}}]},
        {"attributes": [{"key": "k", "value": {"intValue": str(2**63)}}]},
        {"attributes": [{"key": "k", "value": {"intValue": True}}]},
        {"attributes": [{"key": "k", "value": {"doubleValue": "many"}}]},
        {"attributes": [{"key": "k", "value": {"boolValue": "true"}}]},
        {"attributes": [{"key": "k", "value": {"stringValue": 5}}]},
        {"attributes": [{"key": "k", "value": {"arrayValue": [1]}}]},
        {"attributes": [{"key": "k", "value": {"kvlistValue": {"values": {}}}}]},
        {"events": {"name": "e"}},
        {"events": [{"timeUnixNano": "soon"}]},
        {"links": [{"traceId": "xyz"}]},
        {"droppedLinksCount": "many"},
    ],
    ids=str,
)
def test_a_span_of_wrong_types_is_rejected_alone_with_a_sentence(change: Json) -> None:
    found = decode({**GOOD, **change}, GOOD)
    assert (len(found.spans), found.rejected) == (1, 1)
    assert found.reasons[0].endswith(".")


@pytest.mark.parametrize("one", [5, "span", [GOOD], None])
def test_what_is_no_object_is_no_span(one: Any) -> None:
    found = decode(one, GOOD)
    assert (len(found.spans), found.rejected) == (1, 1)


def test_the_spans_of_a_bad_resource_are_rejected_together() -> None:
    document = {"resourceSpans": [{"resource": {"attributes": 5}, "scopeSpans": [{"spans": [GOOD, GOOD]}]}]}
    found = json_form.decode(json.dumps(document).encode())
    assert (found.spans, found.rejected) == ([], 2)


def test_each_reason_is_told_once() -> None:
    found = decode(*({**GOOD, "traceId": "5b"} for _ in range(9)), {**GOOD, "name": 5})
    assert (found.rejected, len(found.reasons)) == (10, 2)


def test_halves_of_characters_are_replaced_and_whole_ones_kept() -> None:
    texts = ["\ud83d", "\udc00x", "\U0001f600", "\ud83d\ud83d\ude00", "\\ud83d", "\\\\\ud83d"]
    document = otlp([span("n", {str(place): one for place, one in enumerate(texts)})])
    (one,) = json_form.decode(json.dumps(document).encode()).spans
    assert list(one.attributes.values()) == [
        "\ufffd",
        "\ufffdx",
        "\U0001f600",
        "\ufffd\U0001f600",
        "\\ud83d",
        "\\\\\ufffd",
    ]


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    (one,) = json_form.decode(json.dumps(otlp([span("text")])).encode().replace(b"text", b"t\xff")).spans
    assert one.name == "t\ufffd"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"resourceSpans": [1, }', b"NaN"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        json_form.decode(body)


@pytest.mark.parametrize(
    "document", [[], "x", 5, {"resourceSpans": "x"}, {"resourceSpans": [5]}, {"resourceSpans": [{"scopeSpans": 1}]}]
)
def test_json_of_another_form_is_refused(document: Any) -> None:
    with pytest.raises(MalformedOtlp):
        json_form.decode(json.dumps(document).encode())


def test_a_crowd_of_nothings_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(BodyTooLarge):
        json_form.decode(b'{"resourceSpans":[' + b"{}," * 2_000_000 + b"{}]}")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared traces are not here")
def test_whatever_the_tests_of_others_send_is_kept_or_told() -> None:
    for path in sorted(SHARED.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            said = json.loads(line)
            found = json_form.decode(json.dumps(said["otlp"] if "otlp" in said else said["raw"]).encode())
            assert bool(found.reasons) == bool(found.rejected)
