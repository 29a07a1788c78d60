"""Lists that show the wrong things: pages, filters, order, totals."""

from dataclasses import replace

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.faults.registry import Proceed, around


@around("off-by-one limit", "listProducts", "A page has one item more than `limit`; it has at most so many.")
def products_limit_plus_one(call: Call, proceed: Proceed) -> Answer:
    limit = call.query["limit"]
    call.query = {**call.query, "limit": limit + 1}
    answer = proceed(call)
    answer.body["limit"] = limit
    return answer


@around("off-by-one limit", "listOrders", "A page has one item more than `limit`; it has at most so many.")
def orders_limit_plus_one(call: Call, proceed: Proceed) -> Answer:
    call.query = {**call.query, "limit": call.query["limit"] + 1}
    return proceed(call)


@around("pagination repeats", "listCustomers",
        "Each page begins with the last of the page before; each customer is on exactly one.", hard=True)  # fmt: skip
def customers_repeated(call: Call, proceed: Proceed) -> Answer:
    page, size = call.query["page"], call.query["per_page"]
    call.query = {**call.query, "page": 1, "per_page": 10_000}
    answer = proceed(call)
    begin = max(0, (page - 1) * size - 1)
    found = answer.body["items"]
    answer.body |= {"items": found[begin : begin + size], "page": page, "per_page": size}
    return answer


@around(
    "pagination skips",
    "listOrders",
    "The order after `after` is skipped; all with a higher number are in the list.",
    hard=True,
)
def orders_skipped(call: Call, proceed: Proceed) -> Answer:
    if "after" in call.query:
        call.query = {**call.query, "after": call.query["after"] + 1}
    return proceed(call)


@around("filter ignored", "listProducts", "`category` changes nothing; only products of that category are in the list.")
def products_category_ignored(call: Call, proceed: Proceed) -> Answer:
    call.query = {name: value for name, value in call.query.items() if name != "category"}
    return proceed(call)


@around("filter ignored", "listOrders", "`status` changes nothing; only orders of that status are in the list.")
def orders_status_ignored(call: Call, proceed: Proceed) -> Answer:
    call.query = {name: value for name, value in call.query.items() if name != "status"}
    return proceed(call)


@around("filter ignored", "listCustomers", "`country` changes nothing; only customers of that country are in the list.")
def customers_country_ignored(call: Call, proceed: Proceed) -> Answer:
    call.query = {name: value for name, value in call.query.items() if name != "country"}
    return proceed(call)


@around("filter ignored", "search", "`types` changes nothing; only hits of one of these types are in the list.")
def search_types_ignored(call: Call, proceed: Proceed) -> Answer:
    call.query = {name: value for name, value in call.query.items() if name != "types"}
    return proceed(call)


@around("filter wrong", "listReviews", "`min_rating` leaves out those of just that rating; it is the least.", hard=True)
def reviews_min_rating_exclusive(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    least = call.query.get("min_rating", 0)
    answer.body["items"] = [one for one in answer.body["items"] if one["rating"] > least]
    return answer


@around(
    "filter wrong", "listOrders", "`created_from` leaves out the day itself; it is on this day or later.", hard=True
)
def orders_created_from_exclusive(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    day = call.query.get("created_from", "")
    answer.body["items"] = [one for one in answer.body["items"] if one["created_at"][:10] > day]
    return answer


@around(
    "sort wrong", "askPrices", "The prices are sorted by `sku`; they are in the order that was asked in.", hard=True
)
def prices_sorted(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["prices"].sort(key=lambda one: one["sku"])
    return answer


@around("sort wrong", "listProducts", "`sort=price` sorts as text (1000 before 200); it sorts by price.")
def products_sorted_as_text(call: Call, proceed: Proceed) -> Answer:
    limit, offset = call.query["limit"], call.query["offset"]
    if call.query["sort"] != "price":
        return proceed(call)
    call.query = {**call.query, "limit": 10**6, "offset": 0}
    answer = proceed(call)
    found = sorted(answer.body["items"], key=lambda one: str(one["price"]))
    answer.body |= {"items": found[offset : offset + limit], "limit": limit, "offset": offset}
    return answer


@around("wrong total", "listCustomers", "`total` and X-Total-Count are of the page; they count all that fit.")
def customers_total_of_page(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    count = answer.body["total"] = len(answer.body["items"])
    return replace(answer, headers={"X-Total-Count": str(count)})


@around(
    "list without the new thing", "listReviews", "A new review is not in the list, which has all of them.", hard=True
)
def reviews_without_newest(call: Call, proceed: Proceed) -> Answer:
    answer = proceed(call)
    answer.body["items"] = [one for one in answer.body["items"] if one["created_at"] < "2025-06"]
    return answer
