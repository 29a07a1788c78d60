"""Simulated products as their files in data/ declare them."""

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Prompt:
    """A prompt of the product, with <slots> in its text. `variants` are live side by side from the beginning; `small`
    is an edit of a few words (old, new), `large` is another text for the same purpose."""

    name: str
    text: str
    model: str
    small: tuple[str, str]
    large: str
    variants: tuple[str, ...] = ()
    parameters: Json = field(default_factory=dict)
    schema: Json | None = None


@dataclass(frozen=True)
class Feature:
    """What users do: `flow` is the shape of its traces (flows.py), `root` how they begin (`POST /path`, `job name`,
    `queue name`, `none name`). `says` are the users' words (a: tuning, b: held out, other: other languages) or `input`
    names a kind of text (prose.py); `shifted` are the words of other intents. `tools` are name and how often. Without
    `routed` a span has its path alone; a `machine` writes without any manners."""

    name: str
    flow: str
    root: str
    family: str
    service: str
    prompt: str | None = None
    says: dict[str, list[str]] = field(default_factory=dict)
    input: str | None = None
    shifted: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    tools: tuple[tuple[str, float], ...] = ()
    steps: tuple[str, ...] = ()
    wraps: str = ""
    retrieval: bool = False
    milliseconds: float = 900.0
    routed: bool = True
    machine: bool = False
    turns: float = 1.0


@dataclass(frozen=True)
class Product:
    """Its features and prompts; `odd` questions are asked at the entrances of `odd_features`, `details` are what people
    add to what they want, whatever it is."""

    name: str
    features: dict[str, Feature]
    prompts: dict[str, Prompt]
    odd: tuple[str, ...]
    odd_features: tuple[str, ...]
    details: tuple[str, ...]
    probes: tuple[str, ...]
    described: dict[str, str]


def sharing(whole: Product) -> set[str]:
    """The features that share their prompt with others."""
    used = Counter(one.prompt for one in whole.features.values() if one.prompt)
    return {one.name for one in whole.features.values() if one.prompt and used[one.prompt] > 1}


BANKS = ("a", "b", "other")
TUPLES = ("shifted", "answers", "steps")


@cache
def product(name: str) -> Product:
    """The product of that name."""
    said = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    return Product(
        name=name,
        features={key: _feature(key, one, said) for key, one in said["features"].items()},
        prompts={key: _prompt(key, one) for key, one in said["prompts"].items()},
        odd=tuple(said["odd"]),
        odd_features=tuple(said["odd_features"]),
        details=tuple(said["details"]),
        probes=tuple(said["probes"]),
        described=said["tools"],
    )


def _feature(name: str, said: Json, whole: Json) -> Feature:
    rest: Json = {key: value for key, value in said.items() if key not in (*BANKS, *TUPLES, "tools")}
    defaults: Json = {"family": whole["family"], "service": whole["service"]}
    return Feature(
        name=name,
        says={bank: said[bank] for bank in BANKS if bank in said},
        tools=tuple((tool, float(often)) for tool, often in said.get("tools", [])),
        **{**defaults, **rest, **{key: tuple(said[key]) for key in TUPLES if key in said}},
    )


def _prompt(name: str, said: Json) -> Prompt:
    old, new = said["small"]
    assert old in said["text"], f"{name}: its small edit replaces what is not there"
    variants = tuple(said.get("variants", ()))
    return Prompt(**{**said, "name": name, "small": (old, new), "variants": variants})
