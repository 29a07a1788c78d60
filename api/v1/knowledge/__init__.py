"""Knowledge bases over HTTP; each file registers its views with `place.bp`."""

from api.v1.knowledge import bases as bases
from api.v1.knowledge import builds as builds
from api.v1.knowledge import databases as databases
from api.v1.knowledge import documents_upload as documents_upload
from api.v1.knowledge import draft as draft
from api.v1.knowledge import entries as entries
from api.v1.knowledge import openapi as openapi
from api.v1.knowledge import queries as queries
from api.v1.knowledge import review as review
from api.v1.knowledge import search as search
from api.v1.knowledge import spec_diff as spec_diff
from api.v1.knowledge import sql as sql
from api.v1.knowledge import transfer as transfer
from api.v1.knowledge import versions as versions
from api.v1.knowledge.place import bp

__all__ = ["bp"]
