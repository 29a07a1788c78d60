"""An API for the steps of test cases, with all that one meets out there: over tests/fakes/target.py.

`/echo…` says what came. `/hang`, `/endless`, `/huge`, `/text`, `/bytes`, `/redirect?to=`, `/login`, `/flaky`, `/token`
and `/protected` do what their names say.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.target import Request, answer, pieces


@dataclass
class StepsTarget:
    """Its `talk` answers; `fails` are statuses that `/flaky` gives before 200, `tokens` those that were handed out."""

    fails: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    expires_in: Any = 3600
    body: bytes = b""
    client: tuple[str, str] = ("me", "s3cret/+ßsecret")

    async def talk(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """One answer."""
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        name = url.path.removeprefix("/api").strip("/").split("/")[0]
        if name == "hang":
            await asyncio.Event().wait()
        elif name == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
            await pieces(writer, b"data: x\n" * 8192)
        elif name == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
            await pieces(writer, b"\0\xff" * 32768)
        elif name == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await pieces(writer, b".", 0.02)
        else:
            writer.write(getattr(self, f"_{name}", self._missing)(request, query))

    def _echo(self, request: Request, query: dict[str, str]) -> bytes:
        said = {
            "method": request.method,
            "path": request.path,
            "query": query,
            "headers": request.headers,
            "body": request.body.decode(errors="replace"),
        }
        return self._json(said, set_cookie="plain=1; Path=/", x_color="red")

    def _text(self, request: Request, _: dict[str, str]) -> bytes:
        return answer(self.body, content_type="text/plain")

    def _redirect(self, request: Request, query: dict[str, str]) -> bytes:
        return answer(b"", status="302 Found", location=query["to"])

    def _login(self, request: Request, _: dict[str, str]) -> bytes:
        cookies = b"set-cookie: session=abc123; Path=/; HttpOnly\r\nset-cookie: other=x; Path=/elsewhere\r\n"
        return b"HTTP/1.1 302 Found\r\nlocation: /echo\r\ncontent-length: 0\r\n" + cookies + b"\r\n"

    def _flaky(self, request: Request, _: dict[str, str]) -> bytes:
        status = self.fails.pop(0) if self.fails else 200
        return answer(b'{"ok":true}', status=f"{status} X", content_type="application/json")

    def _token(self, request: Request, _: dict[str, str]) -> bytes:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if self._client_of(request, form) != self.client or form.get("grant_type") != "client_credentials":
            return self._json({"error": "invalid_client", "error_description": "Who are you?"}, status="401 No")
        self.tokens.append(f"token-number-{len(self.tokens)}")
        return self._json({"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.expires_in})

    def _protected(self, request: Request, _: dict[str, str]) -> bytes:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        is_good = token in self.tokens and token not in self.revoked
        return self._json({"token": token}, status="200 OK" if is_good else "401 No")

    def _missing(self, request: Request, _: dict[str, str]) -> bytes:
        return self._json({"error": "not found"}, status="404 Not Found")

    @staticmethod
    def _client_of(request: Request, form: dict[str, str]) -> tuple[str, str]:
        header = request.headers.get("authorization", "")
        if not header.startswith("Basic "):
            return form.get("client_id", ""), form.get("client_secret", "")
        found = parse_qs("&".join(f"{k}={v}" for k, v in zip(
            "ab", base64.b64decode(header.removeprefix("Basic ")).decode().split(":"), strict=True)))  # fmt: skip
        return found["a"][0], found["b"][0]

    @staticmethod
    def _json(value: Any, *, status: str = "200 OK", **headers: str) -> bytes:
        return answer(json.dumps(value).encode(), status=status, content_type="application/json", **headers)
