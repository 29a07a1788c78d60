"""How many of the sample API's seeded faults generated test cases find, with Schemathesis on the same API beside it.

Cases are generated from the specification alone, once for each seed, and approved; with 20 seeds they must pass on the
API without faults. Then one fault at a time is on: it is found if a case fails. Schemathesis runs with all of its
phases and checks as they come, told of the same credentials and of the second that the specification allows; it stops
at its first failure. Both begin each time with new data.

    python -m tests.bench.bench_faults     (BENCH_QUICK=1: every eighth fault, 2 seeds, a fifth of their examples)
    BENCH_PARTS="search_slow cart_lost"    these faults alone
    BENCH_SIDE=ours | schemathesis         one of the two sides alone
    BENCH_SEEDS=3 BENCH_CALM=20            how many seeds with each fault, how many without any
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Any

from infra.dev.system import System
from tests.bench.field import Field, run
from tests.bench.report import QUICK, Table
from tests.bench.tester import Tester, system
from tests.fakes.shop.running import Shop, running

Json = dict[str, Any]

ONLY = os.environ.get("BENCH_SIDE", "")
ALARM_SEEDS = range(1, int(os.environ.get("BENCH_CALM", 2 if QUICK else 20)) + 1)
FAULT_SEEDS = range(1, int(os.environ.get("BENCH_SEEDS", 1 if QUICK else 3)) + 1)
STEP = 8 if QUICK else 1
CONCURRENCY = 8
PARALLEL = 2
# Schemathesis' own default, but for a first look.
EXAMPLES = 20 if QUICK else 100
LIMIT = 600.0
WRONG = ("failed", "errored", "flaky")
# What the specification allows.
LATENCY_MS = 1000
AUTH = {
    "bearerAuth": {"type": "bearer", "token": "{{secret.token}}"},
    "apiKey": {"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "{{secret.key}}"},
}


@dataclass
class Score:
    """One side's results: which faults it found with each seed, what it said without a fault, and what that took."""

    found: dict[int, set[str]] = field(default_factory=dict)
    alarms: int = 0
    told: list[str] = field(default_factory=list)
    quiet: int = 0
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    generating: list[float] = field(default_factory=list)

    def shown(self, names: list[str]) -> str:
        """How many of these it found: the median over the seeds, and the range."""
        counts = sorted(len(found.intersection(names)) for found in self.found.values())
        if not counts:
            return "–"
        spread = f" ({counts[0]} to {counts[-1]})" if counts[0] < counts[-1] else ""
        return f"{median(counts):g} of {len(names)}{spread}"

    def share(self, names: list[str]) -> float:
        """The median share."""
        return median(len(found.intersection(names)) for found in self.found.values()) / len(names)


class Suite:
    """Approved cases for one seed, in a project of their own."""

    def __init__(self, place: System, shop: Shop, seed: int) -> None:
        self.tester, self.shop, self.seed = Tester(place), shop, seed
        bases = f"/projects/{self.tester.get('/projects')['data'][0]['id']}/knowledge_bases"
        self.base = self.tester.send(bases, {"name": "shop"})["id"]
        ingested = self.tester.send(f"{bases}/{self.base}/openapi", {"document": shop.specification()})
        assert self.tester.client.wait(ingested["id"], 60)["status"] == "succeeded"
        secrets = {"token": shop.customer_token, "key": shop.staff_key}
        self.environment = self.tester.environment(
            "shop", shop.url, secrets, auth=AUTH, default_auth="bearerAuth", knowledge_base_id=self.base
        )
        began = time.monotonic()
        wish = {"from": "openapi", "knowledge_base_id": self.base, "seed": seed, "max_latency_ms": LATENCY_MS}
        made = self.tester.done("test.generate", {**wish, "environment": self.environment})
        self.cases: list[str] = made["result"]["drafts"]
        self.generating = time.monotonic() - began
        self.tester.approve(self.cases)

    def run(self, *faults: str) -> tuple[Json, list[str]]:
        """The run's result with these faults, and the names of the cases that did not pass, with the reasons."""
        self.shop.reset()
        self.shop.switch(*faults)
        result = self.tester.run(
            test_case_ids=self.cases, environment=self.environment, concurrency=CONCURRENCY, seed=self.seed
        )
        wrong = []
        for verdict in WRONG:
            page = self.tester.get(f"/test_runs/{result['run_id']}/cases", verdict=verdict, limit=100)
            wrong += [f"{verdict}: {one['name']}: {one['reason']}" for one in page["data"]]
        return result, wrong


def ours(faults: list[str]) -> Score:
    """Generated, approved, run."""
    score = Score()
    with running() as shop, system() as place:
        for seed in ALARM_SEEDS:
            suite = Suite(place, shop, seed)
            with suite.tester:
                result, wrong = suite.run()
                score.quiet += 1
                alarms = sum(result[verdict] for verdict in WRONG)
                score.alarms += alarms
                score.told += [f"seed {seed}: {one}" for one in wrong]
                score.sizes.append(len(suite.cases))
                score.seconds.append(result["milliseconds"] / 1000)
                score.generating.append(suite.generating)
                tell(f"seed {seed}: {len(suite.cases)} cases, {alarms} false alarms, {score.seconds[-1]:.1f} s")
                for one in wrong[:20]:
                    tell(f"  {one}")
                if seed in FAULT_SEEDS:
                    score.found[seed] = {name for name in faults if _found(suite, name)}
    return score


def _found(suite: Suite, name: str) -> bool:
    result, wrong = suite.run(name)
    # Whose cases fail now and then is quarantined for it, and does not count in the result.
    failed = [one for one in wrong if one.startswith("failed")]
    also = f"{result['errored']} errored, {result['quarantined']} in quarantine"
    tell(f"ours, seed {suite.seed}, {name}: {failed[0] if failed else 'not found'}; {also}"[:400])
    return bool(failed)


class Beside:
    """Schemathesis on shops of its own, one for each of the runs that go on at the same time."""

    def __init__(self, shops: list[Shop]) -> None:
        self._free: SimpleQueue[Shop] = SimpleQueue()
        for shop in shops:
            self._free.put(shop)

    def run(self, seed: int, *faults: str) -> Json:
        """Its report."""
        shop = self._free.get()
        try:
            shop.reset()
            shop.switch(*faults)
            report = _schemathesis(shop, seed)
            tell(f"Schemathesis, seed {seed}, {faults}: {len(report['failures'])} in {report['running_time']:.0f} s")
            return report
        finally:
            self._free.put(shop)


def _schemathesis(shop: Shop, seed: int) -> Json:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(Path(sys.executable).with_name("st")), "--no-color", "run", f"{shop.url}/openapi.json"]
        command += [word for name, value in shop.credentials.items() for word in ("-H", f"{name}: {value}")]
        command += [
            "--url",
            shop.url,
            "--seed",
            str(seed),
            "--max-response-time",
            str(LATENCY_MS / 1000),
            "--max-failures",
            "1",
        ]
        command += ["--max-examples", str(EXAMPLES), "--report", "json", "--report-json-path", str(report)]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT, check=False)
        found: Json = json.loads(report.read_text())
        return found


def schemathesis(faults: list[str]) -> Score:
    """The same with Schemathesis."""
    score = Score()
    with shops(PARALLEL) as some, ThreadPoolExecutor(PARALLEL) as pool:
        beside = Beside(some)
        for seed in FAULT_SEEDS:
            calm = beside.run(seed)
            score.quiet += 1
            score.alarms += len(calm["failures"])
            score.told += [f"seed {seed}: {one}" for one in calm["failures"]]
            score.sizes.append(calm["test_cases"]["generated"])
            score.seconds.append(calm["running_time"])
            reports = dict(zip(faults, pool.map(lambda name, seed=seed: beside.run(seed, name), faults), strict=True))
            score.found[seed] = {name for name, report in reports.items() if report["failures"]}
    return score


@contextmanager
def shops(count: int) -> Iterator[list[Shop]]:
    """So many, each a process of its own."""
    with ExitStack() as stack:
        yield [stack.enter_context(running()) for _ in range(count)]


def tell(line: str) -> None:
    """What is going on, on stderr."""
    print(line, file=sys.stderr, flush=True)


def tabled(table: Table, faults: dict[str, Json], mine: Score, theirs: Score) -> None:
    """By category, then all, then what it took."""
    by_category: dict[str, list[str]] = {}
    for name, fault in faults.items():
        by_category.setdefault(fault["category"], []).append(name)
    for category, names in sorted(by_category.items()):
        table.add(category, mine.shown(names), theirs.shown(names))
    every = list(faults)
    percent = [f", {100 * one.share(every):.0f} %" if one.found else "" for one in (mine, theirs)]
    table.add("**all faults**", mine.shown(every) + percent[0], theirs.shown(every) + percent[1], goal="≥ 85 %")
    alarms, others = (f"{one.alarms} in {one.quiet} seeds" for one in (mine, theirs))
    table.add("false alarms without a fault", alarms, others, goal="0 in 20 seeds")
    for what, unit, values in (
        ("cases, median", ",.0f", [mine.sizes, theirs.sizes]),
        ("seconds a run without a fault, median", ".1f", [mine.seconds, theirs.seconds]),
        ("seconds to generate, median", ".1f", [mine.generating, []]),
    ):
        here, there = (format(median(one), unit) if one else "–" for one in values)
        table.add(what, here, there)
    for name, side in (("Switchyard", mine), ("Schemathesis", theirs)):
        if missed := [each for each in every if side.found and not any(each in found for found in side.found.values())]:
            table.notes.append(f"{name} never found: {', '.join(missed)}.")
        table.notes += side.told[:10]
    table.notes.append(f"Seeds: {', '.join(map(str, FAULT_SEEDS))}; Schemathesis: {EXAMPLES} examples an operation.")


async def measure(_: Field) -> Table:
    """All faults, or those that were named."""
    table = Table("Faults that are found (beside it: Schemathesis)")
    with running() as shop:
        listed = {one["name"]: one for one in shop.faults()}
    named = os.environ.get("BENCH_PARTS", "").split()
    chosen = {name: listed[name] for name in named or list(listed)[::STEP]}
    sides = {"ours": ours, "schemathesis": schemathesis}
    scores = {
        name: await asyncio.to_thread(side, list(chosen)) if ONLY in ("", name) else Score()
        for name, side in sides.items()
    }
    tabled(table, chosen, scores["ours"], scores["schemathesis"])
    return table


if __name__ == "__main__":
    run(measure)
