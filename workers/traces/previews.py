"""The beginnings of what a trace was asked and what it answered, for lists and for full text.

They are the root's own where it says them. Else the input is that of the trace's first call of a model and the output
that of its last: what the user said last, and what the model answered. A trace that calls no model and whose root is a
request over the network is not asked: those are many, and say nothing.
"""

from dataclasses import dataclass
from typing import Any

import structlog

from infra import json
from models import ObservationKind
from workers.traces.adding_up import Sum
from workers.traces.base import INTERNAL, Body, Message, Texts
from workers.traces.mapping.aliases import OF_A_TRACE, TEXTS
from workers.traces.mapping.aliases import first as first_of
from workers.traces.mapping.deriving import text
from workers.traces.mapping.reading import texts_of
from workers.traces.mapping.usage import unpacked

LONGEST = 500
MOST_TAGS = 50
# What full text reads: no language's stems, so that one way of searching fits all.
CONFIGURATION = "simple"

_NO_TEXTS = Texts()
_TELLING = frozenset(name for names in TEXTS.values() for name in names)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """What was asked and answered, each at most LONGEST characters; the name that the trace is given outright, if it is
    given one, and its tags."""

    input: str | None
    output: str | None
    name: str | None
    tags: list[str]


# Of a trace that nobody need be asked about.
NOTHING = Preview(None, None, None, [])


def is_mute(found: Sum) -> bool:
    """Whether a trace is not asked: it calls no model, and its root is a request over the network."""
    return found.first is None and found.root.kind == ObservationKind.SPAN and found.root.span_kind > INTERNAL


def preview(root: Body | None, first: Body | None, last: Body | None) -> Preview:
    """Of a trace whose root and first and last call these are; all with their bodies, None where there is none."""
    own = _texts(root)
    asked, answered = _asked(own), _answered(own)
    begin = own if asked or first is root else _texts(first)
    end = own if answered or last is root else begin if last is first and begin is not own else _texts(last)
    said = {} if root is None else root.attributes
    name = text(first_of(OF_A_TRACE["name"], said))
    return Preview(asked or _asked(begin), answered or _answered(end), name, _tags(first_of(OF_A_TRACE["tags"], said)))


def _tags(said: Any) -> list[str]:
    """Tags as a list, or as text: JSON, or with commas between them."""
    if isinstance(said, str):
        listed = unpacked(said)
        said = listed if isinstance(listed, list) else said.split(",")
    found = [text(one) for one in said[:MOST_TAGS]] if isinstance(said, list) else []
    return sorted({one for one in found if one})


def _texts(one: Body | None) -> Texts:
    """A span may say anything: one that cannot be read says nothing."""
    try:
        return _NO_TEXTS if one is None or _is_mute(one) else texts_of(one, talk_alone=True)
    except Exception as error:
        # Its text may quote what users said.
        log.error("traces.unreadable", error=type(error).__name__, mapping_version=one and one.mapping_version)
        return _NO_TEXTS


def _is_mute(one: Body) -> bool:
    """Whether it has nothing that texts are read from, as most spans."""
    return not one.events and _TELLING.isdisjoint(one.attributes) and not any(".0" in name for name in one.attributes)


def _asked(texts: Texts) -> str | None:
    said = [one.text for one in texts.messages if one.role == "user" and one.text.strip()]
    return _cut(said[-1]) if said else _shown(texts.input)


def _answered(texts: Texts) -> str | None:
    answer = texts.answer
    if answer is None:
        return _shown(texts.output)
    return _cut(answer.text) if answer.text.strip() else _called(answer) or _shown(texts.output)


def _called(answer: Message) -> str | None:
    return _shown(answer.tool_calls or None)


def _shown(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return _cut(value if isinstance(value, str) else json.dumps(value))


def _cut(text: str) -> str | None:
    text = text.strip()
    return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…") or None
