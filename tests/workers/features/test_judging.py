"""What a model decides about traces that resemble some features, but none enough."""

import json
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest

from models import Assigned
from tests.fakes.provider import FakeProvider
from tests.workers.conftest import Run
from tests.workers.features.analyses import Ctx
from tests.workers.features.seen import summary
from tests.workers.jobs.conftest import Core
from workers.features.assigning import Assigner, Doubt
from workers.features.base import Assignment
from workers.features.judging import Judge
from workers.providers import names

ORDERS, REFUNDS = UUID(int=1), UUID(int=2)


@pytest.fixture
def model(core: Core, provider: FakeProvider) -> Iterator[FakeProvider]:
    """A provider that answers what its models are called."""
    with names.credentials({"openai": provider.settings()}):
        yield provider


def confirmed(run: Run, says: object, *, model: str | None = None, **ctx: object) -> tuple[list[Assignment], Judge]:
    """What comes of two doubts where the model says this."""
    known = Assigner([], lambda one, other: 0.0, names={ORDERS: "Track orders", REFUNDS: "Refunds"})
    known.doubts = [Doubt(summary("</requests> 4711?"), [ORDERS]), Doubt(summary("my money"), [ORDERS, REFUNDS])]
    hexed = json.dumps(says, separators=(",", ":")).encode().hex()
    judge = Judge(Ctx(UUID(int=9), **ctx), model or f"openai/hex-{hexed}")  # type: ignore[arg-type]
    return run(judge.confirm(known)), judge


def answers(*given: tuple[int, str | None]) -> object:
    return {"answers": [{"request": at, "feature": letter} for at, letter in given]}


def test_a_model_confirms_what_resembles_a_feature(model: FakeProvider, run: Run) -> None:
    made, judge = confirmed(run, answers((0, "A"), (1, "B")))
    assert [(one.feature_id, one.by) for one in made] == [(ORDERS, Assigned.MODEL), (REFUNDS, Assigned.MODEL)]
    asked = model.calls[-1].body["messages"][-1]["content"]
    assert judge.calls == 1 and "A: Track orders" in asked and asked.count("</requests>") == 1


def test_what_was_not_offered_or_does_not_exist_counts_as_none(model: FakeProvider, run: Run) -> None:
    assert confirmed(run, answers((0, "B"), (1, None), (7, "A"), (-1, "A"), (1, "Z")))[0] == []


def test_an_answer_of_another_form_is_none_and_a_model_that_fails_is_asked_no_more(
    model: FakeProvider, run: Run
) -> None:
    made, judge = confirmed(run, {"feature": "A"})
    assert made == [] and judge.warnings == []
    run(judge.confirm(_doubtful(60)))
    assert judge.calls == 3 and "asked no more" in judge.warnings[0]


def test_nothing_is_asked_beyond_the_jobs_cost_or_without_a_model(model: FakeProvider, run: Run) -> None:
    made, judge = confirmed(run, {}, model="openai/gpt-4o", max_cost=Decimal("0.000001"))
    assert (made, judge.calls) == ([], 0) and "max_cost" in judge.warnings[0]
    assert run(Judge(Ctx(UUID(int=9)), None).confirm(_doubtful(3))) == []


def _doubtful(count: int) -> Assigner:
    known = Assigner([], lambda one, other: 0.0, names={ORDERS: "Track orders"})
    known.doubts = [Doubt(summary("my money"), [ORDERS]) for _ in range(count)]
    return known
