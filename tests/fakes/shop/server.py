"""The shop's HTTP server: finds the operation, asks who calls, reads, acts, answers; and the doors for the faults."""

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from tests.fakes.shop import reading
from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults import FAULTS, Switchboard
from tests.fakes.shop.handlers import HANDLERS
from tests.fakes.shop.rules import Routes, Rules, rules_of
from tests.fakes.shop.spec import document
from tests.fakes.shop.store import STAFF_KEY, filled

Json = dict[str, Any]
Headers = Mapping[str, str]

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="shop"'}


class Shop:
    """One shop with its data and its faults."""

    def __init__(self) -> None:
        self.document = json.dumps(document()).encode()
        self.store, self.faults = filled(), Switchboard()
        self.switch([])

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = self.answer(request.method, request.raw_path, request.headers, await request.read())
        if answer.delay:
            await asyncio.sleep(answer.delay)
        return _response(answer)

    def answer(self, method: str, path: str, headers: Headers, raw: bytes = b"") -> Answer:
        """The answer to a request; `headers` know no case."""
        try:
            return self._answer(method, path if path.startswith("/") else urlsplit(path).path, headers, raw)
        except Problem as problem:
            return problem.answer()
        except Exception as error:
            return Problem(500, f"{type(error).__name__}: {error}"[:500]).answer()

    def _answer(self, method: str, path: str, headers: Headers, raw: bytes) -> Answer:
        segments = reading.segments_of(path)
        if segments[0].startswith("__") or segments == ["openapi.json"]:
            return self._own(method, segments[0], raw)
        found = self._routes.find(segments)
        if not found:
            raise Problem(404, "There is no such path.")
        if method not in found:
            return self.faults.unknown_method(method, segments, ", ".join(sorted(found)))
        rules, places = found[method]
        call = Call(rules.operation, self.store)
        call.who = self.faults.authorized(call, headers, lambda: self._who(rules, headers))
        call.path, call.query, call.headers = reading.parameters(rules, places, path, headers)
        if rules.body:
            call.body = reading.body_of(rules, headers.get("Content-Type", ""), raw)
        return self.faults.around(call, HANDLERS[rules.operation])

    def _who(self, rules: Rules, headers: Headers) -> str | None:
        """Who calls. Raises Problem 401 or 403."""
        if not rules.security:
            return None
        bearer, key = headers.get("Authorization"), headers.get("X-Api-Key")
        kind, _, token = (bearer or "").partition(" ")
        customer = self.store.tokens.get(token.strip()) if kind.lower() == "bearer" else None
        accepted = set().union(*rules.security)
        if (bearer is not None and customer is None) or (key is not None and key != STAFF_KEY):
            raise Problem(401, "These credentials are not known.", headers=CHALLENGE)
        if key and "apiKey" in accepted:
            return "staff"
        if customer and "bearerAuth" in accepted:
            return customer
        if customer:
            raise Problem(403, "This is for the staff.")
        raise Problem(401, "Credentials are needed.", headers=CHALLENGE)

    def _own(self, method: str, name: str, raw: bytes) -> Answer:
        """What is not in the specification, and the specification."""
        if (method, name) == ("GET", "openapi.json"):
            return Answer(body=self.document)
        if (method, name) == ("GET", "__faults"):
            return Answer(body=[one.shown() for one in FAULTS.values()])
        if (method, name) == ("POST", "__reset"):
            self.store = filled()
            return Answer(204)
        if (method, name) == ("PUT", "__faults"):
            wanted = json.loads(raw)["on"]
            if unknown := sorted(set(wanted) - set(FAULTS)):
                raise Problem(422, f"There is no fault named {', '.join(unknown)}.")
            self.switch(wanted)
            return Answer(body={"on": wanted})
        raise Problem(404, "There is no such path.")

    def find(self, method: str, path: str) -> str | None:
        """The id of the operation that answers there."""
        found = self._routes.find(reading.segments_of(path)).get(method)
        return found[0].operation if found else None

    def switch(self, names: list[str]) -> None:
        """Exactly these faults from now on."""
        rules = rules_of(document())
        self.faults.switch(names, rules)
        self._routes = Routes(rules)


def _response(answer: Answer) -> web.Response:
    body = answer.body
    if body is not None and not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    # Without a body there is no type of it.
    typed = {"Content-Type": answer.content_type} if body is not None else {}
    return web.Response(status=answer.status, body=body, headers={**answer.headers, **typed})


async def serve(port: int) -> None:
    """Answers on loopback until SIGTERM or SIGINT."""
    # What is no HTTP is refused without a word.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    runner = web.ServerRunner(web.Server(Shop(), access_log=None, keepalive_timeout=600))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048, shutdown_timeout=0.2).start()
    await stopped.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(runner.cleanup(), 2.0)
