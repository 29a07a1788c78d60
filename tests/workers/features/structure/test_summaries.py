"""Traces summed up."""

from tests.workers.features.seen import call, request, stored, tool
from tests.workers.traces.sending import span
from workers.features.structure.summaries import summarise, words_of

SYSTEM = "You help customers of a shop. Use the tools when they help."


def test_a_trace_is_its_root_its_tools_and_what_the_user_wanted() -> None:
    root = request("POST", "/chat/42", route="/chat/{id}")
    found = summarise(
        stored(
            root,
            call(root, "where is order 4711?", system=SYSTEM),
            tool(root, "get_order"),
            call(root, "where is order 4711?", "It is on its way.", system=SYSTEM),
        )
    )
    assert found.details["entry"] == "test POST /chat/{}"
    assert found.details["tools"] == ["tool get_order"]
    assert found.goal == "where is order ?" or found.goal == "where is order"
    assert [one.site for one in found.calls] == ["POST /chat/{} > chat"] * 2
    assert found.prompt is not None and not found.details["noise"]


def test_a_clients_request_is_the_servers_route_whatever_its_path() -> None:
    def seen(path: str, route: str | None, code: int = 200):
        root = span(f"GET {path}", {"http.request.method": "GET", "url.full": f"http://shop{path}"}, kind=3)
        served = request("GET", path, route=route, code=code, parent=root, resource={"service.name": "shop"})
        asked = call(served, "where is it?")
        return summarise(stored(root, served, asked))

    found = [seen(path, "/things/{name}") for path in ("/things/anvil", "/things/null")]
    assert {one.details["entry"] for one in found} == {"shop GET /things/{}"}
    assert len({one.skeleton for one in found}) == len({one.calls[0].site for one in found}) == 1
    assert summarise(stored(span("GET", {"http.request.method": "GET"}, kind=3))).details["entry"] == "test GET"


def test_ids_times_and_the_models_version_change_nothing() -> None:
    first, second = (
        summarise(stored(root, call(root, f"order {number}", system=f"{SYSTEM} Today is 2026-01-0{number}.")))
        for number in (1, 2)
        for root in [request("POST", f"/orders/{number}/chat")]
    )
    assert (first.skeleton, first.prompt, first.goal) == (second.skeleton, second.prompt, second.goal)


def test_without_its_parents_in_a_circle_or_alone_a_trace_has_one_root() -> None:
    orphan = span("work", id="0000000000000002", parent="00000000000000ff", trace="1" * 32)
    assert summarise(stored(orphan)).details["entry"] == "test work"
    one = span("one", id="0000000000000003", parent="0000000000000004", trace="2" * 32, start=0)
    other = span("other", id="0000000000000004", parent="0000000000000003", trace="2" * 32, start=1)
    found = summarise(stored(one, other))
    assert found.details["entry"] == "test one"


def test_the_users_words_are_found_among_what_a_program_put_around_them() -> None:
    root = request("POST", "/ask", route="/ask")
    passages = "\n---\n".join(["The museum opens at nine and closes at five on every day of the week."] * 5)
    asked = "how many days of leave do I have"
    found = summarise(stored(root, call(root, f"Context:\n{passages}\n\nQuestion: {asked}", system=SYSTEM)))
    assert found.goal == asked


def test_a_follow_up_is_read_with_what_it_follows() -> None:
    root = request("POST", "/chat", route="/chat")
    found = summarise(stored(root, call(root, "yes please", before="cancel my order", system=SYSTEM)))
    assert "cancel my order" in found.goal


def test_words_are_found_in_the_bodies_that_programs_send() -> None:
    assert (
        words_of('{"messages": [{"role": "system", "content": "x y"}, {"role": "user", "content": "hi you"}]}')
        == "hi you"
    )
    assert words_of({"id": 3, "question": {"text": "why so late"}}) == "why so late"
    assert words_of({"role": "assistant", "content": "no"}) == ""
    assert words_of([[[[[[["deep down"]]]]]]]) == ""
    assert words_of(None) == ""
