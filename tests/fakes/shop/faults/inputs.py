"""Input that is accepted although the specification rules it out: each takes one keyword out of what is checked."""

from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults.registry import Loosen, Proceed, around, loosened
from tests.fakes.shop.rules import Rules


def _body(path: str, **keywords: Any) -> Loosen:
    """Sets, or with None removes, keywords of the schema at that place of the body, as `items/[]/quantity`."""

    def loosen(rules: Rules) -> None:
        schema = rules.schema
        for step in path.split("/") if path else ():
            schema = schema["items"] if step == "[]" else schema["properties"][step]
        _set(schema, keywords)

    return loosen


def _parameter(name: str, **keywords: Any) -> Loosen:
    return lambda rules: _set(rules.parameter(name), keywords)


def _set(schema: dict[str, Any], keywords: dict[str, Any]) -> None:
    for keyword, value in keywords.items():
        if value is None:
            del schema[keyword]
        else:
            schema[keyword] = value


def _not_required(name: str) -> Loosen:
    return lambda rules: rules.schema["required"].remove(name)


def _any_media(rules: Rules) -> None:
    rules.any_media = True


OFF = "off-by-one limit"
loosened("weight_0", OFF, "createProduct", "A `weight_kg` of 0 is accepted; it is more than 0.",
         _body("weight_kg", exclusiveMinimum=None, minimum=0))  # fmt: skip
loosened("stock_100001", OFF, "changeProduct", "A `stock` of 100,001 is accepted; it is at most 100,000.",
         _body("stock", maximum=100_001))  # fmt: skip
loosened("quantity_100", OFF, "createOrder", "100 of a product can be ordered; `quantity` is at most 99.",
         _body("items/[]/quantity", maximum=100))  # fmt: skip
loosened("review_title_81", OFF, "createReview", "A `title` of 81 characters is accepted; it has at most 80.",
         _body("title", maxLength=81))  # fmt: skip
loosened("search_one_character", OFF, "search", "A `q` of one character is accepted; it has at least 2.",
         _parameter("q", minLength=1))  # fmt: skip
loosened(
    "coupon_percent_0", OFF, "putCoupon", "`percent` 0 is accepted; it is at least 1.", _body("percent", minimum=0)
)
loosened(
    "orders_limit_51", OFF, "listOrders", "`limit` 51 is accepted; it is at most 50.", _parameter("limit", maximum=51)
)
loosened("price_negative", "negative price accepted", "createProduct", "A `price` below 0 is accepted; 0 is the least.",
         _body("price", minimum=None))  # fmt: skip
loosened("customer_any_property", "additional property accepted", "createCustomer",
         "Unknown properties are accepted; no additional properties are allowed.",
         _body("", additionalProperties=True))  # fmt: skip
loosened("address_any_property", "additional property accepted", "createOrder",
         "Unknown properties of `shipping_address` are accepted; no additional properties are allowed.",
         _body("shipping_address", additionalProperties=True))  # fmt: skip
loosened("sku_any_text", "pattern not checked", "createProduct", "Any text is accepted as `sku`; it has a pattern.",
         _body("sku", pattern=None))  # fmt: skip
loosened("postal_code_any_text", "pattern not checked", "createOrder",
         "Any text is accepted as `postal_code`; it has a pattern.",
         _body("shipping_address/postal_code", pattern=None))  # fmt: skip
loosened("language_any_text", "enum not checked", "changeMe", "Any text is accepted as `language`; it is an enum.",
         _body("language", enum=None))  # fmt: skip
loosened("birthday_any_text", "format not checked", "changeCustomer",
         "Any text is accepted as `birthday`; it is a date.",
         _body("birthday", format=None))  # fmt: skip
loosened("order_without_items", "too few items accepted", "createOrder",
         "An order without items is accepted; it has at least 1.",
         _body("items", minItems=None))  # fmt: skip
loosened("tags_repeated", "repeated items accepted", "createCustomer",
         "The same tag twice is accepted; they are unique.",
         _body("tags", uniqueItems=None), hard=True)  # fmt: skip
loosened("coupon_any_media", "wrong media type accepted", "putCoupon",
         "A body of any media type is read as JSON; documented is 415.", _any_media)  # fmt: skip


@around("wrong type accepted", "putCartItem", "A `quantity` in quotation marks is accepted; it is an integer.",
        loosen=_body("quantity", type=["integer", "string"], pattern="^[1-9][0-9]?$"))  # fmt: skip
def quantity_as_text(call: Call, proceed: Proceed) -> Answer:
    call.body = {"quantity": int(call.body["quantity"])}
    return proceed(call)


@around("required property not required", "createReview", "A review without `rating` is accepted; it is required.",
        loosen=_not_required("rating"))  # fmt: skip
def review_without_rating(call: Call, proceed: Proceed) -> Answer:
    call.body = {"rating": 3, **call.body}
    return proceed(call)


@around(
    "duplicate accepted", "createCustomer", "A second customer with the same `email` is accepted; documented is 409."
)
def customer_email_twice(call: Call, proceed: Proceed) -> Answer:
    email = call.body["email"]
    call.body = {**call.body, "email": f"{len(call.store.customers)}@double.example"}
    answer = proceed(call)
    answer.body["email"] = call.store.customers[answer.body["id"]]["email"] = email
    return answer


@around(
    "duplicate accepted", "createProduct", "A second product with the same `sku` replaces the first; documented is 409."
)
def product_sku_twice(call: Call, proceed: Proceed) -> Answer:
    call.store.products.pop(call.body["sku"], None)
    return proceed(call)


@around("status transition not checked", "changeOrderStatus",
        "An order can go from new to delivered; documented is 409.", hard=True)  # fmt: skip
def order_delivered_at_once(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem as problem:
        if problem.status != 409:
            raise
        order = call.store.orders[call.path["order_id"]] = {
            **call.store.orders[call.path["order_id"]], "status": call.body["status"]
        }  # fmt: skip
        return Answer(body=order)
