"""What a drift says to people."""

from models import DriftSignal
from workers.features.drift import telling
from workers.features.drift.statistics import Compared
from workers.features.drift.windows import Seen


def seen(before: float, after: float, effect: float, *, tail: bool = False) -> Seen:
    return Seen(Compared(0.000123456, effect, before, after, 500, 200), 0.001, 200, certain=True, tail=tail)


def test_a_diff_of_a_long_line_is_by_sentences() -> None:
    before = (
        "You are the assistant of a shop and help its customers with what they want. Be brief. Never promise refunds."
    )
    found = telling.difference(before, before.replace("Be brief.", "Be kind."))
    assert found is not None
    assert found.splitlines()[2:] == [
        "@@ -1,3 +1,3 @@",
        " You are the assistant of a shop and help its customers with what they want.",
        "-Be brief.",
        "+Be kind.",
        " Never promise refunds.",
    ]
    assert telling.difference(before, before) is None


def test_sentences_about_signals() -> None:
    said = [
        telling.of_signal(DriftSignal.ERROR_RATE, seen(0.01, 0.065, 0.055)),
        telling.of_signal(DriftSignal.LATENCY, seen(900, 1350, 1.5)),
        telling.of_signal(DriftSignal.LATENCY, seen(2900, 5350, 1.8, tail=True)),
        telling.of_signal(DriftSignal.COST, seen(0.002, 0.0026, 1.3)),
        telling.of_signal(DriftSignal.OUTPUT_LENGTH, seen(400, 200, 0.5)),
        telling.of_signal(DriftSignal.INPUT_MEANING, seen(0, 0.4, 0.31)),
    ]
    assert said == [
        "The share of failed traces rose from 1.0% to 6.5%.",
        "The duration rose from 900 ms to 1,350 ms.",
        "The 95th percentile of the duration rose from 2,900 ms to 5,350 ms.",
        "The cost of a trace rose from $0.002 to $0.0026.",
        "Answers became shorter: from 400 to 200 characters.",
        "What users ask for moved by 31% of its usual variance.",
    ]


def test_figures_have_sample_sizes_and_are_round() -> None:
    found = telling.figures(DriftSignal.ERROR_RATE, seen(0.0123456, 0.065, 0.055), "2026-09-07T00:00:00Z")
    assert (found["before"], found["n_before"], found["n_after"], found["p"]) == (0.01235, 500, 200, 0.0001235)
