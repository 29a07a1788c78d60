"""What the verdicts of a run's cases add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping

from models import CaseResult, Run, Verdict
from workers.suites.running.verdicts import of_run

QUARANTINED = "quarantined"
# Those that somebody should look at, the worst first.
BAD = (Verdict.FAILED, Verdict.ERRORED, Verdict.FLAKY)


def counts_of(results: Iterable[CaseResult]) -> dict[str, int]:
    """Cases by the verdict that stands; those in quarantine count in `quarantined` alone."""
    found = Counter(QUARANTINED if one.quarantined else one.stands for one in results)
    return {name: found[name] for name in (*(one.value for one in Verdict), QUARANTINED)}


def verdict_of(counts: Mapping[str, int]) -> Verdict:
    """The run's verdict by its counts."""
    return of_run(Counter({name: count for name, count in counts.items() if name != QUARANTINED}))


def reason_of(counts: Mapping[str, int]) -> str | None:
    """`Of 12 cases: 2 failed, 1 flaky.`; None where all is well."""
    words = [f"{counts[one]} {one}" for one in BAD if counts.get(one)]
    total = sum(counts.values())
    return f"Of {total} {'case' if total == 1 else 'cases'}: {', '.join(words)}." if words else None


def setup_is_bad(run: Run) -> bool:
    """Whether a step of the suite's own setup did not pass, so that no case was executed."""
    return any(step.get("verdict") in (Verdict.FAILED, Verdict.ERRORED) for step in run.around.get("setup") or ())
