"""Reviews of products."""

from statistics import fmean

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.handlers.answering import created, filtered, known, uuid
from tests.fakes.shop.store import fresh, moment


def list_reviews(call: Call) -> Answer:
    sku = known(call.store.products, call.path["sku"], "product")["sku"]
    found = [one for one in reversed(call.store.reviews.values()) if one["sku"] == sku]
    found = filtered(found, call, min_rating=lambda one, given: one["rating"] >= given)
    average = round(fmean(one["rating"] for one in found), 2) if found else None
    return Answer(body={"items": found, "average": average})


def create_review(call: Call) -> Answer:
    sku = known(call.store.products, call.path["sku"], "product")["sku"]
    author = call.store.me["nickname"]
    review = {"id": fresh(), "sku": sku, "text": "", **call.body, "author": author, "created_at": moment()}
    call.store.reviews[review["id"]] = review
    return created(review, f"/reviews/{review['id']}")


def get_review(call: Call) -> Answer:
    return Answer(body=known(call.store.reviews, uuid(call, "review_id"), "review"))


def delete_review(call: Call) -> Answer:
    del call.store.reviews[known(call.store.reviews, uuid(call, "review_id"), "review")["id"]]
    return Answer(204)


HANDLERS = {
    "listReviews": list_reviews,
    "createReview": create_review,
    "getReview": get_review,
    "deleteReview": delete_review,
}
