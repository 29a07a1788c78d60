"""LiteLLM's proxy beside Switchyard, on the same provider. LiteLLM is installed apart, never into our environment:

    python3.11 -m venv /tmp/litellm-venv && /tmp/litellm-venv/bin/pip install 'litellm[proxy]'
    LITELLM_VENV=/tmp/litellm-venv python -m tests.bench.bench_peers

LiteLLM runs with 2 workers, one master key, no database, logging and retries off. It answers with the completion and
keeps nothing; Switchyard's figure is durable submits, whose completions its workers deliver later.
"""

import json
import os
import secrets
from functools import partial
from pathlib import Path

from infra.dev.ports import free_port, listening
from tests.bench.bench_latency import FIRST_TOKEN_MODEL, added, asked, direct, direct_stream
from tests.bench.bench_submit import burst
from tests.bench.field import Field, run
from tests.bench.load import Client, HttpError, Run, many
from tests.bench.report import Table, alternately, middle, rounds, size
from tests.bench.servers import Alone, until
from tests.bench.systems import memory

VENV = Path(os.environ.get("LITELLM_VENV", "/tmp/litellm-venv"))
CLIENTS, REQUESTS, TIMES = 32, 400, 30


class LiteLLM(Alone):
    """The proxy in its best settings."""

    def __init__(self, provider: str) -> None:
        super().__init__("litellm")
        models = ("fast", FIRST_TOKEN_MODEL)
        config = {
            "model_list": [
                {
                    "model_name": model,
                    "litellm_params": {"model": f"openai/{model}", "api_base": provider, "api_key": "bench"},
                }
                for model in models
            ],
            "litellm_settings": {"num_retries": 0, "set_verbose": False, "turn_off_message_logging": True},
            "general_settings": {"disable_spend_logs": True},
        }
        file = self.folder / "config.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        options = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "2"]
        self.key = f"sk-{secrets.token_hex(16)}"
        environment = {
            "LITELLM_MASTER_KEY": self.key,
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        environment |= {"PATH": f"{VENV / 'bin'}:{os.environ['PATH']}"}
        self.process = self.start("litellm", [str(VENV / "bin/litellm"), *options], port, environment)
        until(lambda: listening(port), "LiteLLM", 60)

    def client(self) -> Client:
        return Client(self.url, self.key)

    async def burst(self, total: int) -> Run:
        body = asked("fast", stream=False)

        async def one(client: Client, _: int) -> None:
            status, content = await client.request("POST", "/chat/completions", body)
            if status != 200:
                raise HttpError(f"{status}: {content[:200]!r}")

        return await many(CLIENTS, total, self.client, one)


async def measure(field: Field) -> Table:
    table = Table("LiteLLM proxy (2 workers, no database)")
    if not (VENV / "bin/litellm").exists():
        table.notes.append(
            f"LiteLLM is not installed. python3.11 -m venv {VENV} && {VENV}/bin/pip install 'litellm[proxy]'"
        )
        return table
    ours = await field.ours()
    with LiteLLM(field.provider.url) as peer:
        await peer.burst(64)
        total = size(REQUESTS)
        mine, theirs = await alternately(
            rounds(), partial(burst, ours, CLIENTS, total * 4) if ours else None, partial(peer.burst, total)
        )
        rate, other = middle([r.rate for r in mine]), middle([r.rate for r in theirs])
        table.add(f"requests/s, {CLIENTS} clients", f"{rate:.0f}/s", f"LiteLLM {other:.0f}/s", rate / other, "≥ 5×")
        table.failures(*mine, *theirs)
        provider, proxy = Client(field.provider.url), peer.client()
        bare, through, first, first_through = [], [], [], []
        for _ in range(size(TIMES)):
            bare.append(await direct(provider, "fast"))
            through.append(await direct(proxy, "fast"))
            first.append((await direct_stream(provider, FIRST_TOKEN_MODEL))[0])
            first_through.append((await direct_stream(proxy, FIRST_TOKEN_MODEL))[0])
        provider.close()
        proxy.close()
        see = "see “Added by the queue”"
        table.add("added to a call, 1 client, p50 / p95", see, f"LiteLLM {added(through, bare)}")
        table.add("added to the first token, p50 / p95", see, f"LiteLLM {added(first_through, first)}")
        total_memory = f"{sum(memory([*ours.api, *ours.workers])):.0f} MB" if ours else "–"
        table.add("memory, all processes", total_memory, f"LiteLLM {sum(memory([peer.process])):.0f} MB")
    return table


if __name__ == "__main__":
    run(measure)
