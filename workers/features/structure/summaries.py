"""A trace as the analysis sees it: what was done, with which prompt, and what the user wanted in their own words."""

import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from infra import json
from models import ObservationKind, ObservationStatus
from workers.features.base import Call, Summary
from workers.features.structure import noise, prompts, skeleton, templates, words
from workers.features.structure.routes import Routes
from workers.traces.base import Message, Stored
from workers.traces.mapping.reading import texts_of

Json = dict[str, Any]

MOST_CALLS = 50
MOST_STEPS = 40
# A longer message may be a program's, with the user's words in it.
LONG_MESSAGE, SHORTEST = 200, 3
# Where a request holds what the user said, by the names that programs give it.
WORDS = ("question", "query", "input", "message", "prompt", "text", "content", "messages", "user_input", "goal", "task")
_BEFORE = (ObservationKind.RETRIEVAL, ObservationKind.RERANKER, ObservationKind.CHAIN, ObservationKind.AGENT)
_LABEL = re.compile(
    r"(?im)^[\s#*<\[]*(?:user(?:'s)? |the |customer )?"
    r"(?:question|query|request|input|message|user|human|task)[*\]>]*\s*:[*]*"
)


def summarise(observations: Sequence[Stored], routes: Routes | None = None, revision: int = 0) -> Summary:
    """What a trace was: its observations are in the order of their beginning, with bodies; at least one."""
    routes = routes or Routes()
    root = skeleton.root_of(observations)
    labels = {one.span_id: skeleton.label(one, routes) for one in observations}
    begun = skeleton.entry_of(observations, root)
    # Its path has what its route leaves out.
    labels[root.span_id] = labels[begun.span_id]
    entry = f"{begun.service or ''} {labels[begun.span_id]}".strip()
    calls = _calls(observations, labels)
    below = (one for one in observations if one is not root and one is not begun)
    steps = sorted({labels[one.span_id] for one in below if skeleton.is_step(one)})
    first = next((one for one in calls if one.texts.system), None)
    goal = words.goal(*_asked_for(observations, root, calls))
    tools = _tools(observations, labels, calls)
    prompt = prompts.key(first.texts.system) if first and first.texts.system else None
    return Summary(
        trace_id=root.trace_id,
        started_at=observations[0].started_at,
        duration_ms=_duration(observations),
        failed=root.status == ObservationStatus.ERROR,
        cost=_cost(observations),
        skeleton=_hash([entry, *steps[:MOST_STEPS]]),
        steps=steps[:MOST_STEPS],
        prompt=prompt,
        text=_text(goal, labels[begun.span_id], tools),
        goal=goal,
        session_id=next((one.session_id for one in observations if one.session_id), None),
        user_id=next((one.user_id for one in observations if one.user_id), None),
        calls=calls,
        revision=revision,
        details={
            "entry": entry,
            "tools": tools,
            "prompts": sorted({prompts.key(one.texts.system) for one in calls if one.texts.system}),
            "template": prompts.template(first.texts.system) if first and first.texts.system else None,
            "noise": not (calls or goal or tools) and noise.is_noise(begun, labels[begun.span_id]),
            "structured": any(one.texts.schema for one in calls),
            "answer": words.reply(_told(calls), goal),
        },
    )


def _calls(observations: Sequence[Stored], labels: dict[int, str]) -> list[Call]:
    called = [one for one in observations if one.kind == ObservationKind.GENERATION][:MOST_CALLS]
    if not called:
        return []
    # The model is not of the place: another one may be tried there.
    names = {one.span_id: labels[one.span_id] for one in observations}
    names.update((one.span_id, "chat") for one in called)
    ways = skeleton.ways(observations, names)
    return [Call(" > ".join(ways[one.span_id]), one, texts_of(one)) for one in called]


def _tools(observations: Sequence[Stored], labels: dict[int, str], calls: Sequence[Call]) -> list[str]:
    """What was used on the way: tools, also those that a model only asked for, retrievals and agents."""
    kinds = (ObservationKind.TOOL, ObservationKind.RETRIEVAL, ObservationKind.RERANKER)
    used = {labels[one.span_id] for one in observations if one.kind in kinds}
    for call in calls:
        for asked in call.texts.answer.tool_calls if call.texts.answer else ():
            used.add(f"tool {templates.name(str(asked.get('name') or ''))}")
    return sorted(used)[:MOST_STEPS]


def _asked_for(observations: Sequence[Stored], root: Stored, calls: Sequence[Call]) -> tuple[str, str]:
    """What the user said last before the first answer, and what they said before that."""
    said = next((one for call in calls if (one := _said(call.texts.messages))), None)
    if said is None:
        return words_of(texts_of(root).input), ""
    return _asked(observations, said[-1]), said[-2] if len(said) > 1 else ""


def _said(messages: Sequence[Message]) -> list[str]:
    return [one.text.strip() for one in messages if one.role == "user" and one.text.strip()]


def _asked(observations: Sequence[Stored], message: str) -> str:
    """The user's own words in a message to a model: programs put them between others, such as passages that were looked
    up. What was the input of a step before is what they said; else what stands last behind a label."""
    if len(message) < LONG_MESSAGE:
        return message
    for one in observations:
        if one.kind in _BEFORE or one.parent_id is None:
            asked = words_of(texts_of(one).input).strip()
            if SHORTEST <= len(asked) < len(message) and asked in message:
                return asked
    labelled = _LABEL.split(message)
    return labelled[-1].strip() if len(labelled) > 1 and len(labelled[-1].split()) > 1 else message


def words_of(value: Any, depth: int = 0) -> str:
    """What a person said in a request's body, as far as the names of its fields tell."""
    if isinstance(value, str):
        return _from_text(value, depth)
    if depth > 4:
        return ""
    if isinstance(value, list):
        said = [words_of(one, depth + 1) for one in value[-4:]]
        return next((one for one in reversed(said) if one), "")
    if isinstance(value, dict):
        if value.get("role") not in (None, "user", "human"):
            return ""
        for name in WORDS:
            found = words_of(value[name], depth + 1) if value.get(name) else ""
            if found:
                return found
        return next((found for one in value.values() if (found := words_of(one, depth + 1)).count(" ") > 1), "")
    return ""


def _from_text(text: str, depth: int) -> str:
    if text[:1] in "[{" and len(text) < 100_000:
        try:
            return words_of(json.read(text), depth + 1)
        except ValueError:
            return text
    return text


def _text(goal: str, root: str, tools: Sequence[str]) -> str:
    used = ", ".join(one.partition(" ")[2].replace("_", " ") for one in tools)
    return ". ".join(one for one in (goal.rstrip(" ."), root, used) if one)


def _told(calls: Sequence[Call]) -> str:
    """What the user was told in the end."""
    return next((one.texts.answer.text for one in reversed(calls) if one.texts.answer and one.texts.answer.text), "")


def _duration(observations: Sequence[Stored]) -> float:
    first = observations[0].started_at
    ends = max((one.started_at - first).total_seconds() * 1e3 + one.duration_us / 1e3 for one in observations)
    return round(ends, 3)


def _cost(observations: Sequence[Stored]) -> Decimal | None:
    """Of the calls of models; None where no price is known."""
    costs = [one.cost for one in observations if one.kind == ObservationKind.GENERATION and one.cost is not None]
    return sum(costs, Decimal(0)) if costs else None


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
