"""Carts; who knows one's id may use it."""

from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.handlers.answering import created, known, uuid
from tests.fakes.shop.store import Store, fresh, moment

Json = dict[str, Any]


def create_cart(call: Call) -> Answer:
    cart: Json = {"id": fresh(), "items": [], "created_at": moment()}
    call.store.carts[cart["id"]] = cart
    return created(_shown(call.store, cart), f"/carts/{cart['id']}")


def get_cart(call: Call) -> Answer:
    return Answer(body=_shown(call.store, known(call.store.carts, uuid(call, "cart_id"), "cart")))


def delete_cart(call: Call) -> Answer:
    del call.store.carts[known(call.store.carts, uuid(call, "cart_id"), "cart")["id"]]
    return Answer(204)


def put_item(call: Call) -> Answer:
    cart = known(call.store.carts, uuid(call, "cart_id"), "cart")
    sku = known(call.store.products, call.path["sku"], "product")["sku"]
    item = {"sku": sku, "quantity": call.body["quantity"]}
    if any(one["sku"] == sku for one in cart["items"]):
        cart["items"] = [item if one["sku"] == sku else one for one in cart["items"]]
    else:
        cart["items"] = [*cart["items"], item]
    return Answer(body=_shown(call.store, cart))


def delete_item(call: Call) -> Answer:
    cart = known(call.store.carts, uuid(call, "cart_id"), "cart")
    left = [one for one in cart["items"] if one["sku"] != call.path["sku"]]
    if len(left) == len(cart["items"]):
        raise Problem(404, "The product is not in the cart.")
    cart["items"] = left
    return Answer(204)


def _shown(store: Store, cart: Json) -> Json:
    items = [{**item, "price": store.products[item["sku"]]["price"]} for item in cart["items"]]
    return {**cart, "items": items, "total": sum(item["price"] * item["quantity"] for item in items)}


HANDLERS = {
    "createCart": create_cart,
    "getCart": get_cart,
    "deleteCart": delete_cart,
    "putCartItem": put_item,
    "deleteCartItem": delete_item,
}
