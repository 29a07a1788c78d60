"""What is written down of a call, whatever the names: of a model, a tool, an agent, a retrieval."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Written = tuple[str, int, Json]


@dataclass(slots=True)
class Asked:
    """A call of a chat model. Messages are role and text, without the system prompt; tool calls are id, name, arguments
    and tools are JSON schemas of functions."""

    provider: str
    model: str
    version: str
    system: str | None
    messages: list[tuple[str, str]]
    answer: str
    tool_calls: list[tuple[str, str, Json]] = field(default_factory=list)
    tools: list[Json] = field(default_factory=list)
    schema: Json | None = None
    parameters: Json = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    finish: str = "stop"
    place: str = ""
    session: str | None = None
    user: str | None = None


@dataclass(slots=True)
class Used:
    """A call of a tool."""

    tool: str
    call_id: str
    arguments: Json
    result: Json
    description: str = ""


@dataclass(slots=True)
class Ran:
    """A run of an agent or a workflow; its usage repeats what its calls used."""

    agent: str
    kind: str
    given: str
    answered: str
    input_tokens: int
    output_tokens: int
    session: str | None = None
    user: str | None = None


@dataclass(slots=True)
class Found:
    """A search for passages."""

    source: str
    query: str
    passages: list[str]


@dataclass(slots=True)
class Embedded:
    """A call of an embedding model."""

    provider: str
    model: str
    text: str
    tokens: int
