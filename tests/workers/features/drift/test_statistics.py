"""The tests that compare what is recent with a reference."""

import math

import numpy as np
import pytest
from scipy import stats

from workers.features.drift import statistics


def test_fishers_test_is_scipys_in_its_mid_p_form() -> None:
    for x1, n1, x0, n0 in ((9, 200, 10, 1000), (3, 50, 0, 100), (12, 100, 120, 1000), (1, 25, 9, 300)):
        expected = stats.hypergeom(n0 + n1, x0 + x1, n1)
        assert statistics.fisher(x1, n1, x0, n0) == pytest.approx(expected.sf(x1) + expected.pmf(x1) / 2, rel=1e-6)
    assert statistics.fisher(0, 50, 3, 100) == 1.0


def test_q_values_are_scipys() -> None:
    p_values = [0.001, 0.2, 0.03, 0.9, 0.03, 0.0004]
    assert statistics.q_values(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())
    assert statistics.q_values([]) == []


def test_p_values_of_nothing_are_uniform() -> None:
    """At the levels at which they are used, for heavy tails and for sketches."""
    rng = np.random.default_rng(1)
    amounts, texts = [], []
    for _ in range(400):
        old, new = np.log1p(rng.pareto(1.1, 400)), np.log1p(rng.pareto(1.1, 100))
        amounts.append(statistics.compare_amounts(statistics.amounts_of(old), new, both=True).p)
        spread = statistics.spread_of(rng.standard_normal((300, 64)).astype(np.float32))
        texts.append(statistics.compare_sketches(spread, rng.standard_normal((100, 64)).astype(np.float32)).p)
    for p_values in (amounts, texts):
        assert np.mean(np.array(p_values) < 0.05) < 0.09
        assert np.mean(np.array(p_values) < 0.005) < 0.015
        assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.12)


def test_no_single_value_counts_for_more_than_its_rank() -> None:
    rng = np.random.default_rng(2)
    old = rng.standard_normal(500)
    new = np.append(rng.standard_normal(99), 1e9)
    assert statistics.compare_amounts(statistics.amounts_of(old), new, both=False).p > 0.01


def test_what_varies_from_hour_to_hour_needs_more_to_stand_out() -> None:
    rng = np.random.default_rng(3)
    calm = rng.standard_normal(1000)
    restless = calm + np.repeat(rng.standard_normal(10), 100)
    new = rng.standard_normal(100) + 0.5
    p_calm, p_restless = (
        statistics.compare_amounts(statistics.amounts_of(one), new, both=False).p for one in (calm, restless)
    )
    assert p_calm < 1e-4 < 0.05 < p_restless


def test_the_rhythm_of_the_day_can_be_taken_out() -> None:
    rng = np.random.default_rng(4)
    days = np.sort(rng.uniform(0, 5, 1000))
    values = 0.4 * np.sin(2 * np.pi * days + 1) + 0.3 * rng.standard_normal(1000)
    found = statistics.rhythm(values, days)
    assert found is not None
    left = values - statistics.waves(days) @ found
    assert left.std() == pytest.approx(0.3, abs=0.02)
    assert statistics.rhythm(values[:100], days[:100]) is None


def test_a_rise_is_told_with_its_beginning() -> None:
    old, new = np.zeros(500), np.zeros(200)
    old[::100] = 1
    new[100::8] = 1
    found = statistics.rise(statistics.shares_of(old), new, by=0.05, doubt=0.5)
    assert found.height > 8 and 99 <= found.length <= 101
    assert found.compared.after == pytest.approx(0.13, abs=0.01)


def test_figures_without_end_do_not_overflow() -> None:
    old, new = np.full(100, -600.0), np.full(100, 700.0)
    found = statistics.compare_amounts(statistics.amounts_of(old), new, both=True)
    assert math.isfinite(found.effect) and math.isfinite(found.after)


def test_where_a_mean_changed() -> None:
    assert statistics.change_point(np.array([0.0, 1, 0, 1, 5, 6, 5])) == 4
    assert statistics.change_point(np.array([1.0])) == 0
