"""Where features are."""

from api.v1.place import Place
from api.v1.place import placed as placed

_place = Place("features")
at, bp = _place.at, _place.bp
