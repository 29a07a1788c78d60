"""The completion kind, from its input to its result."""

import asyncio
import time
import uuid
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson
import pytest
from marshmallow import ValidationError

from infra.errors import (
    BadInput,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidModelOutput,
    ModelNotFound,
    ProviderAuth,
    ProviderNotConfigured,
    ProviderRateLimited,
    ProviderUnavailable,
)
from infra.settings import ProviderSettings
from schemas.base import pointers
from schemas.completion import CompletionIn, CompletionOut
from workers.kinds import BY_NAME
from workers.providers import names

KIND = BY_NAME["completion"]
assert KIND.check is not None
check = KIND.check
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
AS_PERSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}


class Recorder:
    """A context that remembers what it was told."""

    def __init__(self, max_cost=None):
        self.job_id = uuid.uuid4()
        self.project_id = uuid.uuid4()
        self.attempt = 1
        self.request_id = None
        self.store = "full"
        self.max_cost = max_cost
        self.spent = Decimal(0)
        self.deltas: list[Any] = []
        self.usages: list[Any] = []
        self.kept: Any = None

    def delta(self, data):
        self.deltas.append((time.monotonic(), data))

    async def progress(self, current, total=None, message=None):
        pass

    def checkpoint(self):
        pass

    def used(self, usage):
        self.usages.append(usage)

    def partial(self, result):
        self.kept = result

    @property
    def text(self):
        return "".join(data.get("content", "") for _, data in self.deltas)


def ask(model, said="hello", **more):
    return {"model": model, "messages": [{"role": "user", "content": said}], **more}


def answer(run, payload, ctx=None):
    assert CompletionIn().validate(payload) == {}
    result = run(KIND.run(ctx or Recorder(), payload))
    assert CompletionOut().validate(result) == {}
    assert orjson.dumps(result)
    return result


def test_the_example_works(run):
    check(KIND.example)
    result = answer(run, KIND.example)
    assert result["provider"] == "sandbox"
    assert "sandbox" in result["message"]["content"]


def test_a_result_says_who_answered_and_what_it_cost(fake, run):
    ctx = Recorder()
    result = answer(run, ask("openai/gpt-4o-mini"), ctx)
    assert (result["provider"], result["model"], result["cached"]) == ("openai", "gpt-4o-mini", False)
    assert result["usage"]["cost_usd"] == "0.0000087"
    assert [used.provider_request_id for used in ctx.usages] == ["req_1"]


def test_a_fast_stream_is_sent_in_groups_and_the_first_word_at_once(fake, run):
    ctx = Recorder()
    started = time.monotonic()
    result = answer(run, ask("openai/fast-stream", stream=True), ctx)
    assert ctx.text == result["message"]["content"]
    assert ctx.deltas[0][0] - started < 1
    assert len(ctx.deltas) < 100
    times = [moment for moment, _ in ctx.deltas]
    assert all(later - earlier > 0.015 for earlier, later in pairwise(times[:-1]))


def test_words_do_not_wait_for_those_that_come_later(fake, run):
    ctx = Recorder()
    answer(run, ask("openai/burst-then-silence", stream=True), ctx)
    times = [moment for moment, _ in ctx.deltas]
    assert len(times) >= 3
    assert times[1] - times[0] < 0.3


def test_a_cancelled_stream_is_counted_kept_and_closed_at_once(fake, run):
    ctx = Recorder()

    async def cancel():
        task = asyncio.ensure_future(KIND.run(ctx, ask("openai/slow-stream", stream=True)))
        while not ctx.deltas:  # noqa: ASYNC110 - the recorder has no event to wait for
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.3)

    run(cancel())
    assert ctx.usages[0].estimated
    assert ctx.usages[0].output_tokens > 0
    assert ctx.kept["finish_reason"] == "cancelled"
    assert ctx.kept["message"]["content"].startswith("word0")
    assert CompletionOut().validate(ctx.kept) == {}
    assert fake.drops == ["slow-stream"]


def test_an_answer_that_breaks_the_schema_is_repaired_once(fake, run):
    ctx = Recorder()
    result = answer(run, ask("openai/bad-json-once", response_format=AS_PERSON), ctx)
    assert orjson.loads(result["message"]["content"]) == {"name": "Ada", "age": 36}
    assert len(ctx.usages) == 2
    assert result["usage"]["input_tokens"] == 40
    assert "required JSON schema" in fake.calls[1].body["messages"][-1]["content"]


def test_an_answer_that_breaks_the_schema_twice_fails(fake, run):
    ctx = Recorder()
    with pytest.raises(InvalidModelOutput, match="/name"):
        answer(run, ask("openai/bad-json", response_format=AS_PERSON), ctx)
    assert len(ctx.usages) == 2


@pytest.mark.parametrize(
    ("first", "on", "answered"),
    [
        ("fail-500", "any", True),
        ("bad-json", "any", True),
        ("context-too-long", "context_window", True),
        ("content-filter", "content_filter", True),
        ("content-filtered-answer", "content_filter", True),
        ("context-too-long", "content_filter", False),
    ],
)
def test_a_fallback_answers_after_the_failures_it_is_for(fake, run, first, on, answered):
    payload = ask(f"openai/{first}", fallback_models=[{"model": "xai/good-json", "on": on}], response_format=AS_PERSON)
    if not answered:
        with pytest.raises(ContextLengthExceeded):
            answer(run, payload)
        return
    result = answer(run, payload)
    assert result["provider"] == "xai"
    assert [attempt["model"] for attempt in result["attempts"]] == [first]


def test_when_all_models_fail_the_error_that_may_pass_is_told(fake, run):
    with pytest.raises(ProviderRateLimited) as raised:
        answer(run, ask("openai/fail-429", fallback_models=["xai/fail-401"]))
    assert [attempt["error"]["code"] for attempt in raised.value.context["attempts"]] == [
        "provider_rate_limited",
        "provider_auth",
    ]


def test_watchers_are_told_when_a_stream_starts_again(fake, run):
    ctx = Recorder()
    answer(run, ask("openai/cut-stream", "a b c d e f", stream=True, fallback_models=["xai/echo"]), ctx)
    after = [data for _, data in ctx.deltas]
    after = after[after.index({"reset": True}) + 1 :]
    assert "".join(data["content"] for data in after).strip() == "You said: a b c d e f"


def test_a_filtered_answer_is_an_error(fake, run):
    with pytest.raises(ContentFiltered):
        answer(run, ask("openai/content-filtered-answer"))


def test_a_wrong_key_is_not_tried_again(fake, run):
    with pytest.raises(ProviderAuth) as raised:
        answer(run, ask("openai/fail-401"))
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "/messages/0/content/0/type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "colour": 1}]}, "/messages/0/colour"),
        (ask("sandbox", temperature=3), "/temperature"),
        (ask("sandbox", temperature="1"), "/temperature"),
        (ask("sandbox", max_tokens=0), "/max_tokens"),
        (ask("sandbox", colour=1), "/colour"),
        (ask("sandbox", stream="yes"), "/stream"),
        (ask("sandbox", tool_choice="required"), "/tool_choice"),
        (ask("sandbox", cache={"ttl": 1}), "/cache"),
        (ask("sandbox", response_format={"type": "xml"}), "/response_format/type"),
        (ask("sandbox", fallback_models=[{"model": "x", "on": "monday"}]), "/fallback_models/0/on"),
    ],
)
def test_a_value_that_cannot_be_used_is_pointed_at(payload, pointer):
    with pytest.raises(ValidationError) as raised:
        CompletionIn().load(payload)
    assert pointer in [error["pointer"] for error in pointers(raised.value.messages)]


def test_what_an_sdk_sends_as_null_is_as_good_as_left_out(run):
    assert answer(run, ask("sandbox/instant", temperature=None, tools=None, stop=None, stream=None))


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        (ask("nobody/model"), "/input/model"),
        (ask("openai/"), "/input/model"),
        (ask("replicate/model"), "/input/model"),
        (ask("sandbox", fallback_models=["sandbox", "nobody/x"]), "/input/fallback_models/1"),
        (
            ask("sandbox", response_format={"type": "json_schema", "json_schema": {"schema": {"type": "objct"}}}),
            "/input/response_format/json_schema/schema",
        ),
        (
            ask(
                "sandbox", response_format={"type": "json_schema", "json_schema": {"schema": {"$ref": "http://x.y/z"}}}
            ),
            "/input/response_format/json_schema/schema",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_a_job(payload, pointer):
    with pytest.raises((BadInput, ModelNotFound)) as raised:
        check(payload)
    errors = getattr(raised.value, "errors", None) or raised.value.context["errors"]
    assert errors[0]["pointer"] == pointer


def test_a_provider_without_a_key_is_refused_before_it_is_a_job():
    with (
        names.credentials({"xai": ProviderSettings(None, None)}),
        pytest.raises(ProviderNotConfigured, match="XAI_API_KEY"),
    ):
        check(ask("xai/grok-4"))


def test_a_broken_provider_is_unavailable(fake, run):
    with pytest.raises(ProviderUnavailable):
        answer(run, ask("openai/drop"))
