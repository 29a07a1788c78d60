"""Signatures as their inventors publish them, and everything that only looks like one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.errors import InvalidSignature, SignatureExpired
from tests.fakes.senders import HOOKS, SIGN, TIMED
from workers.hooks.signatures import Sent, require_signature

BODY = b'{"id": "evt_1", "type": "x"}'
SECRETS = dict.fromkeys(SIGN, "a secret that is long enough") | {
    "standard_webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "stripe": "whsec_a_secret_of_stripes",
}
OTHERS = dict.fromkeys(SIGN, "another one, long enough") | {
    "standard_webhooks": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "stripe": "whsec_another_secret",
}


def check(name: str, headers: Mapping[str, str], body: bytes = BODY, *secrets: str, at: float | None = None) -> None:
    hook = HOOKS[name]
    options = {"algorithm": "sha256", "encoding": "hex", "prefix": "", **hook.get("scheme_options", {})}
    sent = Sent(body, {key.lower(): value for key, value in headers.items()}, "application/json")
    moment = datetime.fromtimestamp(at, UTC) if at is not None else datetime.now(UTC)
    require_signature(hook["scheme"], options, secrets or (SECRETS[name],), sent, moment)


def test_githubs_published_example() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    check("github", {"X-Hub-Signature-256": signature}, b"Hello, World!", "It's a Secret to Everybody")


def test_standard_webhooks_published_example() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    check("standard_webhooks", headers, b'{"test": 2432232314}', at=1614265330)


def test_slacks_published_example_as_plain_hmac() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    check("slack", headers, body, "8f742231b10e8888abcd99yyyzzz85a5", at=1531420618)


@pytest.mark.parametrize("name", SIGN)
def test_a_good_signature_is_believed_and_one_of_another_secret_or_body_is_not(name: str) -> None:
    headers = SIGN[name](SECRETS[name], BODY)
    check(name, headers)
    check(name, headers, BODY, OTHERS[name], SECRETS[name])
    with pytest.raises(InvalidSignature, match="does not fit"):
        check(name, headers, BODY + b" ")
    with pytest.raises(InvalidSignature, match="does not fit"):
        check(name, headers, BODY, OTHERS[name])


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("age", [310, -310])
def test_a_timestamp_more_than_five_minutes_off_is_refused_but_only_the_real_sender_hears_that(
    name: str, age: int
) -> None:
    check(name, SIGN[name](SECRETS[name], BODY, age=age * 0.9))
    with pytest.raises(SignatureExpired):
        check(name, SIGN[name](SECRETS[name], BODY, age=age))
    with pytest.raises(InvalidSignature) as caught:
        check(name, SIGN[name](OTHERS[name], BODY, age=age))
    assert caught.value.code == "invalid_signature"


@pytest.mark.parametrize("name", SIGN)
def test_without_any_of_its_headers_nothing_is_believed(name: str) -> None:
    headers = SIGN[name](SECRETS[name], BODY)
    signed = [key for key in headers if key not in ("Content-Type", "X-GitHub-Delivery", "X-GitHub-Event")]
    for missing in signed:
        if missing != "X-Shopify-Topic":
            with pytest.raises(InvalidSignature, match="missing"):
                check(name, {key: value for key, value in headers.items() if key != missing})


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("standard_webhooks", {"webhook-signature": ""}),
    ("standard_webhooks", {"webhook-signature": "v1"}),
    ("standard_webhooks", {"webhook-signature": "v1, v1,"}),
    ("standard_webhooks", {"webhook-signature": "v1,ünicode"}),
    ("standard_webhooks", {"webhook-timestamp": "yesterday"}),
    ("standard_webhooks", {"webhook-timestamp": "-5"}),
    ("standard_webhooks", {"webhook-timestamp": "9" * 30}),
    ("standard_webhooks", {"webhook-timestamp": "١٢٣"}),
    ("github", {"X-Hub-Signature-256": "sha256="}),
    ("github", {"X-Hub-Signature-256": "sha1=757107ea"}),
    ("github", {"X-Hub-Signature-256": "sha256=" + "é" * 64}),
    ("stripe", {"Stripe-Signature": ""}),
    ("stripe", {"Stripe-Signature": "v1=abc"}),
    ("stripe", {"Stripe-Signature": "t=1,,,=,v1"}),
    ("stripe", {"Stripe-Signature": "t=abc,v1=abc"}),
    ("plain", {"X-Signature": ""}),
    ("slack", {"X-Slack-Signature": "a2114d57"}),
]


@pytest.mark.parametrize(("name", "changed"), MALFORMED)
def test_what_is_malformed_is_no_signature(name: str, changed: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature) as caught:
        check(name, {**SIGN[name](SECRETS[name], BODY), **changed})
    assert caught.value.code == "invalid_signature"


def test_of_several_signatures_one_of_the_right_version_is_enough() -> None:
    good = SIGN["standard_webhooks"](SECRETS["standard_webhooks"], BODY)
    other = SIGN["standard_webhooks"](OTHERS["standard_webhooks"], BODY, event_id=good["webhook-id"])
    both = f"{other['webhook-signature']} v1a,c2lnbmF0dXJl {good['webhook-signature']}"
    check("standard_webhooks", {**good, "webhook-signature": both})
    with pytest.raises(InvalidSignature):
        asymmetric = good["webhook-signature"].replace("v1,", "v1a,")
        check("standard_webhooks", {**good, "webhook-signature": asymmetric})
    rolled = SIGN["stripe"](SECRETS["stripe"], BODY)["Stripe-Signature"].replace(",v1=", f",v1={'0' * 64},v1=")
    check("stripe", {"Stripe-Signature": rolled})
    with pytest.raises(InvalidSignature):
        check("stripe", {"Stripe-Signature": rolled.replace("v1=", "v0=")})
    upper = SIGN["plain"](SECRETS["plain"], BODY)["X-Signature"].upper()
    check("plain", {"X-Signature": upper})
