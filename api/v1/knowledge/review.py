"""Reviews of the draft of a knowledge base."""

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed
from models import KbReview
from schemas.kb_base import DecisionIn, ReviewOut, ReviewsQuery, SubmitIn
from workers.knowledge import review
from workers.paging import PageOf


@at("POST", "/submit")
@endpoint(scope="kb:write", body=SubmitIn, returns=ReviewOut, errors=(404, 409))
@placed
def submit_draft(call: Call, place: Place) -> KbReview:
    """Submits the draft for a review. Whatever changes it afterwards makes that void."""
    return review.submit(call.session, place.base(lock=True), by=call.principal.id, note=call.body["note"])


@at("POST", "/review")
@endpoint(scope="kb:review", body=DecisionIn, returns=ReviewOut, errors=(403, 404, 409))
@placed
def review_draft(call: Call, place: Place) -> KbReview:
    """Approves or rejects the submitted draft; with another key than the one that submitted it."""
    return review.decide(call.session, place.base(lock=True), by=call.principal.id, body=call.body)


@at("GET", "/reviews")
@endpoint(scope="kb:read", query=ReviewsQuery, returns=ReviewOut, page=True, errors=(404,))
@placed
def list_reviews(call: Call, place: Place) -> PageOf[KbReview]:
    """Lists all reviews of the knowledge base's drafts."""
    return review.list_reviews(call.session, place.base(), call.window)
