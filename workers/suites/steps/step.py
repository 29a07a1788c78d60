"""One step of a case: rendered, performed, tried again where it says so, judged, and its values extracted.

Whatever the other side does, what comes of it is a result; only the job's own end is an exception.
"""

import asyncio
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any
from uuid import UUID

from infra import json
from infra.clock import now, rfc3339
from infra.errors import (
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
    SwitchyardError,
    TargetTimeout,
    TargetUnreachable,
    TimedOut,
)
from models import Store, Verdict
from workers.jobs import privacy
from workers.providers.limits import retry_after
from workers.suites import assertions
from workers.suites.base import BODY_SHOWN, Judged, World
from workers.suites.steps import bodies, completion_step
from workers.suites.steps.extracting import extract
from workers.suites.steps.http_step import HttpTry, Subject
from workers.suites.steps.performed import Came, Performed, redaction_of
from workers.suites.steps.results import without_secrets
from workers.suites.steps.templates import Scope, render

Json = dict[str, Any]

RETRY_ON = ("connect", "timeout", "5xx", "429")
RETRY_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
LONGEST_REASON = 1000
NOT_FOUND = "value_not_found"
# Filled in apart: the url with its path parameters, and assertions when there is an answer.
_APART = frozenset(("id", "name", "kind", "url", "assert"))
# What a provider's failure would be if it were an answer.
_AS_STATUS: tuple[tuple[type[SwitchyardError], str], ...] = ((ProviderRateLimited, "429"), (ProviderUnavailable, "503"))


@dataclass(slots=True)
class _Running:
    """A step on its way; `error` says why it could not be performed, or what it did not find."""

    step: Json
    scope: Scope
    world: World
    name: str
    subject: Subject
    tries: int = 0
    done: Performed = field(default_factory=Performed)
    judged: list[Judged] = field(default_factory=list)
    extracted: Json = field(default_factory=dict)
    code: str | None = None
    reason: str | None = None

    async def run(self) -> None:
        """All tries, the last of which stands."""
        wanted = {name: value for name, value in self.step.items() if name not in _APART}
        rendered = render(wanted, self.scope)
        retry = rendered.get("retry") or {}
        while True:
            self.tries += 1
            await self._try(rendered)
            if self.tries > int(retry.get("max") or 0) or not self._is_to_repeat(retry.get("on") or RETRY_ON):
                return
            await asyncio.sleep(self._delay(float(retry.get("delay_s", RETRY_DELAY_SECONDS))))

    async def _try(self, rendered: Json) -> None:
        self.judged, self.extracted, self.code, self.reason = [], {}, None, None
        if self.step.get("kind") == "completion":
            self.done = await completion_step.perform(rendered, self.world)
        else:
            self.done = await HttpTry(rendered, self.step["url"], self.scope, self.world, self.subject).perform()
        if self.done.error is not None:
            self.fail(self.done.error)
        elif self.done.answered is not None:
            if rendered.get("extract"):
                found = await extract(rendered["extract"], self.done.answered, self.scope, self.world)
                self.extracted, missing = found
                if missing:
                    self.code, self.reason = NOT_FOUND, missing
            if self.done.answered.hidden:
                self.extracted = {}
            elif self.step.get("assert"):
                await self._judge()

    async def _judge(self) -> None:
        assert self.done.answered is not None
        try:
            wanted = render(self.step["assert"], self.scope)
        except SwitchyardError as error:
            if self.code is None:
                self.fail(error)
            return
        redaction = redaction_of(self.scope, self.world)
        world = self.world if redaction is self.world.redaction else replace(self.world, redaction=redaction)
        self.judged = await assertions.judge(wanted, self.done.answered, world)

    def fail(self, error: SwitchyardError) -> None:
        """The step could not be performed."""
        places = ", ".join(one["pointer"] for one in error.errors[:5])
        self.code, self.reason = error.code, f"{error.detail} ({places})" if places else error.detail

    def _is_to_repeat(self, causes: Any) -> bool:
        happened = set()
        error, answered = self.done.error, self.done.answered
        if isinstance(error, TargetTimeout | ProviderTimeout | TimedOut):
            happened.add("timeout")
        elif isinstance(error, TargetUnreachable | ProviderUnavailable):
            happened.add("connect")
        happened |= {code for kind, code in _AS_STATUS if isinstance(error, kind)}
        if answered is not None and answered.status is not None:
            happened.add(str(answered.status))
        happened |= {f"{one[0]}xx" for one in happened if one.isdigit()}
        if any(_counts(one) for one in self.judged):
            happened.add("assertion")
        return not happened.isdisjoint(causes)

    def _delay(self, delay: float) -> float:
        """As the step says, or longer, if the answer asks for that."""
        headers = self.done.answered.headers if self.done.answered else ()
        asked = retry_after({name.lower(): value for name, value in headers}, in_words=True)
        return max(delay, min(asked or 0.0, LONGEST_DELAY_SECONDS))

    def verdict(self) -> tuple[Verdict, str | None]:
        """What came of it, and why. An answer that is not as asserted fails the step, also where a value that was to be
        extracted is not in it."""
        failed = next((one for one in self.judged if one.verdict == Verdict.FAILED and _counts(one)), None)
        if self.code is not None and not (self.code == NOT_FOUND and failed):
            return Verdict.ERRORED, self.reason
        for verdict in (Verdict.ERRORED, Verdict.FAILED):
            for one in self.judged:
                if one.verdict == verdict and _counts(one):
                    return verdict, one.message
        return Verdict.PASSED, None

    async def result(self, phase: str, started_at: str, begun: float) -> Json:
        """The result, without secrets."""
        verdict, reason = self.verdict()
        if self.done.answered is not None and not self.done.answered.hidden:
            self.scope.steps[self.name] = Came(self.done.answered, verdict)
        redaction = redaction_of(self.scope, self.world)
        reason = redaction.text(reason)[:LONGEST_REASON] if reason else None
        made = {
            "id": self.name,
            "name": self.step.get("name"),
            "phase": phase,
            "kind": self.step.get("kind") or "http",
            "verdict": verdict.value,
            "reason": reason,
            "error": {"code": self.code, "message": reason} if self.code else None,
            "started_at": started_at,
            "milliseconds": round((monotonic() - begun) * 1000, 3),
            "tries": self.tries,
            "request": await self._request(),
            "response": await self._response(),
            "assertions": [_shown(one) for one in self.judged],
            "extracted": self.extracted,
            "trace_id": self.subject.trace_id,
        }
        return without_secrets(made, redaction)

    async def _request(self) -> Json:
        if self.step.get("kind") == "completion":
            return await self._fitting(self.done.request or completion_step.payload_of(self.step), "request")
        nothing: Json = {"method": self.step.get("method"), "url": self.step.get("url"), "headers": []}
        return {**(self.done.request or nothing), **await self._body(self.done.request_body, "request")}

    async def _response(self) -> Json | None:
        if self.done.response is None or self.done.answered is None or self.done.answered.hidden:
            return None
        if self.done.answered.kind == "completion":
            return await self._fitting(self.done.response, "response")
        return {
            **self.done.response,
            **await self._body(self.done.answered.body, "response", cut=self.done.answered.cut),
        }

    async def _body(self, body: bytes | None, what: str, *, cut: bool = False) -> Json:
        redaction = redaction_of(self.scope, self.world)
        return await bodies.shown(body, f"{self.name}-{what}", self.world, redaction, cut=cut)

    async def _fitting(self, value: Json, what: str) -> Json:
        """What is said to a model, and what it says; where that is more than 64 KiB, as a body."""
        written = json.dump_bytes(value)
        if len(written) <= BODY_SHOWN:
            return value
        kept: Json = {
            name: value[name] for name in ("model", "finish_reason", "usage", "milliseconds") if name in value
        }
        return {**kept, **await self._body(written, what)}


async def run_step(
    step: Json,
    scope: Scope,
    world: World,
    *,
    phase: str,
    trace_id: str,
    operation: str | None = None,
    knowledge_base_id: UUID | None = None,
) -> Json:
    """The step's result, as CaseRun.steps has it; `operation` and `knowledge_base_id` are the case's, `trace_id` the
    execution's (32 hex digits). What it extracted and got is in the scope for the next one. Raises what ends the job,
    and nothing else."""
    begun, started_at = monotonic(), rfc3339(now())
    subject = Subject(trace_id, operation, knowledge_base_id)
    running = _Running(step, scope, world, step.get("id") or "step", subject)
    try:
        await running.run()
    except SwitchyardError as error:
        if error.code == "stopped":
            raise
        running.fail(error)
    except Exception as error:
        # As of a private job: its text may quote a secret.
        privacy.log_crash(Store.NONE, error, step=running.name, run=str(world.run_id))
        running.code = "internal_error"
        running.reason = f"The step could not be performed: Switchyard itself failed with {type(error).__name__}."
    return await running.result(phase, started_at, begun)


def _counts(one: Judged) -> bool:
    return one.verdict == Verdict.ERRORED or (one.verdict == Verdict.FAILED and one.assertion.get("severity") != "warn")


def _shown(one: Judged) -> Json:
    return {
        **one.assertion,
        "verdict": one.verdict.value,
        "message": one.message,
        "expected": one.expected,
        "actual": one.actual,
        "details": one.details,
    }
