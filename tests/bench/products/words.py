"""What users write: a phrase of a bank, as people write it."""

from collections.abc import Sequence
from random import Random

from tests.bench.products.declared import Feature
from tests.bench.products.slots import Slots, lists, synonyms

REPORTING = 100
HELD_OUT = 0.75
REWORDED, TWICE, DETAILED = 0.35, 0.15, 0.35
LEFT_OUT = {"the", "a", "my", "please", "is", "do", "i"}
JOINTS = (". ", ", ", " and ", " - ", "? ", "\n")


def bank(feature: Feature, seed: int, rng: Random) -> list[str]:
    """The phrases in which this feature's users speak under this seed: most of bank a for tuning, and for reporting
    mostly what tuning has never seen."""
    first, second = list(feature.says.get("a", [])), list(feature.says.get("b", []))
    if not first:
        return []
    if seed < REPORTING:
        return rng.sample(first, max(1, round(len(first) * 0.85)))
    known = max(1, round(len(second) * (1 - HELD_OUT) / HELD_OUT))
    return second + rng.sample(first, min(known, len(first)))


def spoken(phrases: Sequence[str], slots: Slots, details: Sequence[str] = (), *, voice: bool = False) -> str:
    """One of the phrases, now and then two, with some of the details, in somebody's words and manner: other words of
    the same meaning, greetings, stories, thanks, capitals, typos; `voice`: as a transcription."""
    rng = slots.rng
    said = slots.fill(reworded(rng.choice(phrases), rng))
    if rng.random() < TWICE:
        said = f"{said}{rng.choice(JOINTS)}{slots.fill(reworded(rng.choice(phrases), rng))}"
    if details and rng.random() < DETAILED:
        detail = slots.fill(rng.choice(details))
        said = f"{said} {detail}" if rng.random() < 0.6 or "\n" in said else f"{detail} {said}"
    if rng.random() < 0.12:
        said = f"{slots.fill(rng.choice(lists()['story']))} {said}"
    if rng.random() < 0.3:
        said = f"{rng.choice(lists()['opener'])} {said}"
    if rng.random() < 0.25:
        said = f"{said} {slots.fill(rng.choice(lists()['closer']))}"
    return _transcribed(said, rng) if voice else _written(said, rng)


def reworded(phrase: str, rng: Random) -> str:
    """The phrase with some words changed for others that mean about the same, and now and then one left out."""
    words = phrase.split(" ")
    for at, word in enumerate(words):
        bare = word.strip(",.?!:").lower()
        if bare in synonyms() and rng.random() < REWORDED:
            words[at] = word.replace(word.strip(",.?!:"), rng.choice(synonyms()[bare]))
        elif bare in LEFT_OUT and rng.random() < 0.15:
            words[at] = ""
    return " ".join(word for word in words if word)


def _written(said: str, rng: Random) -> str:
    style = rng.random()
    if style < 0.35:
        said = said.lower()
    elif style < 0.36:
        said = said.upper()
    if rng.random() < 0.2:
        said = said.rstrip("?.! ")
    return mistyped(said, rng) if rng.random() < 0.18 else said


def mistyped(text: str, rng: Random) -> str:
    """One or two slips of the finger."""
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(max(1, len(text) - 1))
        slip = rng.randrange(3)
        if slip == 0:
            text = text[:at] + text[at + 1 :]
        elif slip == 1:
            text = text[: at + 1] + text[at:]
        else:
            text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
    return text


def _transcribed(text: str, rng: Random) -> str:
    """Lower case, no punctuation, a few sounds."""
    words = "".join(letter for letter in text.lower() if letter not in ".,!?;:#").split()
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        words.insert(rng.randrange(len(words) + 1), rng.choice(("um", "uh", "like", "well", "you know", "so")))
    return " ".join(words)
