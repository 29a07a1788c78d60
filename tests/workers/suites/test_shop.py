"""The sample API: it keeps to its specification until a fault is switched on; then it answers otherwise."""

import json
import re
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import pytest
from multidict import CIMultiDict
from openapi_spec_validator import validate

from tests.fakes.shop.call import Answer
from tests.fakes.shop.faults import FAULTS
from tests.fakes.shop.rules import rules_of
from tests.fakes.shop.running import running
from tests.fakes.shop.server import Shop
from tests.fakes.shop.spec import document
from tests.fakes.shop.store import CUSTOMER_TOKEN, STAFF_KEY, number

Json = dict[str, Any]

WHO: dict[str, dict[str, str]] = {
    "all": {"Authorization": f"Bearer {CUSTOMER_TOKEN}", "X-Api-Key": STAFF_KEY},
    "nobody": {},
    "customer": {"Authorization": f"Bearer {CUSTOMER_TOKEN}"},
    "wrong": {"Authorization": "Bearer wrong", "X-Api-Key": "wrong"},
    "wrong key": {"X-Api-Key": "wrong"},
}
ADDRESS = {"street": "a", "city": "b", "postal_code": "10115", "country": "DE"}
LINE = {"sku": "TEA-0001", "quantity": 2}
ORDER = {"customer_id": number("customer", 0), "items": [LINE], "shipping_address": ADDRESS}
PERSON = {"name": "x", "email": "x@shop.example", "country": "DE"}
GOODS = {"sku": "NEW-0001", "name": "new thing", "category": "toys", "price": 5, "stock": 7}
TERMS = {"percent": 10, "valid_until": "2099-01-01T00:00:00Z"}
OPINION = {"rating": 4, "title": "quite good"}
ANNA, NOWHERE = f"/customers/{number('customer', 0)}", number("nothing", 0)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOW = re.compile(r"20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Ask:
    """A request; `{0}` in a path is the id of what was made last. `known`: with the ETag of the answer before."""

    method: str
    path: str
    body: Any = None
    who: str = "all"
    media: str = "application/json"
    known: bool = False


def orders() -> list[Ask]:
    """Around orders."""
    wrong: list[Json] = [
        {**ORDER, "items": [{**LINE, "quantity": 100}]},
        {**ORDER, "items": []},
        {**ORDER, "shipping_address": {**ADDRESS, "postal_code": "x"}},
        {**ORDER, "shipping_address": {**ADDRESS, "more": 1}},
        {**ORDER, "customer_id": NOWHERE},
    ]
    return [
        *(Ask("POST", "/orders", body) for body in (*wrong, {**ORDER, "note": "n" * 300}, ORDER)),
        *(Ask("GET", f"/orders/{{0}}{rest}") for rest in ("", "/items")),
        *(Ask("POST", "/orders/{0}/status", {"status": status}) for status in ("delivered", "paid")),
        *(Ask("POST", "/orders/{0}/cancel") for _ in range(2)),
        *(Ask("GET", f"/orders?{query}") for query in ("after=99999999999", "limit=51", "status=paid", "limit=2")),
        Ask("GET", "/orders?after=100010&limit=2"),
        Ask("GET", "/orders?created_from=2025-04-20"),
        Ask("GET", "/orders/100001", who="nobody"),
    ]


def customers() -> list[Ask]:
    """Around customers."""
    wrong: list[Json] = [{**PERSON, "more": 1}, {**PERSON, "tags": ["a", "a"]}, {**PERSON, "country": None}]
    return [
        *(Ask("GET", f"/customers{query}", who="nobody" if query else "all") for query in ("", "?page=1")),
        *(Ask("GET", f"/customers?per_page=5&page={page}&country=DE") for page in (1, 2)),
        *(Ask("POST", "/customers", body) for body in (*wrong, {**PERSON, "birthday": None}, PERSON)),
        Ask("PATCH", "/customers/{0}", {"birthday": "soon"}),
        Ask("PATCH", "/customers/{0}", {"name": "y"}),
        Ask("GET", "/customers/{0}"),
        Ask("PATCH", "/customers/{0}", {"name": "z"}, who="nobody"),
        Ask("PATCH", "/customers/{0}", {"tags": ["vip"]}),
        Ask("PUT", "/customers/{0}", PERSON),
        Ask("DELETE", "/customers/{0}"),
        Ask("GET", "/customers/{0}"),
        Ask("DELETE", ANNA),
        Ask("POST", "/customers", {**PERSON, "email": "nul@shop.example", "name": "a\0b"}),
        *(Ask("PATCH", "/me", body) for body in ({"language": "xx"}, {"nickname": "n"}, {"birthday": None})),
        *(Ask("GET", "/me", who=who) for who in ("all", "wrong", "nobody")),
        Ask("POST", "/auth/tokens", {"name": "anna", "password": "wrong password"}),
        Ask("PUT", "/health"),
        Ask("GET", "/health"),
    ]


def goods() -> list[Ask]:
    """Around products and reviews."""
    lists = ("limit=3", "limit=50", "category=tea&limit=2", "sort=price&limit=9", "min_price=9000")
    queries = ("q=te", "q=t", "q=%C3%B6%C3%A4", "q=opinion&types=review&limit=2", "q=te&types=review")
    return [
        *(Ask("GET", f"/products?{query}") for query in lists),
        *(
            Ask("POST", "/products", {**GOODS, **more})
            for more in ({"price": -1}, {"weight_kg": 0}, {"sku": "x"}, *({"attributes": {"a": "b"}},) * 2)
        ),
        *(Ask("DELETE", "/products/NEW-0001", who=who) for who in ("wrong key", "customer")),
        Ask("PATCH", "/products/NEW-0001", {"price": 6}),
        Ask("PATCH", "/products/NEW-0001", {"stock": 100_001}),
        Ask("PUT", "/products/NEW-0001", {"name": "newer", "category": "tea", "price": 7}),
        *(Ask("GET", f"/products/{sku}") for sku in ("OLD-0000", "NEW-0001")),
        *(Ask("GET", "/products/TEA-0001", known=known) for known in (False, True)),
        *(Ask("POST", "/products/NEW-0001/reviews", body) for body in ({"title": "t"}, {**OPINION, "title": "t" * 81})),
        *(Ask("POST", "/products/NEW-0001/reviews", {**OPINION, "text": text}) for text in ("👍", "")),
        Ask("GET", "/reviews/{0}"),
        *(Ask("GET", f"/products/{sku}/reviews") for sku in ("NEW-0001", "TEA-0001", "BOO-0118")),
        Ask("DELETE", "/reviews/{0}"),
        Ask("GET", f"/reviews/{NOWHERE}"),
        *(Ask("POST", "/prices", {"skus": skus}) for skus in ([], ["TEA-0001", "XXX-0000"])),
        *(Ask("GET", f"/search?{query}") for query in queries),
        Ask("POST", "/prices", {"skus": [f"TEA-{index:04d}" for index in range(50, 0, -1)]}),
        *(Ask("GET", f"/products/TEA-0001/reviews?min_rating={least}") for least in range(1, 6)),
    ]


def others() -> list[Ask]:
    """Around carts, coupons and notes."""
    notes = ("", "n" * 5000, " ö\n")
    return [
        Ask("POST", "/carts"),
        Ask("DELETE", "/carts/{0}/items/TEA-0001"),
        *(Ask("PUT", "/carts/{0}/items/TEA-0001", {"quantity": quantity}) for quantity in ("3", 3, 3)),
        Ask("GET", "/carts/{0}"),
        Ask("DELETE", "/carts/{0}"),
        *(Ask("PUT", "/coupons/NEW1", {**TERMS, "percent": percent}) for percent in (0, 5, 6)),
        Ask("PUT", "/coupons/NEW2", TERMS, who="customer"),
        Ask("PUT", "/coupons/NEW3", TERMS, media="application/xml"),
        Ask("GET", "/coupons/WELCOME10"),
        Ask("PUT", "/coupons/NEW4", {**TERMS, "max_uses": None}),
        Ask("DELETE", "/coupons/NEW4"),
        Ask("GET", "/coupons/NEW4"),
        *(Ask("PUT", "/notes/new", text, media="text/plain") for text in notes),
        Ask("GET", "/notes"),
        Ask("GET", "/notes/new"),
        Ask("DELETE", "/notes/new"),
        Ask("GET", "/notes/new"),
    ]


SCRIPT = [*orders(), *customers(), *goods(), *others()]


def played(shop: Shop) -> list[tuple[Ask, Answer]]:
    """The script's answers."""
    found: list[tuple[Ask, Answer]] = []
    last, tag = "0", ""
    for ask in SCRIPT:
        raw = b""
        if ask.body is not None:
            raw = (ask.body if ask.media == "text/plain" else json.dumps(ask.body)).encode()
        headers = CIMultiDict({**WHO[ask.who], "Content-Type": ask.media})
        if ask.known:
            headers["If-None-Match"] = tag
        answer = shop.answer(ask.method, ask.path.replace("{0}", last), headers, raw)
        if ask.method == "POST" and answer.status < 300 and "id" in (answer.body or {}):
            last = str(answer.body["id"])
        tag = answer.headers.get("ETag", "")
        found.append((ask, answer))
    return found


def shown(answers: list[tuple[Ask, Answer]]) -> list[str]:
    """The answers as lines that are the same each time: ids by their order, times of today as now."""
    ids: dict[str, str] = {}
    lines = [f"{a.status} {a.content_type} {a.delay} {sorted(a.headers)} {json.dumps(a.body)}" for _, a in answers]
    return [NOW.sub("now", UUID.sub(lambda one: ids.setdefault(one[0], f"#{len(ids)}"), line)) for line in lines]


@pytest.fixture(scope="module")
def honest() -> list[str]:
    return shown(played(Shop()))


def test_the_specification_is_valid_and_describes_forty_operations_and_every_usual_refusal() -> None:
    described = document()
    validate(described)
    statuses = {
        status for item in described["paths"].values() for each in item.values() for status in each["responses"]
    }
    assert len(rules_of(described)) >= 40
    assert {"400", "401", "403", "404", "409", "415", "422", "429"} <= statuses


def test_every_answer_of_the_shop_without_faults_is_as_documented() -> None:
    described, shop = document(), Shop()
    each = [one for item in described["paths"].values() for one in item.values()]
    operations = {one["operationId"]: one["responses"] for one in each}
    for ask, answer in played(shop):
        found = shop.find(ask.method, ask.path)
        if found is None:
            assert answer.status == 405
            continue
        response = operations[found][str(answer.status)]
        response = (
            described["components"]["responses"][response["$ref"].split("/")[-1]] if "$ref" in response else response
        )
        wanted = {name for name, header in response.get("headers", {}).items() if header["required"]}
        assert wanted <= set(answer.headers), ask
        if answer.body is None:
            assert "content" not in response, ask
            continue
        schema = response["content"][answer.content_type.partition(";")[0]]["schema"]
        whole = {**schema, "components": described["components"]}
        assert jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid(answer.body), (ask, answer)


def test_the_script_answers_the_same_twice(honest: list[str]) -> None:
    assert shown(played(Shop())) == honest


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_what_is_answered(name: str, honest: list[str]) -> None:
    shop = Shop()
    shop.switch([name])
    assert shown(played(shop)) != honest
    fault = FAULTS[name].shown()
    assert fault["sentence"].endswith(".") and fault["category"] and " /" in fault["operation"]


def test_there_are_enough_faults_of_many_kinds() -> None:
    assert len(FAULTS) >= 44
    assert len({fault.category for fault in FAULTS.values()}) >= 25


def test_the_process_serves_its_description_takes_faults_and_forgets_its_data() -> None:
    with running() as shop:
        assert shop.specification() == document()
        shop.switch("order_created_200")
        made = shop.http.post("/orders", json=ORDER, headers=shop.credentials)
        assert made.status_code == 200
        shop.switch()
        assert shop.http.post("/orders", json=ORDER, headers=shop.credentials).status_code == 201
        shop.reset()
        assert shop.http.get(f"/orders/{made.json()['id']}", headers=shop.credentials).status_code == 404
        assert [one["name"] for one in shop.faults()] == list(FAULTS)
        assert shop.http.put("/__faults", json={"on": ["unknown"]}).status_code == 422
