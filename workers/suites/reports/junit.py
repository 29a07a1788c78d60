"""The report as JUnit XML, as Jenkins' junit-10.xsd has it: a test suite a case, a test case an execution.

Executions of a flaky case that did not pass are `flakyFailure` or `flakyError`, as Maven Surefire writes them: they are
shown, and break no build. What does not count (quarantine) is skipped. A person's verdict stands over ours. Characters
that XML cannot have are left out. It is written piece by piece.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from infra import ids
from infra.clock import rfc3339
from models import Case, CaseResult, CaseRun, Verdict
from workers.suites.reports import failing, gathering
from workers.suites.reports.gathering import Head, Steps

LONGEST_TEXT = 16_000
LONGEST_MESSAGE = 1000
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# How an execution, or a case without any, is shown.
PLAIN: dict[str, str] = {
    Verdict.FAILED: "failure",
    Verdict.ERRORED: "error",
    Verdict.FLAKY: "flakyFailure",
    Verdict.SKIPPED: "skipped",
    Verdict.CANCELLED: "skipped",
}
FLAKY: dict[str, str] = {**PLAIN, Verdict.FAILED: "flakyFailure", Verdict.ERRORED: "flakyError"}
HARMLESS: dict[str, str] = {Verdict.SKIPPED: "skipped", Verdict.CANCELLED: "skipped"}
UNCOUNTED: dict[str, str] = dict.fromkeys(PLAIN, "skipped")


def write(head: Head, out: BinaryIO) -> None:
    """Writes the report of a run."""
    page = _Page(out)
    around = [one for steps in head.run.around.values() for one in failing.bad_steps(steps)]
    totals = _around_totals(around)
    for case in head.cases:
        totals.update(_totals(head, case))
    with page.element("testsuites", name=head.title, **_numbers(totals), time=_seconds(_duration(head))):
        if around:
            _around(page, head, around)
        for case, runs in gathering.told(head, Steps.BAD):
            _suite(page, head, case, runs)
    page.end()


class _Page:
    """XML, written as it comes."""

    def __init__(self, out: BinaryIO) -> None:
        self._xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
        self._xml.startDocument()

    @contextmanager
    def element(self, tag: str, /, **attributes: str | None) -> Iterator[None]:
        given = {key: _clean(value) for key, value in attributes.items() if value is not None}
        self._xml.startElement(tag, AttributesImpl(given))
        yield
        self._xml.endElement(tag)
        self._xml.ignorableWhitespace("\n")

    def leaf(self, tag: str, text: str = "", /, **attributes: str | None) -> None:
        with self.element(tag, **attributes):
            self._xml.characters(_clean(text))

    def end(self) -> None:
        self._xml.endDocument()


def _shown_as(case: CaseResult) -> Mapping[str, str]:
    """How the verdicts of a case's executions are shown; those that are not named have passed."""
    if case.quarantined:
        return UNCOUNTED
    if case.stands == Verdict.PASSED:
        return HARMLESS
    return FLAKY if case.stands == Verdict.FLAKY else PLAIN


def _own_line(head: Head, case: CaseResult) -> bool:
    """Whether the case's verdict needs a test case of its own: no execution says it."""
    shown, tally = _shown_as(case), head.tallies.get(case.case_id, {})
    return not tally or (case.stands in shown and not any(one in shown for one in tally))


def _totals(head: Head, case: CaseResult) -> Counter[str]:
    shown, tally = _shown_as(case), head.tallies.get(case.case_id, {})
    totals = Counter(tests=sum(tally.values()))
    for verdict, count in tally.items():
        totals[shown.get(verdict, "")] += count
    if _own_line(head, case):
        totals.update({"tests": 1, shown.get(case.stands, ""): 1})
    return totals


def _numbers(totals: Counter[str]) -> dict[str, str]:
    return {"tests": str(totals["tests"]), "failures": str(totals["failure"]), "errors": str(totals["error"])}


def _suite(page: _Page, head: Head, case: CaseResult, runs: Iterable[CaseRun]) -> None:
    totals, shown = _totals(head, case), _shown_as(case)
    several = sum(head.tallies.get(case.case_id, {}).values()) > 1
    about = {"id": ids.show(Case.prefix, case.case_id), "timestamp": _timestamp(head)}
    time, skipped = _seconds(case.milliseconds), str(totals["skipped"])
    with page.element("testsuite", name=case.name, **_numbers(totals), skipped=skipped, time=time, **about):
        _properties(page, head, case)
        for run in runs:
            name = f"{case.name} [row {run.data_row}, repetition {run.repetition}]" if several else case.name
            with page.element("testcase", name=name, classname=head.title, time=_seconds(run.milliseconds)):
                _execution(page, case, run, shown.get(run.verdict))
        if _own_line(head, case):
            with page.element("testcase", name=f"{case.name} [verdict]", classname=head.title, time="0"):
                _problem(page, shown.get(case.stands), case.stands, _why(case), "")


def _execution(page: _Page, case: CaseResult, run: CaseRun, element: str | None) -> None:
    bad = run.verdict in gathering.BAD
    text = failing.in_words(run.steps) if bad else ""
    _problem(page, element, run.verdict, _why(case, run.reason), text)
    if bad:
        note = "" if element else f"{_why(case, run.reason)}\n\n{text}\n\n"
        page.leaf("system-out", f"{note}execution {run.public_id}, trace {run.trace_id}")


def _problem(page: _Page, element: str | None, verdict: str, why: str, text: str) -> None:
    if element:
        page.leaf(element, text[:LONGEST_TEXT], message=why[:LONGEST_MESSAGE], type=verdict)


def _why(case: CaseResult, reason: str | None = None) -> str:
    why = reason or case.reason or case.stands
    if case.quarantined:
        return f"In quarantine, does not count: {why}"
    note = (case.override or {}).get("note") if (case.override or {}).get("verdict") else None
    return f"A person said {case.stands}: {note} ({why})" if note else why


def _properties(page: _Page, head: Head, case: CaseResult) -> None:
    shown = {
        "test_run_id": head.run.public_id,
        "case_version": str(case.case_version),
        "verdict": case.stands,
        "new_failures": str(len(case.new_fingerprints)),
        **({"environment": head.environment} if head.environment else {}),
    }
    with page.element("properties"):
        for name, value in shown.items():
            page.leaf("property", name=name, value=value)


def _around_totals(steps: list[dict[str, Any]]) -> Counter[str]:
    """Without its setup a run is errored; what its teardown leaves behind makes no run fail."""
    return Counter(tests=len(steps), error=sum(one.get("phase") == "setup" for one in steps))


def _around(page: _Page, head: Head, steps: list[dict[str, Any]]) -> None:
    with page.element("testsuite", name="Around the suite", **_numbers(_around_totals(steps))):
        for step in steps:
            name = f"{step.get('phase', '')} {step.get('id', '')}".strip()
            with page.element("testcase", name=name, classname=head.title):
                why, text = str(step.get("reason") or step["verdict"]), failing.in_words([step])
                if step.get("phase") == "setup":
                    _problem(page, "error", str(step["verdict"]), why, text)
                else:
                    page.leaf("system-out", text)


def _duration(head: Head) -> float:
    begun, ended = head.run.started_at, head.run.finished_at
    if begun is not None and ended is not None:
        return (ended - begun).total_seconds() * 1000
    return sum(one.milliseconds for one in head.cases)


def _timestamp(head: Head) -> str:
    return rfc3339(head.run.started_at or head.run.created_at)


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
