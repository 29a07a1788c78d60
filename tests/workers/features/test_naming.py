"""Names that are made without a model."""

from tests.workers.features.seen import summary
from workers.features.naming import describe, evidence, name


def test_a_tool_of_its_own_names_a_feature_best() -> None:
    own = [summary("where is it", tools=("tool trackOrder",)) for _ in range(5)]
    assert name(own, [[summary("refund", tools=("tool start_refund",))]]) == "Track order"


def test_then_its_route_does() -> None:
    said = {
        "shop POST /v1/orders/{}/cancel": "Cancel orders",
        "shop GET /api/products/{}": "View products",
        "shop POST /translate": "Translate requests",
        "shop DELETE /carts/{}/items/{}": "Delete carts items",
    }
    assert {entry: name([summary(entry=entry)] * 5, []) for entry in said} == said


def test_then_words_that_its_users_say_and_others_do_not() -> None:
    own = [summary("please I want a refund of my lamp"), summary("refund the lamp please")] * 4
    others = [[summary("where is my order"), summary("I want a lamp")] * 4]
    assert "refund" in name(own, others).lower()


def test_nobodys_name_is_a_features_name() -> None:
    own = [summary("I am Wilhelmina and want a refund today"), summary("say Wilhelmina wants a refund today")] * 4
    assert "wilhelmina" not in name(own, [[summary("hello")]]).lower()
    assert "Wilhelmina" not in describe(own)


def test_it_always_has_a_name_and_evidence_without_ends() -> None:
    assert name([summary()] * 5, [[summary()] * 5])
    found = evidence([summary(f"{at} " + "x" * 900) for at in range(9)])
    assert len(found["trace_ids"]) == len(found["inputs"]) == 5
    assert max(map(len, found["inputs"])) == 200
