"""How often a case is flaky, and what follows from it.

A run shows a case as flaky if the same thing passed and failed in it, or if the case failed in it alone: it passed in
the run before and in the run after, unchanged. A case that breaks and stays broken, for however many runs, was never
flaky. After `n` runs with `k` flaky ones, the share of flaky runs has the distribution Beta(1 + k, 1 + n - k).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from models import Verdict

REMEMBERED = 50
FEWEST_RUNS = 10
TOO_OFTEN = 0.05
SURE = 0.95
CLEAN_RUNS = 20
DECIDED = (Verdict.PASSED, Verdict.FAILED, Verdict.FLAKY)


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
    flaky = sum(_is_flaky(decided, index) for index in range(len(decided)))
    clean = next((index for index, one in enumerate(decided) if one != Verdict.PASSED), len(decided))
    return Score(len(decided), flaky, clean, above(TOO_OFTEN, flaky, len(decided)))


def _is_flaky(decided: Sequence[str], index: int) -> bool:
    if decided[index] != Verdict.FAILED:
        return decided[index] == Verdict.FLAKY
    around = decided[max(0, index - 1) : index + 2]
    return [*around] == [Verdict.PASSED, Verdict.FAILED, Verdict.PASSED]


def above(share: float, flaky: int, runs: int) -> float:
    """The probability that the true share is above `share`, having seen `flaky` of `runs`: of Beta(1 + k, 1 + n - k),
    which for whole numbers is a sum over a binomial distribution."""
    tries = runs + 1
    return sum(comb(tries, hits) * share**hits * (1 - share) ** (tries - hits) for hits in range(flaky + 1))
