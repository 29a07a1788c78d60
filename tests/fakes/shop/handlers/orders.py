"""Orders and their way from new to delivered."""

from datetime import UTC, datetime
from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.handlers.answering import created, equal, filtered, known
from tests.fakes.shop.store import FIRST_ORDER, Store, moment

Json = dict[str, Any]

NEXT = {"new": "paid", "paid": "shipped", "shipped": "delivered"}


def list_orders(call: Call) -> Answer:
    found = filtered(
        list(call.store.orders.values()),
        call,
        after=lambda one, given: one["id"] > given,
        status=equal("status"),
        created_from=lambda one, given: one["created_at"][:10] >= given,
    )
    limit = call.query["limit"]
    goes_on = len(found) > limit
    return Answer(body={"items": found[:limit], "next_after": found[limit - 1]["id"] if goes_on else None})


def create_order(call: Call) -> Answer:
    wish, store = call.body, call.store
    customer = wish["customer_id"].lower()
    if customer not in store.customers:
        raise Problem(409, "There is no such customer.")
    for item in wish["items"]:
        if item["sku"] not in store.products:
            raise Problem(409, f"There is no product {item['sku']}.")
    percent = _discount(store, wish["coupon"]) if "coupon" in wish else 0
    items = [{**item, "price": store.products[item["sku"]]["price"]} for item in wish["items"]]
    total = sum(item["price"] * item["quantity"] for item in items)
    number = max(store.orders, default=FIRST_ORDER) + 1
    order = {
        "note": None,
        "coupon": None,
        **wish,
        "id": number,
        "customer_id": customer,
        "status": "new",
        "items": items,
        "total": total - total * percent // 100,
        "created_at": moment(),
    }
    store.orders[number] = order
    return created(order, f"/orders/{number}")


def _discount(store: Store, code: str) -> int:
    """The percent of a coupon, which is used once more."""
    coupon = store.coupons.get(code)
    if coupon is None or datetime.fromisoformat(coupon["valid_until"].upper()) < datetime.now(UTC):
        raise Problem(409, "There is no such coupon, or it is not valid any more.")
    if coupon["max_uses"] is not None and coupon["used"] >= coupon["max_uses"]:
        raise Problem(409, "The coupon is used up.")
    store.coupons[code] = {**coupon, "used": coupon["used"] + 1}
    return int(coupon["percent"])


def get_order(call: Call) -> Answer:
    return Answer(body=known(call.store.orders, call.path["order_id"], "order"))


def list_order_items(call: Call) -> Answer:
    return Answer(body={"items": known(call.store.orders, call.path["order_id"], "order")["items"]})


def change_status(call: Call) -> Answer:
    order = known(call.store.orders, call.path["order_id"], "order")
    if NEXT.get(order["status"]) != call.body["status"]:
        raise Problem(409, f"The order is {order['status']}; it cannot become {call.body['status']}.")
    return _to(call, order, call.body["status"])


def cancel_order(call: Call) -> Answer:
    order = known(call.store.orders, call.path["order_id"], "order")
    if order["status"] not in ("new", "paid"):
        raise Problem(409, f"The order is {order['status']}; it cannot be cancelled.")
    return _to(call, order, "cancelled")


def _to(call: Call, order: Json, status: str) -> Answer:
    call.store.orders[order["id"]] = order = {**order, "status": status}
    return Answer(body=order)


HANDLERS = {
    "listOrders": list_orders,
    "createOrder": create_order,
    "getOrder": get_order,
    "listOrderItems": list_order_items,
    "changeOrderStatus": change_status,
    "cancelOrder": cancel_order,
}
