"""What a drift says to people: a sentence, both sides, and how two prompts differ."""

import re
from difflib import unified_diff
from typing import Any
from uuid import UUID

from infra import json
from models import DriftSignal, FeaturePrompt
from workers.features.drift.normalising import shown
from workers.features.drift.sites import LOOSE, MODEL, TEMPLATE, TOOLS, Change, Site
from workers.features.drift.windows import Seen

Json = dict[str, Any]

# Lines of a diff end where sentences do, if they are longer than this.
WIDE = 100
LONGEST_DIFF = 20_000
LONGEST_TEMPLATE = 20_000
_SENTENCE = re.compile(r"(?<=[.!?;:]) +")


def difference(before: str, after: str) -> str | None:
    """A unified diff of two texts by lines, long ones cut at the ends of sentences; None if they are alike."""
    old, new = _lines(shown(before)), _lines(shown(after))
    found = "\n".join(unified_diff(old, new, "before", "after", lineterm="", n=2))
    return found[:LONGEST_DIFF] or None


def _lines(text: str) -> list[str]:
    made: list[str] = []
    for line in text.split("\n"):
        made += _SENTENCE.split(line) if len(line) > WIDE else [line]
    return made


def side(site: Site, prompt_id: str | None, parts: dict[str, Json]) -> Json:
    """One side of a change of a prompt; `parts` has the values of parameters and tools by their keys."""
    found = next((one for one in site.prompts.values() if one["id"] == prompt_id), None)
    if found is None:
        return {}
    template = site.text(found["template"])
    return {
        "prompt_id": f"{FeaturePrompt.prefix}_{found['id']}",
        "template": None if template is None else shown(template)[:LONGEST_TEMPLATE],
        "provider": found["provider"],
        "model": found["model"] or None,
        "parameters": parts["parameters"].get(found["parameters"]) or {},
        "tools": [one.get("name") for one in parts["tools"].get(found["tools"]) or []],
    }


def diff_of(change: Change, before: Json, after: Json, tools: tuple[Any, Any]) -> str | None:
    """How the prompts differ; where only tools or parameters do, how those do."""
    if change.parts == (LOOSE,) or (TEMPLATE in change.parts and before.get("template") != after.get("template")):
        return difference(before.get("template") or "", after.get("template") or "")
    if change.parts[0] == MODEL:
        return None
    sides = tools if TOOLS in change.parts else (before.get("parameters"), after.get("parameters"))
    return difference(*(_written(one) for one in sides))


def _written(value: Any) -> str:
    items = value if isinstance(value, list) else [{name: one} for name, one in (value or {}).items()]
    return "\n".join(json.dumps(one) for one in items)


def of_change(change: Change, site: str, before: Json, after: Json) -> str:
    """What happened to a prompt."""
    if change.parts == (LOOSE,):
        return f"Nearly each call at {site} has a system prompt of its own now; there was one template."
    if not change.switch.known:
        return f"The prompt at {site} changed after {before.get('seen') or 'few'} uses, too few to compare with."
    if change.parts == (MODEL,):
        return f"The model at {site} changed from {before.get('model')} to {after.get('model')}; the prompt did not."
    names = {"template": "system prompt", "model": "model", "parameters": "parameters", "tools": "tools"}
    what = " and ".join(names[one] for one in change.parts)
    return f"The {what} at {site} changed."


def of_signal(signal: DriftSignal, seen: Seen) -> str:
    """What happened to a signal."""
    before, after, effect = seen.compared.before, seen.compared.after, seen.compared.effect
    shares = {
        DriftSignal.ERROR_RATE: "failed traces",
        DriftSignal.REFUSAL_RATE: "refusals",
        DriftSignal.SCHEMA_VALIDITY: "answers that break their JSON schema",
    }
    if signal in shares:
        return f"The share of {shares[signal]} rose from {before:.1%} to {after:.1%}."
    if signal == DriftSignal.LATENCY:
        which = "95th percentile of the duration" if seen.tail else "duration"
        return f"The {which} rose from {before:,.0f} ms to {after:,.0f} ms."
    if signal == DriftSignal.COST:
        return f"The cost of a trace rose from ${before:.6g} to ${after:.6g}."
    if signal == DriftSignal.OUTPUT_LENGTH:
        way = "longer" if effect > 1 else "shorter"
        return f"Answers became {way}: from {before:,.0f} to {after:,.0f} characters."
    what = "What users ask for" if signal == DriftSignal.INPUT_MEANING else "What is answered"
    return f"{what} moved by {effect:.0%} of its usual variance."


def figures(signal: DriftSignal, seen: Seen, since: str) -> Json:
    """A test's figures, as JSON."""
    compared = seen.compared
    measure = {
        DriftSignal.LATENCY: "p95_ms" if seen.tail else "geometric_mean_ms",
        DriftSignal.COST: "geometric_mean_usd",
        DriftSignal.OUTPUT_LENGTH: "geometric_mean_characters",
        DriftSignal.INPUT_MEANING: "distance",
        DriftSignal.OUTPUT_MEANING: "distance",
    }.get(signal, "share")
    return {
        "measure": measure,
        "before": _figure(compared.before),
        "after": _figure(compared.after),
        "n_before": compared.n_before,
        "n_after": compared.n_after,
        "effect": _figure(compared.effect),
        "p": _figure(compared.p),
        "q": _figure(seen.q),
        "since": since,
    }


def _figure(value: float) -> float:
    return float(f"{value:.4g}")


def trace_ids(hexes: list[str]) -> list[str]:
    """As clients see them."""
    return [f"trace_{UUID(one).hex}" for one in hexes]
