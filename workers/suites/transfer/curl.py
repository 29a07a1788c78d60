"""HTTP steps as lines for a shell: a request that was sent, and whole cases as a script of curl calls.

In a script each place of a template is a variable of the shell: what the case, its first data row, the suite or the
environment says is its value unless the caller sets another; a secret, or what a step extracts, must be set. Steps that
ask a model are left out. No secret is ever written, also none that stands in a header by itself.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from infra import json
from workers.suites.transfer import shell_text
from workers.suites.transfer.shell_text import (
    ENCODE,
    ENCODED,
    ENCODING,
    PLACE,
    Names,
    assigned,
    comment,
    places,
    required,
    word,
)

Json = dict[str, Any]

# curl, or the connection, has its own.
_OWN_HEADERS = frozenset(("host", "content-length", "connection", "accept-encoding", "transfer-encoding", "traceparent",
                          "x-test-run-id"))  # fmt: skip
SECRET_HEADERS = re.compile(
    r"(proxy-)?authorization|cookie2?|.*(api[-_]?key|token|secret|password|passwd|signature|session|credential).*", re.I
)
PHASES = ("setup", "steps", "teardown")
HEAD = """#!/usr/bin/env bash
# {title}
# Written by Switchyard. Variables may be set before: BASE_URL=http://localhost:8000 bash {file}
"""


def line(request: Json) -> str:
    """One line that sends a step's request again, as its result has it; without a body that was cut, or a model."""
    if not request.get("url"):
        return ""
    method, body = str(request.get("method", "GET")).upper(), request.get("body")
    parts = ["curl", "-sS", "-g", *_method(method, body is not None), shlex.quote(str(request["url"]))]
    for name, value in request.get("headers") or ():
        if str(name).lower() not in _OWN_HEADERS:
            parts += ["-H", shlex.quote(_header(str(name), str(value)))]
    if body is None or request.get("cut"):
        return " ".join(parts)
    if request.get("encoding") == "base64":
        return f"printf %s {shlex.quote(str(body))} | base64 -d | {' '.join(parts)} --data-binary @-"
    text = body if isinstance(body, str) else json.dumps(body)
    return " ".join([*parts, "--data-raw", shlex.quote(text)]) if text else " ".join(parts)


def _method(method: str, has_body: bool) -> list[str]:
    if method == "HEAD":
        return ["--head"]
    return [] if method == ("POST" if has_body else "GET") else ["-X", shlex.quote(method)]


def _header(name: str, value: str) -> str:
    """curl leaves a header without value away, unless it ends so."""
    return f"{name}: {value}" if value else f"{name};"


@dataclass(slots=True)
class Around:
    """What cases run in: the suite's variables and steps, and the environment without its secrets."""

    title: str = "Test cases"
    base_url: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Mapping[str, Json] = field(default_factory=dict)
    default_auth: str | None = None
    setup: list[Json] = field(default_factory=list)
    teardown: list[Json] = field(default_factory=list)


def script(cases: list[Json], around: Around, file: str = "tests.sh") -> str:
    """A script that sends the requests of these cases, each in a shell of its own, one after the other."""
    begun = HEAD.format(title=comment(around.title), file=file)
    if around.base_url:
        begun += f"{assigned('BASE_URL', around.base_url)}\n"
    parts = [_Case({"name": "setup of the suite", "steps": around.setup}, around).written()] if around.setup else []
    parts += [_Case(case, around).written() for case in cases]
    if around.teardown:
        parts.append(_Case({"name": "teardown of the suite", "steps": around.teardown}, around).written())
    begun += ENCODING if any(f"$({ENCODE} " in part for part in parts) else ""
    return "\n".join([begun, *parts])


class _Case:
    """One case being written."""

    def __init__(self, case: Json, around: Around) -> None:
        self._case, self._around = case, around
        rows = case.get("data") or [{}]
        self._known = {**around.variables, **rows[0], **(case.get("variables") or {})}
        self._names = Names()
        self._names.of("base_url")
        self._said: set[str] = set()
        self._extracted: dict[str, str] = {}

    def written(self) -> str:
        """The case in a shell of its own, so that its variables and its failure are its own."""
        rows = len(self._case.get("data") or ())
        lines = [f"# {comment(str(self._case.get('name', '')))}", "("]
        if rows > 1:
            lines.append(f"# the first of {rows} data rows")
        if self._case.get("data_file_id"):
            lines.append("# its data rows are in a file: set what a row has")
        for phase in PHASES:
            for number, step in enumerate(self._case.get(phase) or (), start=1):
                lines += self._step(step, str(step.get("id") or f"step_{number}"))
        return "\n".join([*lines, ")", ""])

    def _step(self, step: Json, called: str) -> Iterator[str]:
        yield f"# {comment(called)}{': ' + comment(step['name']) if step.get('name') else ''}{_expects(step)}"
        if step.get("kind") == "completion":
            yield "# asks a model; not written"
            return
        command = _Command(step, self._around, self._names, self._known).written()
        yield from self._needed()
        yield command
        yield "echo"
        for one in step.get("extract") or ():
            where = f"{one.get('from', 'jsonpath')} {one.get('expression', '')}"
            self._extracted[str(one["name"])] = f"step {called} extracts it: {where}"

    def _needed(self) -> Iterator[str]:
        """Lines for the variables that came up."""
        for name, text in self._names.defaults.items():
            if name not in self._said:
                self._said.add(name)
                yield f"{name}={shlex.quote(text)}"
        for place, name in self._names.used.items():
            if name in self._said:
                continue
            self._said.add(name)
            if place == "base_url":
                if not self._around.base_url:
                    yield required(name, "set it to the address of what is tested, such as http://localhost:8000")
            elif place in self._extracted:
                yield required(name, f"{self._extracted[place]}")
            elif place in self._known and not place.startswith("secret."):
                yield from self._value(name, self._known[place])
            else:
                yield required(name, f"set it to {place}")

    def _value(self, name: str, value: Any) -> Iterator[str]:
        inner = PLACE.search(value) if isinstance(value, str) else None
        yield required(name, "set it") if inner else assigned(name, value)


def _expects(step: Json) -> str:
    expected = [one.get("expected") for one in step.get("assert") or () if one.get("type") == "status"]
    return f", expects status {comment(str(expected[0]))}" if expected else ""


class _Command:
    """The curl call of one step."""

    def __init__(self, step: Json, around: Around, names: Names, known: Mapping[str, Any]) -> None:
        self._step, self._around, self._names, self._known = step, around, names, known
        self._query: list[tuple[str, str]] = []
        self._parts: list[str] = []

    def written(self) -> str:
        """The call in lines of one argument each."""
        step, method = self._step, str(self._step.get("method", "GET")).upper()
        headers = {**self._around.headers, **(step.get("headers") or {})}
        self._authenticate(headers)
        body = self._body(headers)
        redirects = step.get("redirects") or 0
        self._parts += ["-L --max-redirs " + str(int(redirects))] if redirects else []
        self._parts += [f"--max-time {step['timeout_s']:g}"] if "timeout_s" in step else []
        for name, value in headers.items():
            self._parts.append(f"-H {self._word(_header(name, self._harmless(name, str(value))))}")
        first = " ".join(["curl -sS -g", *_method(method, body is not None), self._url()])
        return " \\\n  ".join([first, *self._parts, *([body] if body else [])])

    def _word(self, text: str) -> str:
        return word(text, self._names)

    def _harmless(self, name: str, value: str) -> str:
        """A header's value; what may be a secret is a variable even where the case spells it out."""
        if not SECRET_HEADERS.fullmatch(name) or PLACE.search(value):
            return value
        return f"{{{{secret.{re.sub(r'[^a-z0-9]', '_', name.lower())}}}}}"

    def _url(self) -> str:
        url = str(self._step.get("url", ""))
        for name, value in (self._step.get("path_params") or {}).items():
            url = url.replace(f"{{{name}}}", _encoded(value)) if f"{{{{{name}}}}}" not in url else url
        if not re.match(r"https?://|\{\{", url, re.I):
            url = f"{{{{base_url}}}}/{url.lstrip('/')}"
        for name, value in (self._step.get("query") or {}).items():
            self._query += [(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
        pairs = "&".join(f"{quote(str(name), safe='')}={_encoded(value)}" for name, value in self._query)
        return self._word(f"{url}{('&' if '?' in url else '?') + pairs if pairs else ''}")

    def _body(self, headers: Json) -> str | None:
        step = self._step
        typed = any(name.lower() == "content-type" for name in headers)
        if "form" in step:
            pairs = [f"--data-urlencode {self._word(f'{quote(str(name))}={_plain(value)}')}"
                     for name, one in (step["form"] or {}).items()
                     for value in (one if isinstance(one, list) else [one])]  # fmt: skip
            return " \\\n  ".join(pairs) if pairs else None
        if "text" in step:
            self._parts += [] if typed else ["-H 'Content-Type: text/plain; charset=utf-8'"]
            return f"--data-raw {self._word(str(step['text']))}"
        if "body" not in step:
            return None
        self._parts += [] if typed else ["-H 'Content-Type: application/json'"]
        return f"--data-raw {self._word(shell_text.typed(step['body'], self._known))}"

    def _authenticate(self, headers: Json) -> None:
        wanted = self._step.get("auth", self._around.default_auth)
        if wanted is False or wanted is None:
            return
        auth = self._around.auth.get(wanted, {"type": "named", "name": wanted}) if isinstance(wanted, str) else wanted
        kind = auth.get("type")
        if kind == "bearer":
            headers["Authorization"] = f"Bearer {_secret(auth.get('token'), 'token')}"
        elif kind == "basic":
            user, password = auth.get("username", ""), _secret(auth.get("password"), "password")
            self._parts.append(f"-u {self._word(f'{user}:{password}')}")
        elif kind == "api_key":
            self._api_key(auth, headers)
        else:
            called = wanted if isinstance(wanted, str) else "oauth2"
            headers["Authorization"] = f"Bearer {{{{secret.{called}_access_token}}}}"

    def _api_key(self, auth: Json, headers: Json) -> None:
        name, value = str(auth.get("name", "X-Api-Key")), _secret(auth.get("value"), "api_key")
        where = auth.get("in", "header")
        if where == "query":
            self._query.append((name, value))
        elif where == "cookie":
            headers["Cookie"] = f"{name}={value}"
        else:
            headers[name] = value


def _secret(value: Any, name: str) -> str:
    """A template as it is; anything else would be the secret itself."""
    return value if isinstance(value, str) and any(places(value)) else f"{{{{secret.{name}}}}}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _encoded(value: Any) -> str:
    """Percent-encoded, but for places."""
    text, at, made = _plain(value), 0, ""
    for found in PLACE.finditer(text):
        made += f"{quote(text[at : found.start()], safe='')}{{{{{ENCODED}{found[1]}}}}}"
        at = found.end()
    return made + quote(text[at:], safe="")
