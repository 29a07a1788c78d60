"""Health, signing in, one's own profile."""

import secrets
import time
from datetime import UTC, datetime, timedelta

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.store import NAME, PASSWORD, moment, number

WRONG_A_MINUTE = 5000


def get_health(_: Call) -> Answer:
    return Answer(body={"status": "ok", "version": "1.0.0", "time": moment()})


def create_token(call: Call) -> Answer:
    if (call.body["name"], call.body["password"]) != (NAME, PASSWORD):
        _count_failure(call.store.failures)
        raise Problem(401, "The name or the password is wrong.", headers={"WWW-Authenticate": 'Bearer realm="shop"'})
    token = secrets.token_urlsafe(24)
    call.store.tokens[token] = number("customer", 0)
    return Answer(201, {"token": token, "expires_at": moment(datetime.now(UTC) + timedelta(hours=1))})


def _count_failure(failures: list[float]) -> None:
    now = time.monotonic()
    failures[:] = [one for one in failures if now - one < 60]
    if len(failures) >= WRONG_A_MINUTE:
        raise Problem(429, "Too many wrong passwords.", headers={"Retry-After": "60"})
    failures.append(now)


def get_me(call: Call) -> Answer:
    return Answer(body=dict(call.store.me))


def change_me(call: Call) -> Answer:
    call.store.me |= call.body
    return Answer(body=dict(call.store.me))


HANDLERS = {"getHealth": get_health, "createToken": create_token, "getMe": get_me, "changeMe": change_me}
