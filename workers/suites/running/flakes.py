"""How often a case is flaky, and what follows from it.

A run shows a case as flaky if the same thing passed and failed in it: over its `times`, or with `retry_failed`. A run
in which it only failed does not, whatever came before and after: most often somebody broke the system and repaired it.
Only runs of the version that is now decide. After `n` runs with `k` flaky ones, the share of flaky runs has the
distribution Beta(1 + k, 1 + n - k).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from models import Verdict
from workers.suites import case_review, cases

REMEMBERED = 50
FEWEST_RUNS = 10
TOO_OFTEN = 0.05
SURE = 0.95
CLEAN_RUNS = 20
DECIDED = (Verdict.PASSED, Verdict.FAILED, Verdict.FLAKY)

NEWEST = text(f"""
SELECT w.case_id, c.quarantined_at IS NOT NULL AS quarantined, c.quarantine ->> 'run_id' IS NOT NULL AS automatic,
  ARRAY(
    SELECT coalesce(r.override ->> 'verdict', r.verdict) FROM test_case_results r
    WHERE r.case_id = w.case_id AND r.case_version = w.version ORDER BY r.run_id DESC LIMIT {REMEMBERED}
  ) AS verdicts
FROM unnest(CAST(:cases AS uuid[]), CAST(:versions AS int[])) AS w(case_id, version)
  JOIN test_cases c ON c.id = w.case_id
WHERE c.project_id = :project_id AND c.deleted_at IS NULL ORDER BY w.case_id
""")


@dataclass(frozen=True, slots=True)
class Score:
    """Of so many runs that decided, so many were flaky; `clean` of the newest passed in a row. `probability` is that of
    being flaky in more than one run of twenty."""

    runs: int
    flaky: int
    clean: int
    probability: float

    @property
    def rate(self) -> float:
        """The share of flaky runs, as it is seen."""
        return self.flaky / self.runs if self.runs else 0.0

    @property
    def is_flaky(self) -> bool:
        """Whether the case should be quarantined."""
        return self.runs >= FEWEST_RUNS and self.probability > SURE


def score(verdicts: Sequence[str]) -> Score:
    """Of a case's verdicts in its newest runs, the newest first; those that decide nothing are passed over."""
    decided = [one for one in verdicts if one in DECIDED][:REMEMBERED]
    flaky = decided.count(Verdict.FLAKY)
    clean = next((index for index, one in enumerate(decided) if one != Verdict.PASSED), len(decided))
    return Score(len(decided), flaky, clean, above(TOO_OFTEN, flaky, len(decided)))


def above(share: float, flaky: int, runs: int) -> float:
    """The probability that the true share is above `share`, having seen `flaky` of `runs`: of Beta(1 + k, 1 + n - k),
    which for whole numbers is a sum over a binomial distribution."""
    tries = runs + 1
    return sum(comb(tries, hits) * share**hits * (1 - share) ** (tries - hits) for hits in range(flaky + 1))


def review(session: Session, project_id: UUID, run_id: UUID, ended: Mapping[UUID, int]) -> None:
    """Quarantines those of the cases, by id with their version, that have just been flaky once too often, and releases
    those that were quarantined here and have passed often enough since."""
    asked = {"project_id": project_id, "cases": [str(one) for one in ended], "versions": [*ended.values()]}
    wanted = {row.case_id: said for row in session.execute(NEWEST, asked) if (said := _wanted(row))}
    for case_id, case in (cases.get_cases(session, project_id, wanted, lock=True) if wanted else {}).items():
        if case.quarantined_at is None:
            case_review.quarantine(session, case, wanted[case_id], run_id=run_id)
        elif case.quarantine and case.quarantine.get("run_id"):
            case_review.release(session, case, wanted[case_id], run_id=run_id)


def _wanted(row: Any) -> str | None:
    """Why the case is to be quarantined, or released; None where all stays as it is."""
    found = score(row.verdicts)
    if row.quarantined:
        return f"It passed {found.clean} times in a row." if row.automatic and found.clean >= CLEAN_RUNS else None
    # Only what is flaky now is: after a release, what was flaky before does not count by itself.
    if not (found.is_flaky and just_now(row.verdicts)):
        return None
    return f"It was flaky in {found.flaky} of its last {found.runs} runs."


def just_now(verdicts: Sequence[str]) -> bool:
    """Whether the newest run is what shows the case as flaky."""
    return next((one for one in verdicts if one in DECIDED), None) == Verdict.FLAKY
