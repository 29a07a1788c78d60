"""Features of a product: listed, changed, merged, split, switched, watched."""

from api.v1.features import analyze as analyze
from api.v1.features import decisions as decisions
from api.v1.features import features as features
from api.v1.features import flags as flags
from api.v1.features import overview as overview
from api.v1.features import risk as risk
from api.v1.features.place import bp

__all__ = ["bp"]
