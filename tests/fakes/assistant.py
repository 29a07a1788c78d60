"""A shop's assistant, as a team would write and trace it: stock OpenTelemetry SDK, stock OTLP exporter, GenAI
conventions. `POST /chat {"session", "message"}` answers; `assistant.instructions` is its system prompt.

What it says is made up by rule: it is here to be traced, and to be tested.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

Json = dict[str, Any]

INSTRUCTIONS = (
    "You are the assistant of a garden shop.\n"
    "Answer in two sentences at most.\n"
    "Never promise a delivery date that the tools do not give.\n"
    "The customer's name is {name}. Today is {today}."
)
MODEL = "gpt-4o-mini"


def order_status(message: str) -> tuple[Json, str]:
    """Where an order is."""
    number = "".join(filter(str.isdigit, message)) or "4711"
    return {"order": number}, f"Order {number} left our warehouse yesterday and is on its way."


def refund(message: str) -> tuple[Json, str]:
    """Money back."""
    return {"reason": message[:40]}, "I have started the refund; the money is back within five days."


def plant_care(message: str) -> tuple[Json, str]:
    """Advice, from what the shop has written."""
    return {"query": message}, "Water it once a week, and keep it out of the midday sun."


TOOLS: dict[str, Callable[[str], tuple[Json, str]]] = {
    "get_order_status": order_status,
    "start_refund": refund,
    "search_plant_guide": plant_care,
}
_WORDS = {"refund": "start_refund", "money": "start_refund", "return": "start_refund", "order": "get_order_status"}
_WORDS |= {"parcel": "get_order_status", "delivery": "get_order_status"}


class Assistant:
    """The server, in a thread of its own: `with Assistant(url, key) as assistant:`; its spans go to `url`."""

    def __init__(self, url: str, api_key: str) -> None:
        self.instructions = INSTRUCTIONS
        self.provider = TracerProvider(resource=Resource.create({"service.name": "garden-assistant"}))
        exporter = OTLPSpanExporter(f"{url}/otlp/v1/traces", headers={"Authorization": f"Bearer {api_key}"})
        self.provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
        self.tracer = self.provider.get_tracer("garden.assistant", "2.1.0")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.provider.shutdown()

    def sent(self) -> None:
        """Waits until what was traced so far has been sent."""
        assert self.provider.force_flush(10_000)

    def chat(self, session: str, message: str, *, name: str = "Ada", today: str = "2026-11-21") -> str:
        """One turn, traced as the SDK's users trace it."""
        attributes = {"http.request.method": "POST", "http.route": "/chat", "session.id": session}
        with self.tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=attributes) as span:
            system = self.instructions.format(name=name, today=today)
            asked = [{"role": "system", "content": system}, {"role": "user", "content": message}]
            tool = next((one for word, one in _WORDS.items() if word in message.lower()), "search_plant_guide")
            arguments, said = TOOLS[tool](message)
            self._ask(asked, "", [{"function": {"name": tool, "arguments": json.dumps(arguments)}}])
            with self.tracer.start_as_current_span(f"execute_tool {tool}") as called:
                called.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool})
                called.set_attribute("gen_ai.tool.call.arguments", json.dumps(arguments))
            self._ask([*asked, {"role": "tool", "content": said}], said, [])
            span.set_attribute("http.response.status_code", 200)
        return said

    def _ask(self, messages: list[Json], said: str, calls: list[Json]) -> None:
        with self.tracer.start_as_current_span(f"chat {MODEL}", kind=SpanKind.CLIENT) as span:
            answer = {"role": "assistant", "content": said, **({"tool_calls": calls} if calls else {})}
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": MODEL,
                    "gen_ai.response.model": MODEL,
                    "gen_ai.request.temperature": 0.2,
                    "gen_ai.usage.input_tokens": sum(len(one["content"]) for one in messages) // 4,
                    "gen_ai.usage.output_tokens": 20 + len(said) // 4,
                    "gen_ai.input.messages": json.dumps(messages),
                    "gen_ai.output.messages": json.dumps([answer]),
                }
            )

    def _handler(assistant) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps({"answer": assistant.chat(asked["session"], asked["message"])}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
