"""Where traces are."""

from api.v1.place import Place
from api.v1.place import placed as placed

_place = Place("traces")
at, bp = _place.at, _place.bp
