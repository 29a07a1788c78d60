"""Features found in traces of simulated products that know what they are, and in public traces: how well they agree,
whether changes are noticed and explained, false alarms, and speed. Through the product: sent over OTLP day by day, each
day analysed by a job of kind `feature.analyze`, without any model.

    python -m tests.bench.bench_features       (BENCH_QUICK=1: two minutes, one seed)
    BENCH_PARTS="agreement causes speed public"    some of them
    BENCH_SEEDS="1 2 3"                     other seeds than those kept for reporting (100 and above)
    BENCH_PRODUCTS="shop office"            some of the products
    BENCH_MANY=100000                       traces that are analysed at once, for speed
    BENCH_A_DAY=700                         traces a day; twice as many where changes are put in
    BENCH_DETAILS=/path/to/file             what was split, mixed, missed and alarmed, for a person to read
    BENCH_TRACES=/path/to/traces            where the public traces lie

Unassigned traces count as clusters of their own. Noise (a tenth) is not part of the index; what became of it stands
beside it. A false alarm is any drift of a feature on a day, in runs in which nothing changed.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

from infra.dev.system import System
from tests.bench import public_traces
from tests.bench.agreement import Agreement, account, agreement
from tests.bench.field import Field, run
from tests.bench.injected import NOBODY, Alarms, Verdict, alarms, choose, verdicts
from tests.bench.lab import begin, lab, laboratory
from tests.bench.products import CAUSES, PRODUCTS, Change, product, sharing, traces
from tests.bench.report import QUICK, Table

SEEDS = [int(one) for one in os.environ.get("BENCH_SEEDS", "100" if QUICK else "100 101 102 103").split()]
SAMPLES = tuple(os.environ.get("BENCH_PRODUCTS", "shop" if QUICK else " ".join(PRODUCTS)).split())
A_DAY = int(os.environ.get("BENCH_A_DAY", 300 if QUICK else 700))
DAYS, CHANGED_DAYS, CHANGED_FROM = (4, 6, 3) if QUICK else (14, 14, 8)
CHANGED_A_DAY = 2 * A_DAY
MANY = int(os.environ.get("BENCH_MANY", 3_000 if QUICK else 100_000))
# All features are used enough for a change to be seen within days.
EVEN = 0.4
AT_ONCE = 2


def details(title: str, lines: Sequence[str]) -> None:
    """Written down for a person."""
    path = os.environ.get("BENCH_DETAILS")
    if path:
        with Path(path).open("a") as file:
            file.write(f"\n## {title}\n" + "\n".join(lines) + "\n")


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """The median, and from where to where."""
    return f"{median(values):{form}} ({min(values):{form}}–{max(values):{form}})" if values else "–"


def stable(running: System, name: str, seed: int) -> tuple[Agreement, Alarms]:
    """Some weeks in which nothing changes."""
    with lab(running) as ours:
        made = traces(name, seed, DAYS * A_DAY, start=begin(DAYS), days=DAYS)
        seen = ours.days(made)
        found, alarmed = agreement(ours.labels, seen, sharing(product(name))), alarms(ours, seen)
        details(f"{name}, seed {seed}: {found}", account(ours.labels, seen[-1].features, ours.names()))
        details(f"{name}, seed {seed}: {alarmed.alarmed} false alarms of {alarmed.windows}", alarmed.examples)
    print(f"features: {name} {seed}: {found} {alarmed.alarmed}/{alarmed.windows}", file=sys.stderr, flush=True)
    return found, alarmed


def how_well(running: System, table: Table) -> None:
    """Agreement with the labels, and false alarms."""
    wanted = [(name, seed) for name in SAMPLES for seed in SEEDS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda one: stable(running, *one), wanted))
    total = Alarms()
    for name in SAMPLES:
        found = [result for (one, _), (result, _) in zip(wanted, results, strict=True) if one == name]
        counted = f"{spread([one.features for one in found], '.0f')} features of {found[0].labels}"
        table.add(f"{name}: adjusted Rand index", spread([one.ari for one in found]), counted, goal="≥ 0.9")
        table.add("… among features behind one prompt and route", spread([one.hard for one in found]))
        v, left = (spread([getattr(one, field) for one in found]) for field in ("v", "unassigned"))
        noise, apart = (spread([getattr(one, field) for one in found]) for field in ("polluting", "apart"))
        table.add("… V-measure; unassigned", f"{v}; {left}")
        table.add("… noise put into features; into features of its own", f"{noise}; {apart}")
        table.add("… assignments that kept their id", spread([one.stable for one in found]))
    for _, alarmed in results:
        total += alarmed
    shown = f"{100 * total.alarmed / max(1, total.windows):.2f} % of {total.windows:,} feature-days"
    table.add("false drift alarms where nothing changes", shown, goal="≤ 2 %")


def changed(running: System, name: str, seed: int, changes: list[Change]) -> tuple[list[Verdict], Alarms]:
    """Two weeks with changes after the first."""
    with lab(running) as ours:
        count = CHANGED_DAYS * CHANGED_A_DAY
        start = begin(CHANGED_DAYS)
        seen = ours.days(traces(name, seed, count, start=start, days=CHANGED_DAYS, changes=changes, skew=EVEN))
        told, alarmed = verdicts(ours, seen, changes), alarms(ours, seen, changes)
    lines = [_line(one) for one in told]
    details(f"{name}, seed {seed}, with changes; {alarmed.alarmed} false alarms", [*lines, *alarmed.examples])
    print(f"features: {name} {seed}: changes", *lines, sep="\n  ", file=sys.stderr, flush=True)
    return told, alarmed


def planned() -> list[tuple[str, int, list[Change]]]:
    """Which product under which seed is changed how."""
    used: Counter[str] = Counter()
    first = begin(CHANGED_DAYS) + timedelta(days=CHANGED_FROM)
    span = (CHANGED_DAYS - CHANGED_FROM) / 3
    return [
        (name, seed, choose(name, Random(f"changes {name} {seed}"), first, span, used))
        for seed in SEEDS
        for name in SAMPLES
        if name != "travel"
    ]


def _line(one: Verdict) -> str:
    right = "right" if one.cause == one.change.cause else "WRONG"
    seen = f"{one.drift.signal} ({one.drift.confidence:.2f}) {one.drift.summary}" if one.drift else ""
    others = ", ".join(f"{other.signal} {other.cause}" for other in one.others)
    what = f"{one.change.kind} of {one.change.feature} at {one.change.at:%a %d}"
    return f"{right} {what}: {one.cause} after {one.days:.1f} days, {one.traces} traces: {seen} [{others}]"


def why(running: System, table: Table) -> None:
    """Root causes of injected changes."""
    told: list[Verdict] = []
    calm = Alarms()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for some, alarmed in pool.map(lambda one: changed(running, *one), planned()):
            told += some
            calm += alarmed
    for cause in dict.fromkeys(CAUSES.values()):
        _explained(table, cause, [one for one in told if one.change.cause == cause], goal="≥ 0.9")
    for kind in CAUSES:
        _explained(table, f"… {kind}", [one for one in told if one.change.kind == kind])
    share = 100 * calm.alarmed / max(1, calm.windows)
    table.add("alarms on features beside the changed ones", f"{share:.2f} % of {calm.windows:,} feature-days")


def _explained(table: Table, what: str, told: list[Verdict], goal: str = "") -> None:
    if not told:
        return
    right = sum(one.cause == one.change.cause for one in told)
    named = ", ".join(f"{cause} {n}" for cause, n in Counter(one.cause for one in told).most_common())
    noticed = [one for one in told if one.cause != NOBODY]
    delay = (
        f"{spread([one.days for one in noticed], '.1f')} days, {spread([one.traces for one in noticed], '.0f')} traces"
    )
    table.add(
        f"root cause {what}", f"{right / len(told):.2f} of {len(told)}: {named}", f"seen after {delay}", goal=goal
    )


def fast(running: System, table: Table) -> None:
    """One project's traces analysed at once, as a first analysis is; and its share of the work of each stage."""
    share = MANY // 3
    with lab(running) as ours:
        for name in ("shop", "devtools", "office"):
            ours.send(traces(name, SEEDS[0], share, start=begin(10), days=10))
        jobs = 0
        while (result := ours.analyse())["traces"]:
            jobs += 1
            print(f"features: {result['traces']} analysed, {ours.analysing:.0f} s", file=sys.stderr, flush=True)
        total, seconds = len(ours.labels), ours.analysing
        features = len(set(ours.features().values()) - {None})
    table.add(
        f"{total:,} traces analysed offline, one project",
        f"{seconds / 60:.1f} minutes, {total / seconds:,.0f} traces/s",
        f"{jobs} jobs, {features} features",
        goal="100,000 in ≤ 10 minutes",
    )
    for stage, rate in public_traces.stages(running, ours.project_id, min(5_000, total)).items():
        table.add(f"… {stage}, alone", f"{rate:,.0f} traces/s")
        print(f"features: {stage}: {rate:,.0f} traces/s", file=sys.stderr, flush=True)


def public(running: System, table: Table) -> None:
    """Traces that nobody of the project made."""
    public_traces.measure(running, table, details)


PARTS: dict[str, Callable[[System, Table], None]] = {
    "agreement": how_well,
    "causes": why,
    "speed": fast,
    "public": public,
}


def parts(table: Table, names: list[str]) -> None:
    """Each of them in one system."""
    with laboratory() as running:
        for name in names:
            began = time.monotonic()
            PARTS[name](running, table)
            print(f"features: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


async def measure(_: Field) -> Table:
    """All parts, or those that were named."""
    table = Table("Features")
    table.notes.append(f"Seeds {', '.join(map(str, SEEDS))}; median (least–most) over seeds; no model is asked.")
    names = os.environ.get("BENCH_PARTS", "").split() or list(PARTS)
    await asyncio.to_thread(parts, table, names)
    return table


if __name__ == "__main__":
    run(measure)
