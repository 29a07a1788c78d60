"""Products, their prices, and the search over them and their reviews."""

from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.handlers.answering import created, equal, filtered, known, tagged
from tests.fakes.shop.store import moment

Json = dict[str, Any]

UNSAID: Json = {"description": "", "weight_kg": 1, "stock": 0, "attributes": {}}


def list_products(call: Call) -> Answer:
    found = filtered(
        list(call.store.products.values()),
        call,
        category=equal("category"),
        min_price=lambda one, given: one["price"] >= given,
        max_price=lambda one, given: one["price"] <= given,
        in_stock=lambda one, given: (one["stock"] > 0) is given,
    )
    wish, limit, offset = call.query["sort"], call.query["limit"], call.query["offset"]
    found.sort(key=lambda one: one["sku"])
    found.sort(key=lambda one: one[wish.removeprefix("-")], reverse=wish.startswith("-"))
    items = found[offset : offset + limit]
    return Answer(body={"items": items, "limit": limit, "offset": offset, "total": len(found)})


def create_product(call: Call) -> Answer:
    sku = call.body["sku"]
    if sku in call.store.products:
        raise Problem(409, "Another product has this sku.")
    call.store.products[sku] = product = {**UNSAID, **call.body, "currency": "EUR", "created_at": moment()}
    return created(product, f"/products/{sku}")


def get_product(call: Call) -> Answer:
    return tagged(call, known(call.store.products, call.path["sku"], "product"))


def replace_product(call: Call) -> Answer:
    return _changed(call, UNSAID)


def change_product(call: Call) -> Answer:
    return _changed(call, {})


def _changed(call: Call, unsaid: Json) -> Answer:
    product = known(call.store.products, call.path["sku"], "product")
    call.store.products[product["sku"]] = product = {**product, **unsaid, **call.body}
    return Answer(body=product)


def delete_product(call: Call) -> Answer:
    sku = known(call.store.products, call.path["sku"], "product")["sku"]
    if any(item["sku"] == sku for order in call.store.orders.values() for item in order["items"]):
        raise Problem(409, "It has been ordered.")
    del call.store.products[sku]
    for review in [one for one in call.store.reviews.values() if one["sku"] == sku]:
        del call.store.reviews[review["id"]]
    for cart in call.store.carts.values():
        cart["items"] = [item for item in cart["items"] if item["sku"] != sku]
    return Answer(204)


def ask_prices(call: Call) -> Answer:
    products = call.store.products
    prices = [{"sku": sku, "price": products[sku]["price"] if sku in products else None} for sku in call.body["skus"]]
    return Answer(body={"prices": prices})


def search(call: Call) -> Answer:
    wanted = call.query["q"].casefold()
    texts = [("product", one["sku"], one["name"]) for one in call.store.products.values()]
    texts += [("review", one["id"], one["title"]) for one in call.store.reviews.values()]
    hits = [
        {"type": kind, "id": found, "title": title, "score": round(len(wanted) / max(len(title), len(wanted)), 3)}
        for kind, found, title in texts
        if wanted in title.casefold() and kind in call.query.get("types", (kind,))
    ]
    hits.sort(key=lambda one: (-float(one["score"]), one["id"]))
    return Answer(body={"query": call.query["q"], "hits": hits[: call.query["limit"]], "total": len(hits)})


HANDLERS = {
    "listProducts": list_products,
    "createProduct": create_product,
    "getProduct": get_product,
    "replaceProduct": replace_product,
    "changeProduct": change_product,
    "deleteProduct": delete_product,
    "askPrices": ask_prices,
    "search": search,
}
