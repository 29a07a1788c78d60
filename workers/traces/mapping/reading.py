"""What was said in an observation: instructions, conversation, answer, tools; of every kind its input and output.

Never raises, whatever the attributes hold; what is very large is cut or left as text.
"""

from typing import Any

from models import ObservationKind
from workers.traces.base import Body, Message, Stored, Texts
from workers.traces.mapping.messages import requests
from workers.traces.mapping.messages.parts import tool_calls
from workers.traces.mapping.messages.plain import Json, get, shown, unpacked
from workers.traces.mapping.messages.shapes import Said, conversation, instructions, system_text
from workers.traces.mapping.messages.sources import Source

_REFUSALS = frozenset((
    "content_filter", "content_filtered", "contentfilter", "refusal", "refused", "safety", "blocked", "blocklist",
    "prohibited_content", "spii", "recitation", "guardrail_intervened", "sensitive", "image_safety",
))  # fmt: skip
_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_OF_EVENT = ("content", "tool_calls", "role", "finish_reason", "refusal", "id")


def texts_of(stored: Stored | Body, *, talk_alone: bool = False) -> Texts:
    """All that was said, as far as attributes and events tell; with `talk_alone` what goes with a call of a model is
    left out (`system`, `parameters`, `tools`, `schema`, why it ended), which is half the work."""
    source = Source(stored)
    texts = Texts(input=source.value("input"), output=source.value("output"))
    match stored.kind:
        case ObservationKind.TOOL:
            _tool(texts, source)
        case ObservationKind.RETRIEVAL | ObservationKind.RERANKER:
            _retrieval(texts, source)
        case ObservationKind.EMBEDDING:
            _embedding(texts, source)
        case _:
            loose = stored.kind == ObservationKind.GENERATION
            said, answered = _apart(_asked(source, loose), _answered(source, loose))
            _talk(texts, said, answered)
            if not talk_alone:
                _call(texts, source, said, answered, loose=loose)
    return texts


def _talk(texts: Texts, said: list[Said], answered: list[Said]) -> None:
    found = [one.message for one in said]
    texts.messages = [message for message in found if message.role != "system"]
    texts.answer = _merged(answered)
    if texts.input is None and found:
        texts.input = [_shown(message) for message in found]
    if texts.output is None and texts.answer is not None:
        texts.output = texts.answer.text or [_shown(texts.answer)]


def _call(texts: Texts, source: Source, said: list[Said], answered: list[Said], *, loose: bool) -> None:
    told = [one.message.text for one in said if one.message.role == "system" and one.message.text]
    texts.system = _system(source) or "\n\n".join(told) or None
    asked_with = [*source.values("parameters"), *source.values("request")] if loose else source.values("parameters")
    texts.parameters = requests.parameters(source.attributes, asked_with)
    texts.tools = requests.tools([*source.values("tools"), *source.lists("indexed_tools")], asked_with)
    texts.schema = requests.schema(source.value("schema"), asked_with)
    texts.finish_reason = _finish_reason(source, answered)
    texts.refused = _refused(texts.finish_reason, answered)


def _asked(source: Source, loose: bool) -> list[Said]:
    """The conversation by the best source that tells one: today's attribute, lists by index, events, all the rest."""
    told = source.value("conversation")
    for value in (told, *_with_roles(source.lists("indexed_conversation"), "user")):
        found = conversation(value, role="user", loose=False)
        if found:
            return found
    found = _of_events(source)
    if found:
        return found
    for strict in (False, True) if loose else (False,):
        for value in source.values("request"):
            found = conversation(value, role="user", loose=strict)
            if found:
                return found
    return []


def _answered(source: Source, loose: bool) -> list[Said]:
    for value in (source.value("answer"), *_with_roles(source.lists("indexed_answer"), "assistant")):
        found = conversation(value, role="assistant", loose=False)
        if found:
            return found
    text, calls = source.value("response_text"), tool_calls(source.value("response_calls"))
    if text is not None or calls:
        return [Said(Message("assistant", shown(text), calls))]
    found = [one for event in source.named("gen_ai.choice") for one in _of_event(event, "assistant")]
    for event in source.named("gen_ai.content.completion") if not found else ():
        found += conversation(get(event["attributes"], "gen_ai.completion"), role="assistant", loose=True)
    if found:
        return found[:1]
    for strict in (False, True) if loose else (False,):
        for value in source.values("response"):
            found = conversation(value, role="assistant", loose=strict)
            if found:
                return found
    return []


def _with_roles(lists: list[list[Any]], role: str) -> list[list[Any]]:
    """Lists of messages, of which those that say no role have this one."""
    return [[_with_role(one, role) for one in value] for value in lists]


def _with_role(value: Any, role: str) -> Any:
    if not isinstance(value, dict) or value.get("role"):
        return value
    inner = value.get("message")
    if isinstance(inner, dict):
        return value if inner.get("role") else {**value, "message": {**inner, "role": role}}
    return {**value, "role": role}


def _of_events(source: Source) -> list[Said]:
    found = []
    for event in source.events:
        role = _EVENT_ROLES.get(str(event.get("name")))
        if role is not None:
            found += _of_event(event, role)
    if not found:
        for event in source.named("gen_ai.content.prompt"):
            found += conversation(get(event["attributes"], "gen_ai.prompt"), role="user", loose=True)
    return found


def _of_event(event: Json, role: str) -> list[Said]:
    """An event of a message says its parts as attributes, some of them as JSON."""
    attributes = event["attributes"]
    inner = unpacked(attributes.get("message"))
    said = {**attributes, **(inner if isinstance(inner, dict) else {})}
    if isinstance(inner, (str, list)) and "content" not in said:
        said["content"] = inner
    said = {
        name: said[name] for name in ("content", "tool_calls", "role", "finish_reason", "refusal", "id") if name in said
    }
    said.setdefault("content", "")
    stated = said.get("role")
    if not (isinstance(stated, str) and stated in ("system", "developer", "user", "assistant", "tool")):
        said["role"] = role
    return conversation([said], role=role, loose=False)


def _apart(said: list[Said], answered: list[Said]) -> tuple[list[Said], list[Said]]:
    """The conversation until the answer, and the answer: an agent may tell both in one list, or its steps with its
    answer. The answer is what comes after the last message of somebody else."""
    if not answered and len(said) > 1 and said[-1].message.role == "assistant":
        return said[:-1], said[-1:]
    after = max((at + 1 for at, one in enumerate(answered) if one.message.role != "assistant"), default=0)
    if after == len(answered):
        after = max(0, after - 1)
    steps, answered = answered[:after], answered[after:]
    if said and answered and said[-1].message == answered[-1].message:
        said = said[:-1]
    shorter = min(len(said), len(steps))
    if [one.message for one in said[:shorter]] == [one.message for one in steps[:shorter]]:
        return max(said, steps, key=len), answered
    return said + steps, answered


def _merged(answered: list[Said]) -> Message | None:
    """One answer: of several choices the first's words; what came in pieces is joined."""
    if not answered:
        return None
    first = answered[0]
    if len(answered) == 1:
        return first.message
    pieces = [one.message.text for one in answered if one.message.text]
    streamed = len(pieces) > 4 and sum(map(len, pieces)) < 24 * len(pieces)
    calls = [call for one in answered for call in one.message.tool_calls]
    if first.finish_reason is not None:
        pieces = pieces[:1]
    return Message(first.message.role, ("" if streamed else "\n").join(pieces), calls)


def _system(source: Source) -> str | None:
    given = source.value("system")
    if given is not None:
        return system_text(given)
    for field in ("request", "parameters", "response"):
        for value in source.values(field):
            found = instructions(value) if isinstance(value, dict) else None
            if found:
                return found
    return None


def _finish_reason(source: Source, answered: list[Said]) -> str | None:
    given = source.value("finish_reason")
    if given is None:
        for event in source.named("gen_ai.choice"):
            given = given or event["attributes"].get("finish_reason")
    if isinstance(given, list):
        given = next((one for one in given if isinstance(one, str) and one), None)
    if not isinstance(given, str):
        given = next((one.finish_reason for one in answered if one.finish_reason), None)
    return given[:100].lower() if given else None


def _refused(reason: str | None, answered: list[Said]) -> bool:
    word = (reason or "").lower().rpartition(".")[2].replace("-", "_")
    return word in _REFUSALS or any(one.refused for one in answered)


def _shown(message: Message) -> Json:
    said: Json = {"role": message.role, "content": message.text}
    return {**said, "tool_calls": message.tool_calls} if message.tool_calls else said


def _tool(texts: Texts, source: Source) -> None:
    name = source.value("tool")
    spoken = source.stored.name.removeprefix("execute_tool ").removeprefix("running tool: ")
    texts.tool = name if isinstance(name, str) else spoken
    for field, given in (("input", "tool_input"), ("output", "tool_output")):
        value = source.value(given)
        if value is not None:
            setattr(texts, field, value)
    if texts.input is None:
        texts.input = source.value("tool_input_perhaps")
    for field, event in (("input", "gen_ai.tool.message"), ("output", "gen_ai.choice")):
        for told in source.named(event) if getattr(texts, field) is None else ():
            setattr(texts, field, unpacked(get(told["attributes"], "content", "message")))


def _retrieval(texts: Texts, source: Source) -> None:
    query = source.value("query")
    if query is not None:
        texts.input = query
    lists = source.lists("documents")
    documents = lists[0] if lists else source.value("documents")
    if isinstance(documents, list) and documents:
        texts.output = [_document(one) for one in documents]


def _document(value: Any) -> Any:
    inner = get(value, "document")
    said = inner if isinstance(inner, dict) else value
    if not isinstance(said, dict):
        return said
    renamed = {name.removeprefix("document."): one for name, one in said.items() if isinstance(name, str)}
    return {name: unpacked(one) for name, one in renamed.items()}


def _embedding(texts: Texts, source: Source) -> None:
    for spelt in source.lists("embedded") if texts.input is None else ():
        texts.input = [get(get(one, "embedding") or one, "text") for one in spelt]
    if texts.input is None:
        # One SDK tells what is embedded as messages.
        told = conversation(source.value("conversation"), role="user", loose=False)
        texts.input = [one.message.text for one in told] or None
    # Vectors are no text.
    texts.output = None
