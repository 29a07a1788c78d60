"""Secrets are found in every form in which they leave, and nothing else is touched."""

import base64
import html
import json
import re
from time import perf_counter
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from workers.suites.steps.redaction import Redactor

SECRETS = {
    "plain": "hunter2hunter2", "keys": "🔑🔑🔑🔑",
    "odd": 'p&s "q" <\\>/ß\n+', "token": "eyJhbGciOi.J9-_x", "pin": "4711",
}  # fmt: skip
# As System.Text.Json writes them.
DOT_NET = {
    SECRETS["odd"]: r"p\u0026s \u0022q\u0022 \u003C\\\u003E/\u00DF\n\u002B",
    SECRETS["keys"]: r"\uD83D\uDD11\uD83D\uDD11\uD83D\uDD11\uD83D\uDD11",
}


def forms(secret: str) -> dict[str, str]:
    raw = secret.encode()
    return {
        "raw": secret,
        "url": quote(secret, safe=""),
        "lower": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "plus": quote_plus(secret),
        "form": urlencode({"a": secret}),
        "json": json.dumps(secret),
        "utf-8 json": json.dumps(secret, ensure_ascii=False),
        "slashes": json.dumps(secret).replace("/", "\\/"),
        "twice": json.dumps(json.dumps(secret)),
        "twice in an address": quote(quote(secret, safe=""), safe=""),
        "json in an address": quote(json.dumps(secret, ensure_ascii=False)),
        "go": re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(secret, ensure_ascii=False)),
        ".net": DOT_NET.get(secret, secret),
        "repr": repr(secret),
        "repr of bytes": repr(raw),
        "repr of more": repr(f"['\"{secret}"),
        "html": html.escape(secret),
        "xml": html.escape(secret).encode("ascii", "xmlcharrefreplace").decode(),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        **{f"base64 {n}": base64.b64encode(b"u" * n + b":" + raw + b"!" * n).decode() for n in range(4)},
        **{f"base64url {n}": base64.urlsafe_b64encode(b"u" * n + raw).decode().rstrip("=") for n in range(4)},
    }


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_in_every_form(name: str) -> None:
    redactor, secret = Redactor(SECRETS), SECRETS[name]
    for form, text in forms(secret).items():
        clean = redactor.text(f"before {text} after")
        assert f"(secret:{name})" in clean, form
        assert clean.startswith("before ") and clean.endswith(" after")
        assert redactor.bytes(f"before {text} after".encode()).decode().count(f"(secret:{name})") == 1, form
        found = redactor.json({"a": [1, {text: f"<{text}>"}]})
        assert text not in json.dumps(found, ensure_ascii=False), form


def test_the_name_and_password_of_basic_authentication_are_found_wherever_they_stand() -> None:
    redactor = Redactor({"password": "correct horse"})
    for user in ("", "a", "ab", "abc", "abcd"):
        for after in ("", "x", "xy"):
            header = base64.b64encode(f"{user}:correct horse{after}".encode()).decode()
            assert "(secret:password)" in redactor.text(f"Basic {header}"), (user, after)


def test_what_has_no_secret_in_it_comes_back_as_it_was() -> None:
    value = {"a": ["text", 1, None, True, 1.5], "b": {"c": "hunter"}}
    assert Redactor(SECRETS).json(value) is value and Redactor().json(value) is value
    assert Redactor(SECRETS).text("hunter3") == "hunter3" and Redactor(SECRETS).bytes(b"\xff") == b"\xff"


def test_numbers_and_names_of_members_are_looked_at() -> None:
    found = Redactor(SECRETS).json({"pin": 4711, "4711": [47110, True, 12]})
    assert found == {"pin": "(secret:pin)", "(secret:pin)": ["(secret:pin)0", True, 12]}


def test_a_short_secret_is_taken_out_where_it_is_a_whole_value() -> None:
    redactor = Redactor({"short": "abc", "none": ""})
    assert redactor.json(["abc", "abcd", "", {"abc": 1}]) == ["(secret:short)", "abcd", "", {"(secret:short)": 1}]
    assert redactor.text("abc") == "(secret:short)" and redactor.text("xabc") == "xabc"


def test_of_two_secrets_the_longer_goes_whole() -> None:
    redactor = Redactor({"a": "abcdef", "b": "abcdefghi", "c": "secret"})
    assert redactor.text("abcdefghi abcdef secret") == "(secret:b) (secret:a) (secret:c)"


def test_what_is_learnt_is_secret_from_then_on_and_one_redactor_can_stand_upon_another() -> None:
    run = Redactor({"a": "first-secret"})
    mine = Redactor(also=run)
    mine.learn("second-secret")
    mine.learn("second-secret")
    run.learn("third-secret")
    text = "first-secret second-secret third-secret"
    assert mine.text(text) == "(secret:a) (secret) (secret)"
    assert mine.json({"x": text}) == {"x": "(secret:a) (secret) (secret)"}
    assert mine.bytes(text.encode()) == b"(secret:a) (secret) (secret)"
    assert run.text(text) == "(secret:a) second-secret (secret)"


def test_the_beginning_of_a_secret_at_a_cut_goes() -> None:
    redactor = Redactor({"a": "first-secret"})
    assert redactor.cut(b"x first-sec") == b"x " and redactor.cut(b"x fir") == b"x fir"
    assert Redactor(also=redactor).cut(b"y first") == b"y "


def test_the_beginning_of_a_secret_goes_where_a_text_was_cut() -> None:
    redactor = Redactor({"a": "first-secret"}, also=Redactor({"b": 'other "secret"'}))
    assert redactor.text('got "first-sec…", other \\"secr… and firs… or fir…') == 'got "…", … and … or fir…'
    assert redactor.json(["x first-se… (90 characters)"]) == ["x … (90 characters)"]
    assert redactor.text("first-sec, and more") == "first-sec, and more"


def test_many_secrets_cost_little() -> None:
    redactor = Redactor({f"s{number}": f"secret-value-{number}" for number in range(50)})
    value: Any = {"body": "x" * 60_000, "headers": [["a", "b"]] * 50}
    begun = perf_counter()
    for _ in range(10):
        assert redactor.json(value) is value
    assert (perf_counter() - begun) / 10 < 0.1


def test_of_secrets_that_pass_the_newest_are_known_and_learning_costs_little() -> None:
    redactor = Redactor({"a": "first-secret"})
    redactor.learn("for-ever-secret")
    begun = perf_counter()
    for number in range(1000):
        redactor.learn(f"token-{number:05}", passing=True)
    assert perf_counter() - begun < 2
    assert redactor.text("first-secret for-ever-secret token-00999 token-00850") == (
        "(secret:a) (secret) (secret) (secret)"
    )
    assert redactor.text("token-00000") == "token-00000"
    redactor.learn("token-00000", passing=True)
    assert redactor.text("token-00000") == "(secret)"
