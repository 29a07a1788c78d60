"""One step from beginning to end: tries, judgement, what is extracted, and what is kept of it all."""

import asyncio
import base64
import json
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from infra import ids, storage
from infra.errors import ProviderUnavailable
from infra.http import GuardedClient
from tests.fakes.steps_target import StepsTarget
from tests.fakes.target import HERE, serving
from tests.workers.files.conftest import Files
from tests.workers.suites.steps.running import OK, TRACE, a_scope, a_world, echoed, ran, run_all, step
from workers.jobs.context import Stopped
from workers.suites.base import BODY_SHOWN
from workers.suites.steps import bodies
from workers.suites.steps.redaction import Redactor
from workers.suites.steps.step import run_step

SECRET = 'p&ss/"wört'


def again(**retry: Any) -> Any:
    return {"retry": {"max": 2, "delay_s": 0, **retry}}


def test_nothing_is_tried_again_unless_the_step_says_so() -> None:
    api = StepsTarget(fails=[503, 503, 503])
    results, target, _ = run_all(step("/flaky", "POST"), api=api)
    assert (results[0]["verdict"], results[0]["tries"], len(target.requests)) == ("failed", 1, 1)


@pytest.mark.parametrize(
    ("retry", "fails", "verdict", "tries"),
    [
        ({}, [503, 429], "passed", 3),
        ({}, [503, 503, 503], "failed", 3),
        ({"max": 1}, [503, 503], "failed", 2),
        ({}, [400], "failed", 1),
        ({"on": ["400"]}, [400], "passed", 2),
        ({"on": ["4xx"]}, [400, 503], "failed", 2),
        ({"on": ["assertion"]}, [400, 201], "passed", 3),
    ],
)
def test_a_step_is_tried_again_for_what_it_names(retry: Any, fails: list[int], verdict: str, tries: int) -> None:
    api = StepsTarget(fails=fails)
    result = ran(step("/flaky", **again(**retry)), api=api)[0]
    assert (result["verdict"], result["tries"]) == (verdict, tries)


def test_a_refused_connection_and_silence_are_tried_again_where_the_step_says_so() -> None:
    for asked, cause in ((step("http://127.0.0.1:9/"), "connect"), (step("/hang", timeout_s=0.05), "timeout")):
        assert ran({**asked, **again(on=[cause], max=1)})[0]["tries"] == 2
        assert ran({**asked, **again(on=["503"])})[0]["tries"] == 1


def test_values_are_extracted_and_later_steps_have_them() -> None:
    wanted = [
        {"name": "method", "from": "jsonpath", "expression": "$.method"},
        {"name": "color", "from": "header", "expression": "X-Color"},
        {"name": "plain", "from": "cookie", "expression": "plain"},
        {"name": "code", "from": "status"},
        {"name": "word", "from": "regex", "expression": '"method": "([A-Z]+)'},
        {"name": "whole", "from": "body"},
        {"name": "run", "from": "jmespath", "expression": 'headers."x-test-run-id"'},
        {"name": "none", "from": "jsonpath", "expression": "$.nothing", "default": {"a": [1]}},
    ]
    used = step(
        "/echo/{{color}}", "PUT",
        body={"code": "{{code}}", "a": "{{none.a[0]}}", "method": "{{whole.method}}", "before": "{{step.one.status}}",
              "color": "{{step.one.headers.X-COLOR}}", "path": "{{step.one.body.path}}"},
    )  # fmt: skip
    first, second = ran(step(extract=wanted), {**used, "id": "two"})
    assert {name: first["extracted"][name] for name in ("method", "color", "plain", "code", "word", "none")} == {
        "method": "GET", "color": "red", "plain": "1", "code": 200, "word": "GET", "none": {"a": [1]},
    }  # fmt: skip
    assert first["extracted"]["run"].startswith("run_")
    assert json.loads(echoed(second)["body"]) == {
        "code": 200, "a": 1, "method": "GET", "before": 200, "color": "red", "path": "/api/echo",
    }  # fmt: skip


def test_a_value_that_is_not_there_is_an_error_unless_the_answer_failed_already() -> None:
    wanted = [{"name": "id", "from": "jsonpath", "expression": "$.user.id"}]
    result = ran(step(extract=wanted))[0]
    assert (result["verdict"], result["error"]["code"]) == ("errored", "value_not_found")
    assert result["reason"] == "The variable id was not found at jsonpath $.user.id in the answer."
    assert result["assertions"][0]["verdict"] == "passed"
    failed = ran(step("/nothing", extract=wanted))[0]
    assert failed["verdict"] == "failed" and "404" in failed["reason"]
    text = ran(step("/text", extract=wanted), api=StepsTarget(body=b"plain"))[0]
    assert text["reason"] == "The variable id cannot be extracted: the body is not JSON."


def test_a_pattern_that_explodes_is_an_error_and_holds_nobody_up() -> None:
    wanted = [{"name": "x", "from": "regex", "expression": "(x+x+)+y"}]
    result = ran(step("/text", extract=wanted), api=StepsTarget(body=b"x" * 5000))[0]
    assert result["verdict"] == "errored" and "did not come to an end within 1 s" in result["reason"]


def test_an_assertion_may_use_what_the_same_step_extracted() -> None:
    wanted = [{"name": "m", "from": "jsonpath", "expression": "$.method"}]
    judged = {"type": "body", "path": "$.method", "op": "equals", "expected": "{{m}}"}
    assert ran(step(extract=wanted, wants=judged))[0]["assertions"][0]["expected"] == "GET"
    unset = ran(step(wants={"type": "contains", "expected": "{{zip}}"}))[0]
    assert (unset["verdict"], unset["error"]["code"]) == ("errored", "unset_variable")


def test_a_failed_warning_fails_no_step() -> None:
    warned = {"type": "status", "expected": 201, "severity": "warn"}
    result = ran(step(wants=warned))[0]
    assert (result["verdict"], result["assertions"][0]["verdict"]) == ("passed", "failed")


def test_no_secret_leaves_a_step_in_any_form() -> None:
    auth = {"api": {"type": "basic", "username": "user", "password": "{{secret.pass}}"}}
    asked = step(
        "/echo/{id}", "POST", path_params={"id": "{{secret.pass}}"}, query={"q": "{{secret.pass}}"}, auth="api",
        headers={"X-Hex": SECRET.encode().hex(), "X-Own": base64.b64encode(b"xy" + SECRET.encode()).decode()},
        body={"p": "{{secret.pass}}", "{{": 1}, extract=[{"name": "all", "from": "body"}],
        wants={"type": "contains", "expected": "{{secret.pass}}"},
    )  # fmt: skip
    asked["body"].pop("{{")
    result = ran(asked, auth=auth, secrets={"pass": SECRET, "short": "abc"})[0]
    kept = json.dumps(result, ensure_ascii=False)
    core = base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1]
    for form in (SECRET, json.dumps(SECRET)[1:-1], "p%26ss", SECRET.encode().hex(), core, "dXNlcjpwJn", "ZXI6cCZzcy8"):
        assert form not in kept, form
    assert "(secret:pass)" in kept and result["assertions"]
    assert ["Authorization", "Basic (secret)"] in result["request"]["headers"]


def test_a_value_that_is_extracted_as_a_secret_is_used_and_shown_nowhere() -> None:
    wanted = [{"name": "run", "from": "jsonpath", "expression": "$.headers['x-test-run-id']", "secret": True}]
    first, second = ran(step(extract=wanted), step(headers={"X-Again": "{{run}}"}, text="{{run}}", method="POST"))
    assert first["extracted"] == {"run": "(secret)"}
    assert "run_" not in json.dumps([first["response"], second])
    assert echoed(second)["headers"]["x-again"] == "(secret)"


def test_a_judge_is_not_told_what_was_extracted_as_a_secret() -> None:
    told: list[Any] = []

    async def complete(payload: Any) -> Any:
        told.append(payload)
        return completed()

    wanted = [{"name": "run", "from": "jsonpath", "expression": "$.headers['x-test-run-id']", "secret": True}]
    asked = step(extract=wanted, wants={"type": "validation_prompt", "prompt": "Fine?", "model": "sandbox"})
    result = ran(asked, complete=complete)[0]
    assert told and "x-test-run-id" in json.dumps(told) and "run_" not in json.dumps([told, result["assertions"]])


def test_no_half_of_a_secret_is_left_where_an_answer_was_cut() -> None:
    world = a_world(GuardedClient(targets=HERE))
    redaction = Redactor({"canary": "canary-in-the-mine"})
    for cut, kept in ((True, "x" * 100), (False, "x" * 100 + "canary-in-th")):
        shown = asyncio.run(bodies.shown(b"x" * 100 + b"canary-in-th", "one", world, redaction, cut=cut))
        assert (shown["body"], shown["cut"], shown["file_id"]) == (kept, cut, None)


def test_long_bodies_are_cut_in_the_result_and_whole_in_a_file_without_secrets(files: Files) -> None:
    secret = "canary-" + "x" * 40
    body = ("ä" * (BODY_SHOWN // 2 - 10) + "-" + secret + "!" * BODY_SHOWN).encode()

    async def run() -> Any:
        client = GuardedClient(targets=HERE)
        async with serving(StepsTarget(body=body).talk) as target:
            world = a_world(client, base_url=target.url(), project=files.project, secrets={"canary": secret})
            asked = step("/text", "POST", text=body.decode())
            result = await run_step(asked, a_scope(world), world, phase="steps", trace_id=TRACE)
            await client.close()
        return result, world

    result, world = asyncio.run(run())
    for what in ("request", "response"):
        shown = result[what]
        assert (shown["bytes"], shown["cut"], shown["encoding"]) == (len(body), True, "utf-8")
        assert len(shown["body"].encode()) <= BODY_SHOWN and "canary-" not in shown["body"]
        row = files.get(UUID(hex=shown["file_id"].removeprefix("file_")))
        assert row.purpose == "test_body" and row.labels == {"run_id": ids.show("run", world.run_id)}
        with storage.store().open(row.key) as stored:
            whole = stored.read()
        assert whole == body.replace(secret.encode(), b"(secret:canary)")
        assert row.filename == f"one-{what}.txt" and row.expires_at is not None


def test_storage_that_fails_costs_the_file_and_not_the_result(files: Files) -> None:
    (files.data / "scratch").write_text("in the way")
    result = ran(step("/text"), api=StepsTarget(body=b"x" * (BODY_SHOWN + 1)), project=files.project)[0]
    assert (result["verdict"], result["response"]["cut"], result["response"]["file_id"]) == ("passed", True, None)


def test_bytes_are_shown_in_base64_and_header_bytes_as_text() -> None:
    result = ran(step("/text"), api=StepsTarget(body=b"\xff\x00secretly\xfe"), secrets={"s": "secretly"})[0]
    assert result["response"]["encoding"] == "base64"
    assert base64.b64decode(result["response"]["body"]) == b"\xff\x00(secret:s)\xfe"


def completed(**more: Any) -> Any:
    return {
        "message": {"role": "assistant", "content": "Forty-two."}, "finish_reason": "stop", "model": "m",
        "provider": "sandbox", "usage": {"input_tokens": 1, "output_tokens": 2}, "cached": False, **more,
    }  # fmt: skip


def a_question(**more: Any) -> Any:
    return {
        "id": "ask", "kind": "completion", "model": "sandbox",
        "messages": [{"role": "user", "content": "What of {{topic}}?"}],
        "assert": [{"type": "contains", "expected": "two"}], **more,
    }  # fmt: skip


def test_a_model_is_asked_and_what_it_says_is_judged() -> None:
    asked: list[Any] = []

    async def complete(payload: Any) -> Any:
        asked.append(payload)
        return completed()

    wanted = [{"name": "number", "from": "regex", "expression": r"\w+-\w+"}]
    result = ran(a_question(extract=wanted, temperature=0), complete=complete, scope={"variables": {"topic": "life"}})[
        0
    ]
    assert asked == [{"model": "sandbox", "messages": [{"role": "user", "content": "What of life?"}], "temperature": 0}]
    assert (result["verdict"], result["kind"], result["extracted"]) == ("passed", "completion", {"number": "Forty-two"})
    assert result["request"] == asked[0]
    assert result["response"]["usage"] == {"input_tokens": 1, "output_tokens": 2}
    assert result["response"]["message"]["content"] == "Forty-two." and result["response"]["finish_reason"] == "stop"


def test_a_model_that_fails_is_an_error_and_is_asked_again_where_the_step_says_so() -> None:
    answers: list[Any] = [ProviderUnavailable("Down.", provider="x"), completed()]

    async def complete(payload: Any) -> Any:
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    scope = {"variables": {"topic": "life"}}
    result = ran(a_question(), complete=complete, scope=scope)[0]
    assert (result["verdict"], result["error"]["code"], result["reason"]) == (
        "errored", "provider_unavailable", "Down.",
    )  # fmt: skip
    answers.insert(0, ProviderUnavailable("Down.", provider="x"))
    result = ran(a_question(**again(on=["5xx"])), complete=complete, scope=scope)[0]
    assert (result["verdict"], result["tries"]) == ("passed", 2)


def test_a_completion_that_is_none_is_not_asked() -> None:
    result = ran(a_question(temperature="{{topic}}"), scope={"variables": {"topic": "hot"}})[0]
    assert result["verdict"] == "errored" and "/temperature" in result["reason"]


def test_a_model_that_is_silent_is_an_error_after_the_steps_time() -> None:
    async def complete(payload: Any) -> Any:
        await asyncio.Event().wait()

    result = ran(a_question(timeout_s=0.05), complete=complete, scope={"variables": {"topic": "x"}})[0]
    assert (result["error"]["code"], result["reason"]) == ("timed_out", "sandbox did not answer within 0.05 s.")


def test_a_long_answer_of_a_model_is_cut_like_a_body(files: Files) -> None:
    async def complete(payload: Any) -> Any:
        return completed(message={"role": "assistant", "content": "two " * 20_000})

    options: Any = {"complete": complete, "scope": {"variables": {"topic": "x"}}, "project": files.project}
    result = ran(a_question(), **options)[0]
    assert result["verdict"] == "passed"
    assert result["response"]["file_id"].startswith("file_")
    assert (result["response"]["cut"], result["response"]["bytes"] > 80_000) == (True, True)


def test_the_end_of_the_job_is_no_result() -> None:
    async def complete(payload: Any) -> Any:
        raise Stopped("The job must stop.")

    with pytest.raises(Stopped):
        ran(a_question(), complete=complete, scope={"variables": {"topic": "x"}})


def test_a_fault_of_ours_is_an_error_of_the_step_and_is_logged_without_what_it_quotes() -> None:
    async def complete(payload: Any) -> Any:
        raise ZeroDivisionError("hunter2hunter2")

    scope = {"variables": {"topic": "x"}}
    with capture_logs() as events:
        result = ran(a_question(), complete=complete, scope=scope, secrets={"word": "hunter2hunter2"})[0]
    assert (result["verdict"], result["error"]["code"]) == ("errored", "internal_error")
    logged = json.dumps(events)
    assert "ZeroDivisionError" in logged and "hunter2hunter2" not in logged + json.dumps(result)


WORDS = ["failed", "passed", "verdict", "status", "type", "http", "1", "500", "steps", "null", "error", "message"]


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_common_word_changes_nothing_of_the_result_itself(word: str) -> None:
    wanted: Any = [OK, {"type": "body", "path": "status", "expected": "{{secret.word}}"}]
    asked = step("/flaky", "POST", body={"k": "{{secret.word}}", "o": "{{secret.other}}"}, **{"assert": wanted})
    (result,) = ran(asked, api=StepsTarget(fails=[500]), secrets={"word": word, "other": "hunter2hunter2"})
    assert (result["verdict"], result["kind"], result["phase"], result["tries"]) == ("failed", "http", "steps", 1)
    assert (result["request"]["method"], result["response"]["status"]) == ("POST", 500)
    assert [(one["type"], one["verdict"]) for one in result["assertions"]] == [("status", "failed"), ("body", "failed")]
    assert result["assertions"][1]["expected"] == "(secret:word)"


def test_what_is_too_much_to_be_kept_secret_is_an_error_and_not_kept() -> None:
    api = StepsTarget(body=json.dumps([f"canary-{n}" for n in range(300)]).encode())
    take = [{"name": "open", "from": "body"}, {"name": "all", "from": "body", "secret": True}]
    (result,) = ran(step("/text", extract=take, wants={"type": "contains", "expected": "nothing"}), api=api)
    assert (result["verdict"], result["error"]["code"]) == ("errored", "value_not_found")
    assert "more than 200 values" in result["reason"]
    assert (result["response"], result["extracted"], result["assertions"]) == (None, {}, [])
