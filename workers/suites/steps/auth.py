"""How a request authenticates: bearer, basic, an API key, or a token of OAuth 2 client credentials.

Tokens are kept for the run until shortly before they end; steps that need one at the same time ask for it once.
"""

import asyncio
import base64
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from yarl import URL

from infra import json
from infra.errors import AnswerInvalid, BadInput, TargetError
from infra.http import Answer
from workers.suites.base import Redaction, Surroundings, World
from workers.suites.steps.urls import joined

Json = dict[str, Any]

FETCH_SECONDS = 30.0
LONGEST_ANSWER = 1024 * 1024
# Where the server does not say how long a token lives, and how much of its life is left over.
LIFE_SECONDS = 3600.0
MARGIN_SECONDS, MARGIN_SHARE = 30.0, 0.1


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is added to a request: one of these. `token` is one of OAuth 2, `kept` if it is of an earlier request."""

    header: tuple[str, str] | None = None
    query: tuple[str, str] | None = None
    cookie: str | None = None
    token: str | None = None
    kept: bool = False


NONE = Credentials()


@dataclass(slots=True)
class _Token:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: str | None = None
    until: float = 0.0


def chosen(wanted: Any, surroundings: Surroundings) -> Json | None:
    """The way that a step's `auth` names, with its templates; None for no authentication. Raises BadInput."""
    if wanted is None:
        wanted = surroundings.default_auth
    if wanted is None or wanted is False or isinstance(wanted, dict):
        return wanted or None
    found = surroundings.auth.get(wanted)
    if found is None:
        where = f"The environment {surroundings.name}" if surroundings.name else "The run has no environment, which"
        raise BadInput(f"{where} has no auth {wanted!r}; add it to the environment's `auth`.")
    return found


async def credentials(wanted: Json, world: World, seconds: float, *, refused: str | None = None) -> Credentials:
    """What to send, of a way whose templates are filled in. `refused` is a token that is not good any more. Raises a
    TargetError if there is no token to be had."""
    match wanted["type"]:
        case "bearer":
            return Credentials(header=("Authorization", f"Bearer {wanted['token']}"))
        case "basic":
            pair = base64.b64encode(f"{wanted['username']}:{wanted['password']}".encode()).decode()
            return Credentials(header=("Authorization", f"Basic {pair}"))
        case "api_key":
            return _api_key(wanted)
        case "oauth2":
            token, kept = await _token(wanted, world, seconds, refused)
            return Credentials(header=("Authorization", f"Bearer {token}"), token=token, kept=kept)
    raise BadInput(f"There is no auth of type {wanted['type']!r}.")


def _api_key(wanted: Json) -> Credentials:
    name, value = str(wanted["name"]), str(wanted["value"])
    match wanted.get("in", "header"):
        case "query":
            return Credentials(query=(name, value))
        case "cookie":
            return Credentials(cookie=f"{name}={value}")
    return Credentials(header=(name, value))


async def _token(wanted: Json, world: World, seconds: float, refused: str | None) -> tuple[str, bool]:
    """A token, and whether it was there already."""
    kept: _Token = world.cache.setdefault(("oauth2", json.dump_canonical(wanted)), _Token())
    async with kept.lock:
        if kept.value is not None and kept.value != refused and monotonic() < kept.until:
            return kept.value, True
        answer = await _asked(wanted, world, min(seconds, FETCH_SECONDS))
        kept.value, life = _read(answer, world.redaction)
        kept.until = monotonic() + life - min(MARGIN_SECONDS, MARGIN_SHARE * life)
        world.redaction.learn(kept.value, passing=True)
        return kept.value, False


async def _asked(wanted: Json, world: World, seconds: float) -> Answer:
    form = {"grant_type": "client_credentials"}
    if wanted.get("scopes"):
        form["scope"] = " ".join(wanted["scopes"])
    if wanted.get("audience"):
        form["audience"] = wanted["audience"]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    client_id, secret = str(wanted["client_id"]), str(wanted["client_secret"])
    if wanted.get("client_auth") == "body":
        form |= {"client_id": client_id, "client_secret": secret}
    else:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"  # as RFC 6749, 2.3.1, has it
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    url = joined(world.surroundings.base_url, wanted["token_url"])
    body = urlencode(form, quote_via=quote).encode()
    return await world.client.request("POST", url, headers=headers, body=body, seconds=seconds, at_most=LONGEST_ANSWER)


def _read(answer: Answer, redaction: Redaction) -> tuple[str, float]:
    """The token and how many seconds it lives."""
    where = f"The token endpoint {URL(answer.url).host}"
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    if answer.status != 200:
        told = [str(said[one]) for one in ("error", "error_description") if said.get(one)]
        why = "".join(f": {redaction.text(one)[:300]}" for one in told)
        raise TargetError(f"{where} answered {answer.status}{why}; check the auth of the step.")
    token = said.get("access_token")
    if not isinstance(token, str) or not token:
        raise AnswerInvalid(f"{where} gave no access_token.")
    life = said.get("expires_in")
    try:
        return token, max(0.0, float(life)) if life is not None else LIFE_SECONDS
    except (TypeError, ValueError):
        return token, LIFE_SECONDS
