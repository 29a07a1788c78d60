"""What is answered is not what is kept: changes that are lost, things that stay, ids that change."""

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.faults.registry import Proceed, around
from tests.fakes.shop.handlers import products
from tests.fakes.shop.store import fresh


@around(
    "not persisted", "changeCustomer", "The change is answered but not kept; the answer is the customer as it is now."
)
def customer_change_lost(call: Call, proceed: Proceed) -> Answer:
    before = dict(call.store.customers)
    answer = proceed(call)
    call.store.customers = before
    return answer


@around(
    "not persisted",
    "replaceProduct",
    "The new `price` is answered but not kept; the answer is the product as it is now.",
)
def product_price_lost(call: Call, proceed: Proceed) -> Answer:
    before = call.store.products.get(call.path["sku"], {}).get("price")
    answer = proceed(call)
    call.store.products[call.path["sku"]] = {**answer.body, "price": before}
    return answer


@around("not persisted", "createCart", "A new cart cannot be read; it is kept.")
def cart_lost(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    del call.store.carts[answer.body["id"]]
    return answer


@around(
    "deleted but still there",
    "deleteNote",
    "A note stays readable after it was deleted; documented is 404 from then on.",
)
def note_stays(call: Call, proceed: Proceed) -> Answer:
    before = dict(call.store.notes)
    answer = proceed(call)
    call.store.notes = before
    return answer


@around(
    "deleted but still there",
    "deleteCustomer",
    "A customer stays readable after the deletion; documented is 404 from then on.",
)
def customer_stays(call: Call, proceed: Proceed) -> Answer:
    before = dict(call.store.customers)
    answer = proceed(call)
    call.store.customers = before
    return answer


@around("PATCH resets other fields", "changeProduct", "What is not sent is reset; it is to stay as it was.")
def product_patch_resets(call: Call, proceed: Proceed) -> Answer:
    call.body = {**products.UNSAID, **call.body}
    return proceed(call)


@around(
    "PATCH resets other fields", "changeMe", "`newsletter` becomes false unless it is sent; it is to stay as it was."
)
def me_patch_resets(call: Call, proceed: Proceed) -> Answer:
    call.body = {"newsletter": False, **call.body}
    return proceed(call)


@around(
    "PATCH resets other fields",
    "replaceCustomer",
    "`tags` that are not sent stay; they are as of a new one.",
    hard=True,
)
def customer_put_keeps_tags(call: Call, proceed: Proceed) -> Answer:
    before = call.store.customers.get(str(call.path["customer_id"]).lower(), {})
    call.body = {"tags": before.get("tags", []), **call.body}
    return proceed(call)


@around("not persisted", "changeMe", "`birthday` null changes nothing; the answer is the profile as it is now.")
def me_birthday_null_ignored(call: Call, proceed: Proceed) -> Answer:
    call.body = {name: value for name, value in call.body.items() if name != "birthday" or value is not None}
    return proceed(call)


@around("not persisted", "createProduct", "`attributes` of a new product are not kept; the answer is what is kept.")
def product_attributes_dropped(call: Call, proceed: Proceed) -> Answer:
    call.body = {name: value for name, value in call.body.items() if name != "attributes"}
    return proceed(call)


@around(
    "wrong value kept", "putNote", "White space at the ends of a note is lost; it is read as it was put.", hard=True
)
def note_stripped(call: Call, proceed: Proceed) -> Answer:
    call.body = call.body.strip()
    return proceed(call)


@around(
    "deleted but still there",
    "deleteCoupon",
    "A coupon stays readable after the deletion; documented is 404 from then on.",
)
def coupon_stays(call: Call, proceed: Proceed) -> Answer:
    before = dict(call.store.coupons)
    answer = proceed(call)
    call.store.coupons = before
    return answer


@around(
    "PUT not idempotent",
    "putCartItem",
    "The quantity is added to the one there; the same request again changes nothing.",
)
def cart_quantity_added(call: Call, proceed: Proceed) -> Answer:
    cart = call.store.carts.get(str(call.path["cart_id"]).lower(), {"items": []})
    there = sum(item["quantity"] for item in cart["items"] if item["sku"] == call.path["sku"])
    call.body = {"quantity": min(99, there + call.body["quantity"])}
    return proceed(call)


@around("id changes between reads", "getCart", "A cart has another `id` at each reading; it is read by its id.")
def cart_id_changes(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["id"] = fresh()
    return answer


@around("wrong value kept", "createReview",
        "A review's `title` is kept in title case; the answer is the review as it is kept.", hard=True)  # fmt: skip
def review_title_changed(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    review = call.store.reviews[answer.body["id"]]
    call.store.reviews[review["id"]] = {**review, "title": review["title"].title()}
    return answer


@around(
    "wrong value kept",
    "createOrder",
    "`total` does not multiply by the quantity; it is the sum of price × quantity.",
    hard=True,
)
def order_total_without_quantity(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["total"] = sum(item["price"] for item in answer.body["items"])
    return answer
