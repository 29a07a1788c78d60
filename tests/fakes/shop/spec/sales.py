"""The operations around buying: orders, carts, coupons; and the notes of the staff."""

from typing import Any

from tests.fakes.shop.spec.parts import (
    EITHER,
    NOBODY,
    STAFF,
    answer,
    header,
    inside,
    link,
    operation,
    query,
    ref,
    sent,
    text,
    whole,
)
from tests.fakes.shop.spec.people import ANNA
from tests.fakes.shop.spec.schemas import CODE, DATE, NOTE_NAME, SKU, STATUS, UUID
from tests.fakes.shop.store import FIRST_ORDER, number

Json = dict[str, Any]

NUMBER = whole(1, 2**53)
ORDER = inside("order_id", NUMBER, "The order.", example=FIRST_ORDER)
SOME_ORDER = inside("order_id", NUMBER, "The order.")
CART = inside("cart_id", UUID, "The cart.", example=number("cart", 0))
SOME_CART = inside("cart_id", UUID, "The cart.")
PLAIN = text(0, 10_000)
LOCATION = {"Location": header({"type": "string", "format": "uri-reference"}, "Where it is.")}
HOME = {"street": "Hauptstraße 1", "city": "Köln", "postal_code": "50667", "country": "DE"}
WANTED = {"customer_id": ANNA, "items": [{"sku": "TEA-0001", "quantity": 2}], "shipping_address": HOME,
          "note": "Bitte klingeln 🔔"}  # fmt: skip
TERMS = {"percent": 20, "valid_until": "2099-06-30T12:00:00Z", "max_uses": 100}


def _links(parameter: str, **operations: str) -> Json:
    return {name: link(each, parameter, "$response.body#/id") for name, each in operations.items()}


ORDERS: Json = {
    "/orders": {
        "get": operation(
            "listOrders",
            "The orders, by number",
            EITHER,
            {"200": answer("A part of the list; `next_after` is where it goes on, null at its end.", ref("OrderPage"))},
            422,
            parameters=(
                query("after", whole(0, 2**53), "Only orders with a higher number."),
                query("limit", whole(1, 50, default=20), "At most so many items."),
                query("status", STATUS, "Only orders whose `status` is this."),
                query("created_from", DATE, "Only orders whose `created_at` is on this day or later."),
            ),
        ),
        "post": operation(
            "createOrder",
            "Order something",
            EITHER,
            {"201": answer("The order, as it is kept; `total` is the sum of price × quantity, less the coupon.",
                           ref("Order"), headers=LOCATION,
                           links=_links("order_id", read="getOrder", items="listOrderItems", status="changeOrderStatus",
                                        cancel="cancelOrder"))},
            409,
            body=sent(ref("NewOrder"), WANTED),
            description="409: there is no such customer, product or valid coupon.",
        ),
    },
    "/orders/{order_id}": {
        "get": operation("getOrder", "An order", EITHER, {"200": answer("It.", ref("Order"))}, 404, 422,
                         parameters=(ORDER,)),
    },
    "/orders/{order_id}/items": {
        "get": operation("listOrderItems", "What was ordered", EITHER, {"200": answer("Its items.", ref("OrderItems"))},
                         404, 422, parameters=(ORDER,)),
    },
    "/orders/{order_id}/status": {
        "post": operation(
            "changeOrderStatus",
            "Go on with an order",
            STAFF,
            {"200": answer("The order as it is now.", ref("Order"))},
            404,
            409,
            parameters=(SOME_ORDER,),
            body=sent(ref("StatusChange"), {"status": "paid"}),
            description="new → paid → shipped → delivered; 409: any other step.",
        ),
    },
    "/orders/{order_id}/cancel": {
        "post": operation("cancelOrder", "Cancel an order", EITHER,
                          {"200": answer("The order, cancelled.", ref("Order"))}, 404, 409, 422,
                          parameters=(SOME_ORDER,), description="409: it is not new or paid any more."),
    },
}  # fmt: skip
CARTS: Json = {
    "/carts": {
        "post": operation(
            "createCart", "An empty cart", NOBODY,
            {"201": answer("The cart; whoever knows its id may use it.", ref("Cart"), headers=LOCATION,
                           links=_links("cart_id", read="getCart", put="putCartItem", drop="deleteCartItem",
                                        remove="deleteCart"))},
        ),
    },
    "/carts/{cart_id}": {
        "get": operation("getCart", "A cart", NOBODY, {"200": answer("It.", ref("Cart"))}, 404, 422,
                         parameters=(CART,)),
        "delete": operation("deleteCart", "Throw a cart away", NOBODY,
                            {"204": answer("It is gone: from now on it is answered with 404.")}, 404, 422,
                            parameters=(SOME_CART,)),
    },
    "/carts/{cart_id}/items/{sku}": {
        "put": operation(
            "putCartItem", "How many of a product are wanted", NOBODY,
            {"200": answer("The cart as it is now; the product is in it that many times.", ref("Cart"))}, 404,
            parameters=(CART, inside("sku", SKU, "The product.", example="COF-0002")),
            body=sent(ref("Quantity"), {"quantity": 3}),
            description="The same request again changes nothing.",
        ),
        "delete": operation(
            "deleteCartItem", "Take a product out of a cart", NOBODY,
            {"204": answer("It is not in the cart any more.")}, 404, 422,
            parameters=(SOME_CART, inside("sku", SKU, "The product.")),
        ),
    },
}  # fmt: skip
COUPONS: Json = {
    "/coupons/{code}": {
        "get": operation("getCoupon", "A coupon", EITHER, {"200": answer("It.", ref("Coupon"))}, 404, 422,
                         parameters=(inside("code", CODE, "The coupon.", example="WELCOME10"),)),
        "put": operation(
            "putCoupon", "Make or change a coupon", STAFF,
            {"200": answer("The coupon as it is now.", ref("Coupon")),
             "201": answer("A new coupon.", ref("Coupon"),
                           links={"read": link("getCoupon", "code", "$response.body#/code"),
                                  "remove": link("deleteCoupon", "code", "$response.body#/code")})},
            parameters=(inside("code", CODE, "The coupon.", example="SUMMER20"),),
            body=sent(ref("CouponTerms"), TERMS),
            description="The same request again changes nothing.",
        ),
        "delete": operation("deleteCoupon", "Withdraw a coupon", STAFF,
                            {"204": answer("It is gone: from now on it is answered with 404.")}, 404, 422,
                            parameters=(inside("code", CODE, "The coupon."),)),
    },
}  # fmt: skip
NAMED = inside("name", NOTE_NAME, "The note.", example="readme")
READ = {
    "read": link("getNote", "name", "$request.path.name"),
    "remove": link("deleteNote", "name", "$request.path.name"),
}
NOTES: Json = {
    "/notes": {
        "get": operation("listNotes", "The names of all notes", EITHER, {"200": answer("All.", ref("NoteList"))}),
    },
    "/notes/{name}": {
        "get": operation("getNote", "The text of a note", EITHER,
                         {"200": answer("The text, as it was put.", PLAIN, media="text/plain")}, 404, 422,
                         parameters=(NAMED,)),
        "put": operation(
            "putNote", "Write a note", EITHER,
            {"200": answer("It replaced another text.", links=READ), "201": answer("A new note.", links=READ)},
            parameters=(inside("name", NOTE_NAME, "The note.", example="shopping"),),
            body=sent(PLAIN, "Milch, Käse, 豆腐\n", "text/plain"),
            description="UTF-8. The same request again changes nothing.",
        ),
        "delete": operation("deleteNote", "Throw a note away", EITHER,
                            {"204": answer("It is gone: from now on it is answered with 404, and no list has it.")},
                            404, 422, parameters=(inside("name", NOTE_NAME, "The note."),)),
    },
}  # fmt: skip
PATHS: Json = ORDERS | CARTS | COUPONS | NOTES
