"""Routes that are learnt, and stay what they were."""

from workers.features.structure.routes import OFTEN, Routes


def test_a_place_with_many_rare_values_becomes_a_variable() -> None:
    routes = Routes()
    for number in range(80):
        routes.template("GET", f"/shop/{name(number)}/reviews", "web")
    assert routes.template("GET", f"/shop/{name(99)}/reviews", "web") == "/shop/{}/reviews"
    assert routes.renewed(f"web GET /shop/{name(3)}/reviews") == "web GET /shop/{}/reviews"


def test_words_of_routes_stay_words_however_many_there_are() -> None:
    routes = Routes()
    for _ in range(5):
        for number in range(40):
            routes.template("GET", f"/api/{name(number)}")
    assert routes.template("GET", f"/api/{name(7)}") == f"/api/{name(7)}"


def test_a_word_that_came_often_before_stays_beside_the_variable() -> None:
    routes = Routes()
    for _ in range(OFTEN):
        routes.template("GET", "/users/me")
    for number in range(80):
        routes.template("GET", f"/users/{name(number)}")
    assert routes.template("GET", "/users/me") == "/users/me"
    assert routes.template("GET", "/users/somebody") == "/users/{}"


def test_what_was_learnt_is_kept_as_json() -> None:
    routes = Routes()
    for number in range(80):
        routes.template("GET", f"/shop/{name(number)}")
    again = Routes(routes.state)
    assert again.template("GET", "/shop/other", learn=False) == "/shop/{}"


def test_operations_of_a_knowledge_base_are_known_before_any_traffic() -> None:
    routes = Routes(operations=[("GET", "/pets/{petId}"), ("GET", "/pets/mine")])
    assert routes.template("GET", "/pets/rex") == "/pets/{}"
    assert routes.template("GET", "/pets/mine") == "/pets/mine"
    assert routes.template("POST", "/pets/rex") == "/pets/rex"


def test_hostile_paths_are_bounded() -> None:
    routes = Routes()
    for number in range(200):
        routes.template("GET", "/".join(f"{name(number)}{name(part)}" for part in range(100)))
    assert routes._nodes <= 5_000


def name(number: int) -> str:
    """A name without a digit in it."""
    return "".join("abcdefghij"[int(one)] for one in str(number)) + "-lamp"
