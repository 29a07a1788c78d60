"""What the sandbox says: from tool results, from context, or about what it was told; JSON if it must be JSON."""

import re
from typing import Any

import orjson

from workers.providers import sandbox_judging
from workers.providers.base import CompletionRequest
from workers.providers.sandbox_schema import instance

Json = dict[str, Any]

NAME = "[sandbox]"
LONGEST_QUOTE = 300
SENTENCES = 3
SLOW_SENTENCES = 40
# How our own retrieval, and most of what people write, marks context in a message: tags, or a heading line.
_TAGS = ("context", "documents", "document", "sources", "source")
_HEADING = re.compile(r"[^\w\n]{0,8}(?:context|sources?|documents?|knowledge|retrieved[\w ]{0,40})[^\w\n]{0,4}:", re.I)
_QUESTION = re.compile(r"[^\w\n]{0,8}(?:question|user)[^\w\n]{0,4}:\s*", re.I)
# How workers/knowledge/answering.py begins a source.
_SOURCE = re.compile(r"\s*(\[\d{1,3}\]) — ")
# A line that goes on in the next one.
_WRAPPED = re.compile(r"(?<=[^.!?:\n])\n(?=[a-zß-ÿ])")
_COMMON = frozenset(
    re.findall(
        r"\w+", "a an and are as at be by can do does for from how i in is it me my of on or that the this to was"
    )
)


def text(request: CompletionRequest) -> str:
    """The answer's text."""
    said = _plain(request)
    form = request.response_format or {}
    if form.get("type") == "json_schema":
        judged = sandbox_judging.verdict(request.messages)
        if judged is not None:
            return orjson.dumps(judged).decode()
        schema = form["json_schema"].get("schema", {})
        return orjson.dumps(instance(schema, text=f"{NAME} {question(request)[:80]}".strip())).decode()
    if form.get("type") == "json_object":
        return orjson.dumps({"sandbox": True, "answer": said}).decode()
    return said


def _plain(request: CompletionRequest) -> str:
    results = _tool_results(request.messages)
    if results:
        return f"{NAME} The tool answered: {' '.join(results)[:LONGEST_QUOTE]}"
    asked = question(request)
    context = _context(request.messages)
    if context:
        found = _relevant(context, asked)
        return f"{NAME} {found}" if found else f"{NAME} The given context does not say."
    pictures = sum(len(_parts(message, "image_url")) for message in request.messages)
    seen = f" I was shown {pictures} image{'s' if pictures > 1 else ''} that I cannot see." if pictures else ""
    if request.model == "sandbox/slow":
        talk = " ".join(f"This is sentence {number} of a long answer." for number in range(1, SLOW_SENTENCES + 1))
        return f'{NAME} You said: "{asked[:LONGEST_QUOTE]}".{seen} {talk}'
    return f'{NAME} You said: "{asked[:LONGEST_QUOTE]}".{seen} This is the offline sandbox model; no AI was called.'


def question(request: CompletionRequest) -> str:
    """The last thing the user said, without the context around it."""
    for message in reversed(request.messages):
        if message["role"] == "user":
            said = _said(message)
            return _parted(said)[1] or said
    return ""


def wanted_tool(request: CompletionRequest) -> Json | None:
    """The function to call: the one `tool_choice` demands, or the one the user names or asks to use."""
    tools: list[Json] = [tool["function"] for tool in request.tools or () if tool.get("function")]
    choice = request.tool_choice
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        return next((tool for tool in tools if tool["name"] == name), None)
    if choice == "required":
        return tools[0]
    if request.messages[-1]["role"] == "tool":
        return None
    asked = question(request).lower()
    named = next((tool for tool in tools if tool["name"].lower() in asked), None)
    spoken = next((tool for tool in tools if tool["name"].lower().replace("_", " ") in asked), None)
    asks = re.search(r"\b(use|call|run|invoke)\b.{0,40}\b(tools?|functions?)\b", asked)
    return named or spoken or (tools[0] if asks else None)


def arguments(tool: Json, request: CompletionRequest) -> Any:
    """Valid arguments for the function; free text is what the user asked."""
    return instance(tool.get("parameters") or {"type": "object"}, text=question(request)[:80] or "sandbox")


def _tool_results(messages: list[Json]) -> list[str]:
    """What the tools said since the model's last turn."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, _said(message))
    return results


def _context(messages: list[Json]) -> str:
    speakers = ("system", "developer", "user")
    return "\n".join(_parted(_said(message))[0] for message in messages if message["role"] in speakers).strip()


def _parted(said: str) -> tuple[str, str]:
    """A message's context, and the rest of it; in linear time, whatever it is."""
    context: list[str] = []
    for tag in _TAGS:
        found, said = _untagged(said, tag)
        context += found
    rest: list[str] = []
    inside = False
    for line in said.split("\n"):
        heading, asks = _HEADING.match(line), _QUESTION.match(line)
        if heading or asks:
            inside = heading is not None
            line = line[(heading or asks).end() :]  # type: ignore[union-attr]
        (context if inside else rest).append(line)
    return "\n".join(context).strip(), "\n".join(rest).strip()


def _untagged(said: str, tag: str) -> tuple[list[str], str]:
    """What stands between `<tag …>` and `</tag>`, and the text without it."""
    lower, found, rest, at = said.lower(), [], [], 0
    while (start := lower.find(f"<{tag}", at)) >= 0:
        opened = lower.find(">", start)
        end = lower.find(f"</{tag}>", opened)
        if opened < 0 or end < 0:
            break
        found.append(said[opened + 1 : end])
        rest.append(said[at:start])
        at = end + len(tag) + 3
    rest.append(said[at:])
    return found, "".join(rest)


def _relevant(context: str, asked: str) -> str:
    """The sentences of the context that share most words with the question, in their order, each with the number of
    its source if it has one."""
    wanted = _vocabulary(asked)
    sentences, source = [], ""
    for each in re.split(r"(?<=[.!?])\s+(?!\[\d)|\n+", _WRAPPED.sub(" ", context)):
        mark = _SOURCE.match(each)
        if mark:
            source = f" {mark[1]}"
        elif each.strip():
            sentences.append(each.strip() + source)
    scored = sorted(((len(wanted & _vocabulary(each)), -number) for number, each in enumerate(sentences)), reverse=True)
    best = sorted(-number for score, number in scored[:SENTENCES] if score)
    return " ".join(sentences[number] for number in best)


def _vocabulary(said: str) -> set[str]:
    return {word for word in re.findall(r"\w+", said.lower()) if word not in _COMMON}


def _said(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in _parts(message, "text"))


def _parts(message: Json, kind: str) -> list[Json]:
    content = message.get("content")
    return [part for part in content if part.get("type") == kind] if isinstance(content, list) else []
