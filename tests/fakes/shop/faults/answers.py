"""Answers that are not as documented: status, fields, types, formats, ranges, headers, content types."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults.registry import Proceed, around, authorizing


@around("wrong status", "createOrder", "A new order is answered with 200; documented for success is only 201.")
def order_created_200(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), status=200)


@around("wrong status", "deleteReview", "A removed review is answered with 200; documented is 204.")
def review_deleted_200(call: Call, proceed: Proceed) -> Answer:
    proceed(call)
    return Answer(200, {"deleted": True})


@around("wrong status", "getProduct", "An unknown product is answered with 400, which is not documented; that is 404.")
def product_unknown_400(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem as problem:
        raise Problem(400, problem.detail) from None


@around("wrong status", "putCoupon", "A new coupon is answered with 200; 201 means: a new coupon.", hard=True)
def coupon_new_200(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), status=200)


@around(
    "undocumented status", "search", "A search with more hits than the limit is answered with 206; documented is 200."
)
def search_partial_206(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    return replace(answer, status=206) if answer.body["total"] > len(answer.body["hits"]) else answer


@around("undocumented status", "changeMe", "A changed profile is answered with 202; documented is 200.")
def me_changed_202(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), status=202)


@around("missing field", "getProduct", "A product comes without `currency`, which is required.")
def product_without_currency(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    if answer.body:
        del answer.body["currency"]
    return answer


@around("missing field", "getOrder", "The items of an order come without `price`, which is required.")
def order_items_without_price(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    for item in answer.body["items"]:
        del item["price"]
    return answer


@around(
    "missing field",
    "listReviews",
    "A product without reviews comes without `average`, which is required (null).",
    hard=True,
)
def no_average_without_reviews(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    if answer.body["average"] is None:
        del answer.body["average"]
    return answer


@around("wrong type", "listProducts", "`price` is a string in the list; documented is an integer.")
def product_price_string(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    for item in answer.body["items"]:
        item["price"] = f"{item['price'] / 100:.2f}"
    return answer


@around("wrong type", "createOrder", "`id` of a new order is a string; documented is an integer.")
def order_id_string(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["id"] = str(answer.body["id"])
    return answer


@around("wrong type", "changeCustomer", "`tags` of a changed customer is one text with commas; documented is an array.")
def customer_tags_text(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["tags"] = ",".join(answer.body["tags"])
    return answer


@around("extra field", "getCustomer", "A customer comes with `password_hash`; no additional properties are allowed.")
def customer_password_hash(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    if answer.body:
        answer.body["password_hash"] = "$2b$12$R9h/cIPz0gi.URNNX3kh2O"
    return answer


@around("extra field", "createCart", "A new cart comes with `_debug`; no additional properties are allowed.")
def cart_debug(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["_debug"] = {"queries": 3}
    return answer


@around("null in a non-nullable field", "getMe", "`language` is null; documented is a string.")
def me_language_null(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["language"] = None
    return answer


@around("null in a non-nullable field", "listOrderItems", "`price` of an item is null; documented is an integer.")
def item_price_null(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["items"][-1]["price"] = None
    return answer


@around(
    "enum value not in the list",
    "cancelOrder",
    "`status` of a cancelled order is `canceled`, which is not in the enum.",
)
def order_canceled(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["status"] = "canceled"
    return answer


@around(
    "date format wrong", "getOrder", "`created_at` has a space instead of T and no zone; documented is a date-time."
)
def order_date_format(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["created_at"] = answer.body["created_at"].replace("T", " ").removesuffix("Z")
    return answer


@around("date format wrong", "changeMe", "`birthday` comes back as day.month.year; documented is a date.")
def me_birthday_format(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    if day := answer.body["birthday"]:
        answer.body["birthday"] = ".".join(reversed(day.split("-")))
    return answer


@around("number out of range", "search", "`score` is in percent; documented is at most 1.")
def search_score_percent(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    for hit in answer.body["hits"]:
        hit["score"] *= 100
    return answer


@around("number out of range", "listReviews", "`average` of a product is 0 instead of null; documented is at least 1.")
def average_zero(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["average"] = answer.body["average"] or 0
    return answer


@around("wrong content type", "getCoupon", "A coupon is sent as text/html; documented is application/json.")
def coupon_as_html(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), content_type="text/html; charset=utf-8")


@around(
    "wrong content type", "getCustomer", "An unknown customer is answered in application/json; that is problem+json."
)
def customer_problem_as_json(call: Call, proceed: Proceed) -> Answer:
    try:
        return proceed(call)
    except Problem as problem:
        return replace(problem.answer(), content_type="application/json")


@around("missing header", "createCustomer", "A new customer's answer has no Location, which is required.")
def customer_without_location(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), headers={})


@around("missing header", "listCustomers", "The list has no X-Total-Count, which is required.")
def customers_without_count(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), headers={})


@authorizing("missing header", "getOrder", "A 401 has no WWW-Authenticate, which is required.")
def order_without_challenge(_: Mapping[str, str], ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except Problem as problem:
        raise Problem(problem.status, problem.detail) from None


@around("missing header", "getProduct", "A product has no ETag, which is required.")
def product_without_etag(call: Call, proceed: Proceed) -> Answer:
    return replace(proceed(call), headers={})


@around(
    "ETag never matches", "getProduct", "Sent with its own ETag the product comes whole; documented is 304.", hard=True
)
def product_etag_never_matches(call: Call, proceed: Proceed) -> Answer:
    call.headers = {}
    return proceed(call)
