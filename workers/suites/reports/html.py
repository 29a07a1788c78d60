"""The report as one HTML file, for people: what is new first, then what is known, what is flaky, and the whole list.

It needs nothing but itself: no script for its content, no font, no picture, no server. Its Content-Security-Policy lets
in its own style and its own script, by their hashes, and nothing else; all that came from outside is text. Executions
that passed are counted and not shown, of the others the first 200 are shown whole.
"""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, BinaryIO

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from infra import ids
from infra.version import version
from models import Case, CaseResult, CaseRun, Verdict
from schemas.suite_run import result_view
from workers.suites.counting import QUARANTINED
from workers.suites.reports import failing, gathering
from workers.suites.reports.gathering import Head, Timing
from workers.suites.reports.html_steps import Bodies, step_view, took

Json = dict[str, Any]

SHOWN_WHOLE = 200
OF_ONE_CASE = 5
SLOWEST = 10
MOST_STEPS = 60
WRONG = (Verdict.FAILED, Verdict.ERRORED)
IN_BAR = (Verdict.PASSED, Verdict.FLAKY, Verdict.ERRORED, Verdict.FAILED)


def write(head: Head, out: BinaryIO) -> None:
    """Writes the report of a run."""
    page = _Page(head)
    for piece in _template().generate(**page.said()):
        out.write(piece.encode("utf-8", "replace"))


def _part(name: str) -> str:
    return (resources.files("workers.suites.reports") / name).read_text("utf-8")


@cache
def _template() -> Template:
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return made.from_string(_part("report.html"))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def policy() -> str:
    """What a browser may do with the page."""
    style, script = _hash(_part("report.css")), _hash(_part("report.js"))
    return f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


class _Page:
    """What the template is told; executions are read when it comes to them."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._timings = gathering.timings(head)
        self._bodies = Bodies()
        self._left = SHOWN_WHOLE
        self._unseen = 0

    def said(self) -> Json:
        head = self._head
        bad = [one for one in head.cases if one.stands in WRONG and not one.quarantined]
        return {
            "css": Markup(_part("report.css")),
            "js": Markup(_part("report.js")),
            "policy": policy(),
            "title": head.title,
            "verdict": head.verdict,
            "reason": head.reason,
            "figures": _figures(head),
            "bar": list(_bar(head)),
            "bar_label": ", ".join(f"{count} {name}" for name, count in head.counts.items() if count),
            "facts": list(_facts(head)),
            "around": [step_view(one, self._bodies) for one in _around(head)],
            "new": [self._case(one) for one in bad if one.new_fingerprints],
            "known": [self._case(one) for one in bad if not one.new_fingerprints],
            "flaky": [self._flaky(one) for one in head.cases if one.stands == Verdict.FLAKY and not one.quarantined],
            "quarantined": [self._case(one) for one in head.cases if one.quarantined and one.stands != Verdict.PASSED],
            "overridden": [_overridden(one) for one in head.cases if (one.override or {}).get("verdict")],
            "slowest": self._slowest(),
            "cases": [self._row(one) for one in head.cases],
            "verdicts": sorted({one.stands for one in head.cases}),
            "footnotes": self._footnotes,
        }

    def _case(self, case: CaseResult) -> Json:
        unshown: list[str] = []
        return {
            "id": ids.show(Case.prefix, case.case_id),
            "name": case.name,
            "verdict": case.stands,
            "new": bool(case.new_fingerprints),
            "reason": case.reason or "",
            "tally": self._tally(case),
            "took": took(case.milliseconds),
            "about": self._about(case),
            "runs": lambda: self._runs(case, unshown),
            "left": lambda: unshown[0] if unshown else None,
        }

    def _flaky(self, case: CaseResult) -> Json:
        tally = self._head.tallies.get(case.case_id, {})
        passed, bad = tally.get(Verdict.PASSED, 0), sum(tally.get(one, 0) for one in WRONG)
        share = f"{100 * bad / (passed + bad):.0f} %" if passed + bad else ""
        return {**self._case(case), "passed": passed, "bad": bad, "share": share}

    def _runs(self, case: CaseResult, unshown: list[str]) -> Iterator[Json]:
        """The case's bad executions, as many as are shown; what is left is counted in a sentence."""
        tally = self._head.tallies.get(case.case_id, {})
        bad = sum(tally.get(one, 0) for one in WRONG)
        wanted = min(bad, OF_ONE_CASE, max(0, self._left))
        self._left -= wanted
        for run in gathering.bad_ones(self._head, case, wanted) if wanted else ():
            yield self._run(run)
        if bad > wanted:
            self._unseen += bad - wanted
            others = f"{bad - wanted} more executions" if bad - wanted > 1 else "One more execution"
            unshown.append(f"{others} did not pass. The JSON report has all of them.")

    def _run(self, run: CaseRun) -> Json:
        return {
            "id": run.public_id,
            "verdict": run.verdict,
            "title": f"data row {run.data_row}, repetition {run.repetition}",
            "took": took(run.milliseconds),
            "trace_id": run.trace_id,
            "steps": [step_view(one, self._bodies) for one in run.steps[:MOST_STEPS]],
        }

    def _tally(self, case: CaseResult) -> str:
        tally = self._head.tallies.get(case.case_id, {})
        total, passed = sum(tally.values()), tally.get(Verdict.PASSED, 0)
        return f"{passed} of {total} passed" if total != 1 else "1 execution"

    def _about(self, case: CaseResult) -> str:
        """When its failures were seen before."""
        known = [self._head.remembered[one] for one in case.fingerprints if one in self._head.remembered]
        said = [f"Version {case.case_version}"]
        if known:
            first, times = min(one.first_seen_at for one in known), sum(one.occurrences for one in known)
            often = f"seen {times} times since" if times > 1 else "first seen on"
            said.append(f"{often} {first:%d %b %Y, %H:%M} UTC")
        if (case.override or {}).get("verdict"):
            said.append(f"found {case.verdict}; a person said {case.stands}: {(case.override or {}).get('note')}")
        return "; ".join(said) + "."

    def _row(self, case: CaseResult) -> Json:
        shown = case.stands in (*WRONG, Verdict.FLAKY) or (case.quarantined and case.stands != Verdict.PASSED)
        timing = self._timings.get(case.case_id)
        return {
            "id": ids.show(Case.prefix, case.case_id),
            "name": case.name,
            "verdict": case.stands,
            "shown": shown,
            "tally": sum(self._head.tallies.get(case.case_id, {}).values()),
            "version": case.case_version,
            "median": took(timing.median) if timing else "",
        }

    def _slowest(self) -> list[Json]:
        names = {one.case_id: one.name for one in self._head.cases}
        slow: list[Timing] = sorted(self._timings.values(), key=lambda one: one.median, reverse=True)
        return [
            {
                "name": names[one.case_id],
                "count": one.count,
                "median": took(one.median),
                "longest": took(one.longest),
            }
            for one in slow[:SLOWEST]
            if one.case_id in names
        ]

    def _footnotes(self) -> Iterator[str]:
        if self._unseen:
            yield f"{self._unseen} executions that did not pass are counted here and not shown."
        yield f"Written by Switchyard {version()} on {self._head.written_at:%d %b %Y at %H:%M} UTC."


def _figures(head: Head) -> list[tuple[str, int, str]]:
    counts = head.counts
    always = [(name, counts[name], name if counts[name] else "") for name in ("passed", "failed", "errored", "flaky")]
    more = [(name, counts[name], "") for name in ("skipped", "cancelled", QUARANTINED) if counts.get(name)]
    new = [("new failures", head.new_failures, "failed" if head.new_failures else "")]
    return [*always, *more, *new, ("executions", sum(head.executions.values()), "")]


def _bar(head: Head) -> Iterator[tuple[str, str, str]]:
    total = sum(head.counts.values()) or 1
    at = 0.0
    for verdict in IN_BAR:
        width = 100 * head.counts.get(verdict, 0) / total
        if width:
            yield verdict.value, f"{at:.3f}", f"{width:.3f}"
            at += width
    if at < 99.999:
        yield "skipped", f"{at:.3f}", f"{100 - at:.3f}"


def _facts(head: Head) -> Iterator[tuple[str, str]]:
    run = head.run
    if head.environment:
        yield "Environment", head.environment
    begun, ended = run.started_at, run.finished_at or head.written_at
    if begun is not None:
        yield "Ran", f"{begun:%d %b %Y, %H:%M:%S} UTC, for {took((ended - begun).total_seconds() * 1000)}"
    yield "Run", run.public_id + (f", again of run_{run.rerun_of.hex}" if run.rerun_of else "")
    yield "Last green", f"run_{run.green_run_id.hex}" if run.green_run_id else "none yet"
    yield "Seed", str(run.seed)


def _around(head: Head) -> list[Json]:
    return [one for steps in head.run.around.values() for one in failing.bad_steps(steps)][:MOST_STEPS]


def _overridden(case: CaseResult) -> Json:
    shown = result_view(case)
    override = shown["override"]
    at = str(override["at"]).replace("T", " ")[:16]
    return {
        "name": case.name,
        "found": case.verdict,
        "verdict": case.stands,
        "note": override["note"],
        "at": f"{at} UTC",
    }
