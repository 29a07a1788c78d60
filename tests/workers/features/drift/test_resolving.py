"""A drift is settled, and what is compared from then on."""

import pytest

from models import FeatureDrift
from tests.workers.features import rows
from tests.workers.features.drift.noticing import SYSTEM, Watched, call
from tests.workers.jobs.conftest import Core
from workers.features.drift import resolving

EDITED = SYSTEM.replace("Never promise refunds.", "Offer a refund whenever someone is unhappy, and mention our sale.")


@pytest.fixture
def feature(core: Core) -> Watched:
    """A feature without traces."""
    return Watched(core)


def settle(feature: Watched, by: str = "person") -> FeatureDrift:
    """Resolves its open drift."""
    (drift,) = feature.drifts("open")

    def act(session: object) -> None:
        resolving.resolve(session, session.merge(drift), {"by": by, "note": "as meant"})  # type: ignore

    feature.core.do(act)
    return feature.drifts()[-1]


def test_what_a_person_accepts_is_the_reference_from_then_on(feature: Watched) -> None:
    feature.note(feature.some(400))
    feature.note(feature.some(150, duration_ms=lambda: 2500 * feature.rng.lognormvariate(0, 0.3)))
    drift = settle(feature)
    assert (drift.state, drift.resolution, feature.at_risk) == ("resolved", {"by": "person", "note": "as meant"}, False)
    feature.note(feature.some(300, duration_ms=lambda: 2500 * feature.rng.lognormvariate(0, 0.3)))
    assert not feature.drifts("open")
    assert [kind for kind, _ in feature.events()] == ["feature.at_risk", "feature.resolved"]


def test_the_way_back_from_a_prompt_that_was_accepted_is_a_drift(feature: Watched) -> None:
    feature.note(feature.some(30))
    feature.note(feature.some(40, call(EDITED)))
    settle(feature, "tests")
    feature.note(feature.some(10, call(EDITED)))
    assert not feature.at_risk
    feature.note(feature.some(10))
    (drift,) = feature.drifts("open")
    assert drift.diff is not None and "+Never promise refunds." in drift.diff


def test_a_feature_stays_at_risk_while_another_drift_is_open(feature: Watched, core: Core) -> None:
    core.do(rows.drift, feature.project, feature.id)
    feature.note(feature.some(30))
    feature.note(feature.some(10, call(EDITED, site="GET /other > chat")))
    feature.note(feature.some(10, call(model="gpt-4.1")))
    first, second = feature.drifts("open")

    def act(session: object) -> None:
        resolving.resolve(session, session.merge(second), {"by": "person"})  # type: ignore

    core.do(act)
    assert feature.at_risk
    assert feature.events()[-1][1]["at_risk"] is True
    assert first.id != second.id
