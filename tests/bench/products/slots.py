"""Texts with <slots>, and what is put into them: names, numbers, dates, things of the product's world."""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from random import Random

from tests.bench.products.declared import FOLDER

SLOT = re.compile(r"<([a-z]+\d?)>")
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@cache
def parts(text: str) -> tuple[str, ...]:
    """What lies between the slots, and their names, in turns."""
    return tuple(SLOT.split(text))


@cache
def lists() -> dict[str, list[str]]:
    """Values by the slot's name, as slots.toml has them."""
    found: dict[str, list[str]] = tomllib.loads((FOLDER / "slots.toml").read_text())
    return {name: values for name, values in found.items() if name != "synonyms"}


@cache
def synonyms() -> dict[str, list[str]]:
    """Words of about the same meaning, by the word."""
    found: dict[str, list[str]] = tomllib.loads((FOLDER / "slots.toml").read_text())["synonyms"]
    return found


def _date(rng: Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(lists()["month"])
    return rng.choice((f"{day} {month}", f"{month} {day}", f"{day}/{rng.randint(1, 12)}", f"the {day}th"))


DRAWN: dict[str, Callable[[Random], str]] = {
    "order": lambda rng: f"{rng.choice(('#', '', 'SY-', 'no. '))}{rng.randint(10_000, 999_999)}",
    "sku": lambda rng: f"{rng.choice(LETTERS)}{rng.choice(LETTERS)}{rng.randint(1000, 9999)}",
    "amount": lambda rng: f"{rng.choice('€$£')}{rng.randint(3, 900)}.{rng.choice(('00', '50', '90', '99'))}",
    "number": lambda rng: str(rng.randint(2, 40)),
    "big": lambda rng: f"{rng.randint(1_000, 90_000):,}",
    "percent": lambda rng: f"{rng.choice((5, 10, 15, 20, 25, 30, 50))}%",
    "code": lambda rng: rng.choice(("SAVE", "HELLO", "SUMMER", "VIP", "APP", "XMAS")) + str(rng.randint(5, 30)),
    "date": _date,
    "email": lambda rng: f"{rng.choice(lists()['name']).lower()}{rng.randint(1, 99)}@{rng.choice(lists()['mail'])}",
    "year": lambda rng: str(rng.randint(2014, 2026)),
    "time": lambda rng: f"{rng.randint(0, 23)}:{rng.choice(('00', '15', '30', '45'))}",
    "pnr": lambda rng: "".join(rng.choices(LETTERS, k=6)),
    "flight": lambda rng: f"{rng.choice(('BA', 'LH', 'AF', 'KL', 'SK', 'UA'))}{rng.randint(100, 2999)}",
    "id": lambda rng: f"{rng.getrandbits(64):016x}",
    "uuid": lambda rng: (lambda h: f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}")(
        f"{rng.getrandbits(128):032x}"
    ),
    "pr": lambda rng: str(rng.randint(100, 9000)),
    "ticket": lambda rng: f"{rng.choice(('OPS', 'WEB', 'PAY', 'APP', 'DATA'))}-{rng.randint(10, 9999)}",
    "version": lambda rng: f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 12)}",
    "sha": lambda rng: f"{rng.getrandbits(28):07x}",
    "phone": lambda rng: f"+{rng.randint(1, 49)} {rng.randint(100, 999)} {rng.randint(100_000, 999_999)}",
}


class Slots:
    """The values of one trace: what is mentioned twice is the same thing."""

    __slots__ = ("known", "rng")

    def __init__(self, rng: Random, **known: str) -> None:
        self.rng, self.known = rng, known

    def __getitem__(self, name: str) -> str:
        value = self.known.get(name)
        if value is None:
            kind = name.rstrip("0123456789")
            if kind == "snippet":
                return self._snippet()
            drawn = DRAWN.get(kind)
            value = drawn(self.rng) if drawn else self.rng.choice(lists()[kind])
            self.known[name] = value
        return value

    def _snippet(self) -> str:
        """Some lines of a program, as editors send what is selected."""
        shapes = lists()["code"]
        lines = (Slots(self.rng).fill(self.rng.choice(shapes)) for _ in range(self.rng.randint(1, 8)))
        return "```\n" + "\n".join(lines) + "\n```"

    def fill(self, text: str) -> str:
        """The text with its slots filled."""
        pieces = parts(text)
        if len(pieces) == 1:
            return text
        return "".join(self[piece] if at % 2 else piece for at, piece in enumerate(pieces))
