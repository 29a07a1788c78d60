"""The flags of features, for clients that ask for them again and again."""

from hashlib import sha256
from uuid import UUID

from flask import Response, request

from api.endpoint import Call, endpoint
from api.v1.features.place import at, placed
from infra import json
from schemas.feature import FlagsOut
from workers.features import flags

_OUT = FlagsOut()


@at("GET", "/features/flags")
@endpoint(scope="features:read", returns=FlagsOut, errors=(404,), or_else={304: None})
@placed
def get_feature_flags(call: Call, project_id: UUID) -> Response:
    """Which features are enabled, by their keys. Send the ETag back in If-None-Match: nothing has changed means 304."""
    body = json.dump_bytes(_OUT.dump({"flags": flags.flags(call.session, project_id)}))
    response = Response(body, content_type="application/json")
    response.set_etag(sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.add("Authorization")
    response.make_conditional(request)
    return response
