"""What a span was for."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from models import ObservationKind

SPAN, GENERATION, EMBEDDING = ObservationKind.SPAN, ObservationKind.GENERATION, ObservationKind.EMBEDDING
RETRIEVAL, RERANKER, TOOL = ObservationKind.RETRIEVAL, ObservationKind.RERANKER, ObservationKind.TOOL
AGENT, CHAIN, GUARDRAIL = ObservationKind.AGENT, ObservationKind.CHAIN, ObservationKind.GUARDRAIL
EVALUATOR, EVENT = ObservationKind.EVALUATOR, ObservationKind.EVENT

# Every vocabulary's words; they agree where they meet. SPAN is said to be nothing more, which another name may know.
_WORDS = {
    SPAN: "span default unknown task step prompt parser ui",
    EVENT: "event",
    GENERATION: """generation llm chat chat_model completion text_completion generate_content call_llm response model
      generate image_generation speech transcription ai.generatetext.dogenerate ai.streamtext.dostream
      ai.generateobject.dogenerate ai.streamobject.dostream""",
    EMBEDDING: """embedding embeddings embed embedder ai.embed.doembed ai.embedmany.doembed""",
    RETRIEVAL: """retrieval retriever retrieve rag search pinecone chroma chromadb qdrant weaviate milvus marqo
      lancedb vespa""",
    RERANKER: "reranker rerank ai.rerank.dorerank",
    TOOL: "tool execute_tool function tool_call ai.toolcall",
    AGENT: "agent invoke_agent create_agent",
    # The Vercel SDK's outer spans repeat the usage of the calls within them.
    CHAIN: """chain workflow invoke_workflow plan flow flowstep util ai.generatetext ai.streamtext ai.generateobject
      ai.streamobject ai.embed ai.embedmany ai.rerank""",
    GUARDRAIL: "guardrail",
    EVALUATOR: "evaluator evaluation evaluate",
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words.split()}

# OpenTelemetry's word for what such a span does, where it does not say it.
OPERATIONS = {
    GENERATION: "chat",
    EMBEDDING: "embeddings",
    RETRIEVAL: "retrieval",
    RERANKER: "rerank",
    TOOL: "execute_tool",
    AGENT: "invoke_agent",
    CHAIN: "invoke_workflow",
}

_CONVENTIONAL = frozenset(OPERATIONS.values()) | {"text_completion", "generate_content", "create_agent", "plan"}

_MARKED = (
    ("tool", TOOL),
    ("retrieval", RETRIEVAL),
    ("reranker", RERANKER),
    ("embedding", EMBEDDING),
    ("agent", AGENT),
    ("generation", GENERATION),
    ("model", GENERATION),
    ("input_tokens", GENERATION),
    ("output_tokens", GENERATION),
    ("usage_object", GENERATION),
    ("weak_agent", AGENT),
    ("told", CHAIN),
)
_STRONG = 6


# By convention a span is named after its operation; other words are too common to mean that.
_NAMES = ("invoke_agent ", "create_agent ", "execute_tool ", "generate_content ", "text_completion ")


def by_name(name: str) -> bool:
    """Whether a span's name says its kind."""
    return name.startswith(_NAMES)


def kind_of(named: Iterable[Any], given: dict[str, Any]) -> ObservationKind:
    """The kind: by what names it, the best name first; else by what the span carries, `given` by field; else a span.

    A word more special than "span" wins over it, whoever says it; so does what only a tool, an agent or a call of a
    model carries, while a model's name alone does not.
    """
    said = False
    for value in named:
        kind = known(value) if type(value) is str else None
        if kind is not None and kind is not SPAN:
            return kind
        said = said or kind is SPAN
    for field, kind in _MARKED[:_STRONG] if said else _MARKED:
        if field in given:
            return _by_model(kind, given)
    return SPAN


def operation_of(kind: ObservationKind, said: str | None) -> str | None:
    """What the span does in OpenTelemetry's words, where they have one; else in its own."""
    return said if said in _CONVENTIONAL else OPERATIONS.get(kind, said)


@lru_cache(maxsize=4096)
def known(word: str) -> ObservationKind | None:
    """The kind that a word means: `"LLM"`, `"ai.embed.doEmbed my-function"`, `"\\"CHAT_MODEL\\""`; None if none."""
    words = word[:200].strip('" ').lower().split()
    return _KINDS.get(words[0]) if words else None


def _by_model(kind: ObservationKind, given: dict[str, Any]) -> ObservationKind:
    """What calls a model whose name says that it embeds, embeds."""
    model = given.get("model")
    if kind is GENERATION and type(model) is str and "embed" in model and "output_tokens" not in given:
        return EMBEDDING
    return kind
