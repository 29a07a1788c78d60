"""To which known feature a trace belongs."""

from uuid import UUID

from models import Assigned
from tests.workers.features.seen import near, summary
from workers.features.assigning import Assigner
from workers.features.prototypes import Prototype, condense

ORDERS, REFUNDS, TEXTS = UUID(int=1), UUID(int=2), UUID(int=3)


def known(feature: UUID, number: int, *, told: bool = True, **more: object) -> list[Prototype]:
    """A feature whose users say what is on the axis of that number, and are told what is ten further."""
    traces = [
        summary("said", vector=near(number, seed=at), reply=near(number + 10, seed=at) if told else None)
        for at in range(20)
    ]
    return condense(feature, traces, **more).prototypes  # type: ignore[arg-type]


def assigner(*prototypes: list[Prototype]) -> Assigner:
    return Assigner([one for some in prototypes for one in some], lambda one, other: float(one == other))


def test_a_trace_goes_where_its_like_is_said() -> None:
    both = assigner(known(ORDERS, 0), known(REFUNDS, 1))
    found = both.decide(summary("said", vector=near(1, seed=99)))
    assert (found.feature_id, found.by) == (REFUNDS, Assigned.EMBEDDING) and found.confidence > 0.7


def test_what_is_likeliest_but_not_near_stays_without_a_feature() -> None:
    alone = assigner(known(ORDERS, 0))
    other = summary("said", vector=near(5), reply=near(25))
    assert alone.decide(other).feature_id is None
    assert alone.assign_all([other]) == []


def test_what_users_are_told_decides_where_their_words_do_not() -> None:
    both = assigner(known(ORDERS, 0), known(REFUNDS, 1))
    between = near(0) + near(1)
    one = summary("said", vector=between / 2**0.5, reply=near(11, seed=99), answer="the money is back")
    one.reply, reply = None, one.reply
    assert both.wants_reply(one)
    one.reply = reply
    assert both.decide(one).feature_id == REFUNDS


def test_a_feature_that_was_told_nothing_yet_is_known_by_words() -> None:
    both = assigner(known(ORDERS, 0, told=False), known(REFUNDS, 1))
    assert both.decide(summary("said", vector=near(0, seed=99), reply=near(30))).feature_id == ORDERS


def test_words_are_not_asked_where_structure_tells() -> None:
    wide = [summary("said", entry="test POST /texts") for _ in range(300)]
    sure = assigner(condense(TEXTS, wide, wide=True).prototypes)
    more = [summary("anything", entry="test POST /texts") for _ in range(40)]
    assert sum(map(sure.wants_vector, more)) < 20
    assert {one.by for one in sure.assign_all(more)} == {Assigned.STRUCTURE}


def test_noise_has_no_feature_and_nothing_is_known_without_any() -> None:
    assert assigner(known(ORDERS, 0)).decide(summary("said", vector=near(0), noise=True)).feature_id is None
    assert assigner().decide(summary("said", vector=near(0))).feature_id is None


def test_what_resembles_some_features_is_a_doubt_for_a_model() -> None:
    both = assigner(known(ORDERS, 0), known(REFUNDS, 1))
    between = near(0, 0.01) + near(1, 0.01)
    both.assign_all([summary("said", vector=between / 2**0.5)])
    assert [{*one.nearest} for one in both.doubts] == [{ORDERS, REFUNDS}]
