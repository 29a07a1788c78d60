"""What makes the server fail or wait: texts, emptiness, missing things."""

from dataclasses import replace
from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults.registry import Proceed, around


class Crash(Exception):
    """What nobody thought of; the server answers 500."""


def _fail_if(fails: Any, what: str) -> None:
    if fails:
        raise Crash(what)


@around(
    "500 on unicode",
    "search",
    "A `q` that is not ASCII is answered with 500; any text of 2 to 60 characters is allowed.",
)
def search_unicode_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(not call.query["q"].isascii(), "'ascii' codec can't encode characters")
    return proceed(call)


@around("500 on unicode", "createReview", "A `text` with an emoji is answered with 500; any text is allowed.")
def review_emoji_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(any(ord(one) > 0xFFFF for one in call.body.get("text", "")), "Incorrect string value: '\\xF0\\x9F'")
    return proceed(call)


@around(
    "500 on NUL",
    "createCustomer",
    "A `name` with U+0000 is answered with 500; any text of 1 to 100 characters is allowed.",
)
def customer_nul_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if("\0" in call.body["name"], "A string literal cannot contain NUL (0x00) characters.")
    return proceed(call)


@around(
    "500 on long text", "createOrder", "A `note` of more than 255 characters is answered with 500; 500 are allowed."
)
def order_note_255_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(len(call.body.get("note") or "") > 255, "value too long for type character varying(255)")
    return proceed(call)


@around("500 on long text", "putNote", "A note of more than 4,096 characters is answered with 500; 10,000 are allowed.")
def note_long_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(len(call.body) > 4096, "line too long")
    return proceed(call)


@around(
    "500 on empty list", "askPrices", "An empty list of `skus` is answered with 500; there is no least number of items."
)
def prices_of_none_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(not call.body["skus"], "syntax error at or near ')'")
    return proceed(call)


@around("500 on an empty text", "putNote", "An empty note is answered with 500; there is no least length.")
def note_empty_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(not call.body, "string index out of range")
    return proceed(call)


@around("500 on a missing resource", "getReview", "An unknown review is answered with 500; documented is 404.")
def review_unknown_500(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem:
        raise Crash("'NoneType' object has no attribute 'id'") from None


@around(
    "500 on a missing resource",
    "deleteCartItem",
    "A product that is not in the cart is answered with 500; documented is 404.",
)
def cart_item_unknown_500(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem:
        raise Crash("list.remove(x): x not in list") from None


@around("500 on a conflict", "createOrder", "An order for an unknown customer is answered with 500; documented is 409.")
def order_unknown_customer_500(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem:
        raise Crash("violates foreign key constraint") from None


@around("500 on a large number", "listOrders", "An `after` of more than 32 bits is answered with 500; 2^53 is allowed.")
def orders_after_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(call.query.get("after", 0) >= 2**31, "integer out of range")
    return proceed(call)


@around("500 on null", "createCustomer", "`birthday` null is answered with 500; null is allowed.")
def customer_birthday_null_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if("birthday" in call.body and call.body["birthday"] is None, "'NoneType' object has no attribute 'split'")
    return proceed(call)


@around("500 on null", "putCoupon", "`max_uses` null is answered with 500; null is allowed.")
def coupon_max_uses_null_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(call.body.get("max_uses", 1) is None, "'>' not supported between instances of 'NoneType' and 'int'")
    return proceed(call)


@around("500 on a long list", "askPrices", "More than 32 `skus` are answered with 500; 50 are allowed.")
def prices_of_many_500(call: Call, proceed: Proceed) -> Answer:
    _fail_if(len(call.body["skus"]) > 32, "too many SQL variables")
    return proceed(call)


@around("slow", "search", "A search takes 3 s; each operation answers within a second.")
def search_slow(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), delay=3.0)


@around(
    "slow", "listProducts", "The list takes 3 s when 50 or more are asked for; each operation answers within a second."
)
def products_slow_when_many(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), delay=3.0 if call.query["limit"] >= 50 else 0.0)
