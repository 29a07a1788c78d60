"""Seeded streams of traces: stationary, with heavy tails and a daily rhythm, or changed from one trace on."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from models import DriftSignal
from workers.features.drift import windows
from workers.features.drift.windows import Reference, Series

BEGIN = datetime(2026, 9, 7, tzinfo=UTC)
TOPICS = 6
NOISE = 0.8


def stream(
    seed: int,
    count: int,
    *,
    change: str = "",
    at: int = 0,
    per_day: float = 400,
    rhythm: float = 0.0,
    session: int = 1,
) -> Series:
    """So many traces; `rhythm` is how far durations go up and down in a day (of their logarithm), `session` how many
    traces in a row are about the same."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.uniform(0, count / per_day, count))
    later = np.arange(count) >= at
    duration = np.log(900) + 0.5 * rng.standard_normal(count) + rhythm * np.sin(2 * np.pi * days)
    heavy = rng.random(count) < 0.03
    duration[heavy] += np.log1p(rng.pareto(1.1, heavy.sum()))
    values = {
        DriftSignal.ERROR_RATE: rng.random(count) < np.where(later & (change == "errors"), 0.06, 0.01),
        DriftSignal.REFUSAL_RATE: rng.random(count) < np.where(later & (change == "refusals"), 0.10, 0.02),
        DriftSignal.SCHEMA_VALIDITY: rng.random(count) < 0.005,
        DriftSignal.LATENCY: duration + np.log(1.5) * (later & (change == "slower")),
        DriftSignal.COST: np.log(0.002) + 0.5 * rng.standard_normal(count)
        + np.log(1.3) * (later & (change == "dearer")),
        DriftSignal.OUTPUT_LENGTH: np.log(400) + 0.45 * rng.standard_normal(count)
        + np.log(1.4) * (later & (change == "longer")),
    }  # fmt: skip
    topics = np.repeat(rng.integers(0, TOPICS, count), session)[:count]
    texts = {
        DriftSignal.INPUT_MEANING: _texts(rng, np.where(later & (change == "intent"), TOPICS, topics)),
        DriftSignal.OUTPUT_MEANING: _texts(rng, np.where(later & (change == "style"), TOPICS, topics)),
    }
    fresh = np.arange(count) % session == 0
    for one in texts.values():
        one[~fresh] = np.nan
    return Series(
        [UUID(int=number) for number in range(count)],
        [BEGIN + timedelta(days=float(one)) for one in days],
        {signal: one.astype(np.float64) for signal, one in values.items()},
        texts,
    )


def _texts(rng: np.random.Generator, topics: np.ndarray) -> np.ndarray:
    middles = rng.standard_normal((TOPICS + 1, 64)) / 8 * NOISE
    made = middles[topics] + rng.standard_normal((len(topics), 64)) / 8 * NOISE
    sketches: np.ndarray = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return sketches


def alarms(series: Series, *, start: int = 0) -> Iterator[tuple[int, DriftSignal]]:
    """Where which signal counts, as watching.py counts it: at looks enough, and abruptly; each stretch once."""
    streaks: Mapping[DriftSignal, int] = {}
    told: set[DriftSignal] = set()
    kept: Reference | None = None
    for end in windows.steps(start, len(series)):
        made = windows.reference(series, end)
        if made is None:
            continue
        kept = kept if kept and (kept.start, kept.end) == (made.start, made.end) else made
        seen = windows.look(series, end, kept)
        out = {signal: one for signal, one in seen.items() if windows.stands_out(signal, one)}
        streaks = {signal: streaks.get(signal, 0) + 1 for signal in out}
        told &= out.keys()
        for signal, one in out.items():
            enough = signal not in told and streaks[signal] >= windows.holds(signal, one)
            if enough and windows.is_abrupt(series, signal, end, one, kept):
                told.add(signal)
                yield end, signal
