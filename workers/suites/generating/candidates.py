"""Values at the bounds of plain schemas and outside of them, each with the keyword and the reason."""

import math
import string
from random import Random
from typing import Any, NamedTuple

from infra import json
from workers.suites.generating.views import types_of

Json = dict[str, Any]

# JSON text of a value: longer ones are not worth a case.
LONGEST = 20_000
MOST_ENUM = 12
SHORTEST_EMAIL = 26
FORMATS_WRONG = {
    "email": "not-an-email",
    "uuid": "not-a-uuid",
    "date": "not-a-date",
    "date-time": "not-a-date-time",
    "time": "not-a-time",
    "ipv4": "999.0.0.1",
    "ipv6": "not-an-address",
    "uri": "not a uri",
}
NAMED = {"minLength": "least length", "maxLength": "greatest length"}


NOTHING: Any = object()


class Candidate(NamedTuple):
    """A value and why it is one: `said` goes after the place's name, as `is 101, above its maximum of 100`."""

    value: Any
    keyword: str
    said: str
    rank: int = 0


def enumerated(plain: Json) -> list[Candidate]:
    """The values of an enum."""
    values = plain.get("enum")
    if not isinstance(values, list):
        return []
    return [Candidate(one, "enum", f"is {brief(one)}, one of its values") for one in values[:MOST_ENUM]]


def numbers_inside(plain: Json, integer: bool) -> list[Candidate]:
    """The least and the greatest number."""
    found = []
    least, most, _, _ = number_bounds(plain, integer)
    if least is not None:
        found.append(Candidate(least, "minimum", f"is {json.dumps(least)}, the least that it may be"))
    if most is not None:
        found.append(Candidate(most, "maximum", f"is {json.dumps(most)}, the most that it may be"))
    return found


def numbers_outside(plain: Json) -> list[Candidate]:
    """Numbers just below and above the bounds, and between multiples."""
    integer = "integer" in types_of(plain)
    _, _, below, above = number_bounds(plain, integer)
    found = []
    if below is not None:
        found.append(
            Candidate(below, "minimum", f"is {json.dumps(below)}, below its minimum of {_bound(plain, 'inimum')}")
        )
    if above is not None:
        found.append(
            Candidate(above, "maximum", f"is {json.dumps(above)}, above its maximum of {_bound(plain, 'aximum')}")
        )
    step = plain.get("multipleOf")
    if isinstance(step, int | float) and step > 0 and step != 1:
        low, _, _, _ = number_bounds(plain, integer)
        base = math.ceil((low or 0) / step) * step
        odd = base + (1 if integer else step / 2)
        found.append(Candidate(odd, "multipleOf", f"is {json.dumps(odd)}, no multiple of {step}"))
    return found


def _bound(plain: Json, ending: str) -> str:
    first = "m" if f"m{ending}" in plain else "exclusiveM"
    found = plain.get(f"{first}{ending}")
    return f"{found} (exclusive)" if first != "m" else f"{found}"


def texts_outside(plain: Json, random: Random, valid: Any) -> list[Candidate]:
    """Texts that are too long, too short, or of another form."""
    least, most = length_bounds(plain)
    found = []
    if most is not None and most < LONGEST:
        found.append(
            Candidate(_longer(valid, most + 1, random), "maxLength",
                      f"has {most + 1} characters, more than its greatest length of {most}")
        )  # fmt: skip
    if least:
        value = (valid if isinstance(valid, str) else "")[: least - 1] or letters(random, least - 1)
        found.append(
            Candidate(value, "minLength", f"has {least - 1} characters, fewer than its least length of {least}")
        )
    if isinstance(plain.get("pattern"), str):
        tries = [f"{valid}!" if isinstance(valid, str) else "!", "!not valid!", "###", "abc", "123", "A b"]
        found += [
            Candidate(one, "pattern", f"is {brief(one)}, which does not match {plain['pattern']}") for one in tries
        ]
    if plain.get("format") in FORMATS_WRONG:
        wrong = FORMATS_WRONG[plain["format"]]
        found.append(Candidate(wrong, "format", f"is {brief(wrong)}, which is no {plain['format']}"))
    return found


def _longer(valid: Any, length: int, random: Random) -> str:
    """The text with so many characters: an address stays one."""
    text = valid if isinstance(valid, str) else ""
    if "@" in text and len(text) < length:
        name, _, host = text.partition("@")
        return f"{name}{letters(random, length - len(text))}@{host}"
    return text[:length] + letters(random, max(0, length - len(text)))


def number_bounds(plain: Json, integer: bool) -> tuple[Any, Any, Any, Any]:
    """The least and the most that it may be, and what is just below and above; None where there is no bound."""
    step: Any = plain.get("multipleOf")
    step = step if isinstance(step, int | float) and step > 0 else 1 if integer else 0.01
    least, most, under, over = (_numeric(plain.get(name))
                                for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"))  # fmt: skip
    low = below = high = above = None
    if least is not None and (under is None or least > under):
        low, below = (math.ceil(least / step) * step if integer else least), least - step
    elif under is not None:
        low, below = _tidy(under + step), under
    if most is not None and (over is None or most < over):
        high, above = (math.floor(most / step) * step if integer else most), most + step
    elif over is not None:
        high, above = _tidy(over - step), over
    return low, high, _tidy(below), _tidy(above)


def _tidy(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _numeric(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 else None


def whole_number(value: Any) -> int | None:
    """The count in a keyword such as maxItems, or None."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def length_bounds(plain: Json) -> tuple[int | None, int | None]:
    """minLength and maxLength."""
    return whole_number(plain.get("minLength")), whole_number(plain.get("maxLength"))


def email(random: Random, length: int) -> str:
    """An address of that length, 26 at least, which begins with 20 letters."""
    name, rest = letters(random, 20), length - len("@.com") - 20
    host = letters(random, min(rest, 60))
    while len(host) < rest:
        more = min(60, rest - len(host) - 1)
        host = f"{host}.{letters(random, more)}" if more > 0 else f"{host}x"
    return f"{name}@{host}.com"


def letters(random: Random, count: int) -> str:
    """So many small letters."""
    return "".join(random.choices(string.ascii_lowercase, k=max(0, count)))


def json_text(value: Any) -> str | None:
    """The JSON text of a value that is not too long; None of what is, or cannot be written."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return None
    return text if len(text) <= LONGEST else None


def brief(value: Any) -> str:
    """A value for a sentence."""
    text = json_text(value) or "…"
    return text if len(text) <= 60 else f"{text[:57]}…"
