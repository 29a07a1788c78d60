"""Public traces that nobody of the project wrote: what instrumentations really send."""

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra import json
from infra.errors import SwitchyardError
from models import ObservationKind as Kind
from tests.workers.traces.mapping.making import kept
from workers.traces.base import Span, Texts
from workers.traces.decoding import json_form
from workers.traces.mapping.messages.plain import shown, unpacked
from workers.traces.mapping.reading import texts_of

Json = dict[str, Any]
Said = tuple[str, str, str]

DATA = Path(__file__).parents[5] / "shared" / "data" / "traces"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public traces are not on this machine")

ROLES = {"model": "assistant", "system": "system", "user": "user", "assistant": "assistant"}
# Of a payload's first span: (kind, provider, model, tokens in, out, cached), by the test that it comes from.
PAYLOADS = {
    "should convert an OpenLit OTel Span to Langfuse Events": (
        Kind.GENERATION, "openai", "gpt-3.5-turbo", 14, 96, None,
    ),
    "should convert a TraceLoop OTel Span to Langfuse Events": (
        Kind.GENERATION, "openai", "gpt-3.5-turbo-0125", 14, 173, None,
    ),
    "should convert a Genkit OTel span to Langfuse generation-create event": (
        Kind.GENERATION, "openai", "gpt-5-mini", 1618, 337, None,
    ),
    "should convert a Vercel AI SDK embedding span to Langfuse embedding-create event": (
        Kind.EMBEDDING, "gcp.gemini", "gemini-embedding-001", None, None, None,
    ),
    "should extract all Bedrock cache token types from Vercel AI SDK provider metadata": (
        Kind.GENERATION, "aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", 10216, 178, 4482,
    ),
    "should normalize official gen_ai cache usage into Langfuse canonical keys": (
        Kind.GENERATION, None, None, 100, 40, 20,
    ),
    "should extract usage details from both provider metadata and 'ai.usage'": (
        Kind.GENERATION, None, None, 18495, 445, 16399,
    ),
    "should map Pydantic AI tool call to TOOL observation type via gen_ai.tool.* attributes": (
        Kind.TOOL, None, None, None, None, None,
    ),
}  # fmt: skip


def payloads(*, canonical: bool) -> list[Json]:
    """Those that follow OTLP, or those that do not."""
    return [
        json.loads(line)
        for path in sorted((DATA / "genai-otlp-from-tests").glob("*.jsonl"))
        if ("not-canonical" not in path.name) == canonical
        for line in path.read_text().splitlines()
    ]


def decoded(otlp: Any) -> list[Span]:
    """The spans of an OTLP request."""
    return json_form.decode(json.dump_bytes(otlp)).spans


def test_each_payload_of_other_products_tests_is_read() -> None:
    found: dict[str, tuple[Any, ...]] = {}
    for payload in payloads(canonical=True):
        for one in decoded(payload["otlp"]):
            it = kept(one)
            texts_of(it)
            said = (it.kind, it.provider, it.model, it.input_tokens, it.output_tokens, it.cached_tokens)
            found.setdefault(payload["test"], said)
    assert {name: found[name] for name in PAYLOADS} == PAYLOADS


def test_what_is_no_otlp_is_survived() -> None:
    for payload in payloads(canonical=False):
        try:
            spans = decoded(payload["raw"])
        except SwitchyardError:
            continue
        for one in spans:
            texts_of(kept(one))


def test_plain_web_traces_are_spans_without_cost() -> None:
    with gzip.open(DATA / "http-capture" / "capture.otlp-json.jsonl.gz", "rt") as file:
        spans = decoded(json.loads(next(iter(file))))
    assert spans and {kept(one).kind for one in spans} == {Kind.SPAN}
    assert all(kept(one).model is None and kept(one).cost is None for one in spans)


def test_the_kinds_are_those_that_the_exports_say() -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    for path in sorted((DATA / "otlp-reconstructed").glob("langfuse-*.otlp.json")):
        for one in json_form.decode(path.read_bytes()).spans:
            kinds[one.attributes["langfuse.observation.type"].lower(), kept(one).kind] += 1
    told = {pair: count for pair, count in kinds.items() if pair[0] not in ("span", pair[1])}
    assert told == {} and kinds["generation", Kind.GENERATION] == 42


def wanted(message: Any) -> Said | None:
    """A message that the export's own reader finds, as (role, text, calls)."""
    inner: Json = message["json"] if isinstance(message.get("json"), dict) else {}
    said: Json = inner["message"] if isinstance(inner.get("message"), dict) and "role" not in message else message
    if not isinstance(said.get("role"), str):
        return None
    content, calls = said.get("content", inner.get("text")), list(said.get("tool_calls") or [])
    words: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict) and part.get("type") == "tool_use":
            calls.append({"name": part["name"], "arguments": part["input"]})
        elif isinstance(part, dict) and "text" in part:
            words.append(part["text"])
        else:
            words.append(shown(part))
    text = unpacked("\n".join(words))
    if isinstance(text, list) and all(isinstance(one, dict) and "function" in one for one in text):
        # One framework writes its calls as text; ours are calls.
        return compared("assistant", "", [one["function"] for one in text])
    return compared(ROLES.get(said["role"], "tool"), text, calls)


def compared(role: str, text: Any, calls: list[Json]) -> Said:
    """Without whitespace and the form of JSON."""
    told = [f"{one['name']}({shown(unpacked(one.get('arguments')))})" for one in calls]
    return role, "".join(shown(unpacked(text)).split()), "".join(sorted(told))


def found_in(texts: Texts) -> set[Said]:
    """All that was read, a call of several also alone."""
    found = {compared("system", one, []) for one in (texts.system or "").split("\n\n")}
    found.add(compared("system", texts.system or "", []))
    for one in (*texts.messages, *([texts.answer] if texts.answer else [])):
        found.add(compared(one.role, one.text, one.tool_calls))
        found |= {compared(one.role, "", [call]) for call in one.tool_calls}
    return found


def test_nearly_all_messages_of_the_frameworks_are_recovered() -> None:
    """What Google's frameworks say in the user's role as a tool's result is the tool's here."""
    expected, missing = 0, []
    for path in sorted((DATA / "langfuse-framework-traces").glob("*.chatml.json")):
        name = path.name.removesuffix(".chatml.json")
        spans = json_form.decode((DATA / "otlp-reconstructed" / f"langfuse-{name}.otlp.json").read_bytes()).spans
        by_id = {one.span_id.hex(): one for one in spans}
        for id, sides in json.loads(path.read_bytes()).items():
            told = [message for side in sides.values() if side["success"] for message in side["data"]]
            found = found_in(texts_of(kept(by_id[id]))) if told else set()
            for said in filter(None, map(wanted, told)):
                expected += 1
                as_tool = ("tool", said[1], said[2])
                missing += [(name, said)] if said not in found and as_tool not in found else []
    assert expected == 166 and len(missing) <= 2, missing
