"""Knowledge bases over HTTP; each file registers its views with `place.bp`."""

from api.v1.knowledge.place import bp

__all__ = ["bp"]
