"""A step over HTTP: its request, made of the step and the environment, and the answer of the guarded client."""

import json as stdlib_json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import getrandbits
from typing import Any
from uuid import UUID

from multidict import CIMultiDict
from yarl import URL

from infra import ids, json
from infra.cookies import Cookies
from infra.errors import SwitchyardError
from infra.http import Answer
from workers.suites.base import BODY_READ, Answered, World
from workers.suites.steps import auth, urls
from workers.suites.steps.auth import Credentials
from workers.suites.steps.performed import Performed, cookies_of, headers_of
from workers.suites.steps.redaction import SHOWN
from workers.suites.steps.templates import Scope, as_text, render

Json = dict[str, Any]

TIMEOUT_SECONDS = 30.0
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is held against: an operation of a knowledge base. `trace_id` is that of the execution."""

    trace_id: str
    operation: str | None = None
    knowledge_base_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request goes: a whole URL, or a path below the environment's base."""

    base: str | None
    url: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether it goes to another host than the environment's, which gets nothing that was meant for that one."""
        if self.base is None or not urls.is_whole(self.url):
            return False
        try:
            return URL(self.url).origin() != URL(self.base).origin()
        except ValueError:
            return True


@dataclass(slots=True)
class HttpTry:
    """One try of a step, whose places are filled in but those of `url`."""

    step: Json
    url: str
    scope: Scope
    world: World
    subject: Subject
    done: Performed = field(default_factory=Performed)

    async def perform(self) -> Performed:
        """What was sent, and what came back; errors are in it, too."""
        try:
            answer = await self._authorized()
        except SwitchyardError as error:
            if error.code == "stopped":
                raise
            self.done.error = error
        else:
            self._answered(answer)
        return self.done

    async def _authorized(self) -> Answer:
        """The answer; a token of OAuth 2 from earlier that is refused is asked for anew, once."""
        seconds = float(self.step.get("timeout_s") or TIMEOUT_SECONDS)
        around = self.world.surroundings
        base = as_text(render(around.base_url, self.scope)) if around.base_url else None
        place = _Place(base, urls.filled(self.url, self.step.get("path_params"), self.scope))
        wanted = self.step.get("auth")
        is_ours = wanted is not None or not place.is_elsewhere
        way = render(auth.chosen(wanted, around), self.scope) if is_ours else None
        if not way:
            return await self._sent(place, auth.NONE, seconds)
        given = await auth.credentials(way, self.world, seconds)
        answer = await self._sent(place, given, seconds)
        if given.kept and answer.status == UNAUTHORIZED:
            given = await auth.credentials(way, self.world, seconds, refused=given.token)
            answer = await self._sent(place, given, seconds)
        return answer

    async def _sent(self, place: _Place, given: Credentials, seconds: float) -> Answer:
        method, cookies = self.step["method"], cookies_of(self.scope)
        url = urls.whole(place.base, place.url, self.step.get("query"), given.query)
        body, media_type = _body(self.step)
        headers = self._headers(given, media_type, {} if place.is_elsewhere else self.world.surroundings.headers)
        self.done.request_body = body
        self.done.request = {"method": method, "url": url, "headers": _shown(headers, given, self.step, cookies, url)}
        return await self.world.client.request(
            method,
            url,
            headers=headers,
            body=body,
            seconds=seconds,
            at_most=BODY_READ,
            cut=True,
            redirects=int(self.step.get("redirects") or 0),
            cookies=cookies,
        )

    def _headers(self, given: Credentials, media_type: str | None, around: Mapping[str, str]) -> CIMultiDict[str]:
        """The environment's, ours, those that authenticate, and over all of them the step's own."""
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in render(dict(around), self.scope).items() if around else ():
            headers[name] = as_text(value)
        if media_type:
            headers.setdefault("Content-Type", media_type)
        headers["traceparent"] = f"00-{self.subject.trace_id}-{getrandbits(64) or 1:016x}-01"
        headers["X-Test-Run-Id"] = ids.show("run", self.world.run_id)
        if given.header:
            headers[given.header[0]] = given.header[1]
        for name, value in (self.step.get("headers") or {}).items():
            headers[name] = as_text(value)
        if given.cookie:
            headers["Cookie"] = "; ".join(filter(None, (headers.get("Cookie"), given.cookie)))
        return headers

    def _answered(self, answer: Answer) -> None:
        headers = headers_of(answer.headers)
        milliseconds = round(answer.seconds * 1000, 3)
        self.done.answered = Answered(
            kind="http",
            body=answer.body,
            milliseconds=milliseconds,
            status=answer.status,
            headers=tuple(map(tuple, headers)),  # type: ignore[arg-type]  # pairs
            cut=answer.cut,
            method=self.step["method"],
            url=answer.url,
            operation=self.step.get("operation") or self.subject.operation,
            knowledge_base_id=self.subject.knowledge_base_id or self.world.surroundings.knowledge_base_id,
        )
        self.done.response = {
            "status": answer.status,
            "headers": headers,
            "url": answer.url,
            "milliseconds": milliseconds,
            "first_byte_milliseconds": round(answer.head_seconds * 1000, 3),
        }


def _shown(headers: CIMultiDict[str], given: Credentials, step: Json, cookies: Cookies, url: str) -> list[list[str]]:
    """The headers as they go out, cookies with them; one that only authenticates is there without its value."""
    shown = headers_of(headers)
    if given.header and given.header[0].lower() not in {name.lower() for name in step.get("headers") or ()}:
        hidden = given.header[0].lower()
        scheme = given.header[1].partition(" ")[0] + " " if hidden == "authorization" else ""
        shown = [[name, f"{scheme}{SHOWN}" if name.lower() == hidden else value] for name, value in shown]
    with suppress(ValueError):
        if cookies and (sent := cookies.header(URL(url), headers.get("Cookie"))):
            shown = [*(pair for pair in shown if pair[0].lower() != "cookie"), ["Cookie", sent]]
    return shown


def _body(step: Json) -> tuple[bytes | None, str | None]:
    """The bytes, and the type that they have unless a header says otherwise."""
    if "body" in step:
        return _json(step["body"]), "application/json"
    if step.get("text") is not None:
        return as_text(step["text"]).encode(errors="replace"), "text/plain; charset=utf-8"
    if step.get("form") is not None:
        return urls.form(step["form"]), "application/x-www-form-urlencoded"
    return None, None


def _json(value: Any) -> bytes:
    try:
        return json.dump_bytes(value)
    except TypeError:  # numbers of more than 64 bits, halves of surrogate pairs
        return stdlib_json.dumps(value, separators=(",", ":")).encode()
