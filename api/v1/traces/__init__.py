"""Traces: listed, read, counted, deleted, exported."""

from api.v1.traces import export as export
from api.v1.traces import metrics as metrics
from api.v1.traces import observations as observations
from api.v1.traces import sessions as sessions
from api.v1.traces import suggest as suggest
from api.v1.traces import traces as traces
from api.v1.traces.place import bp

__all__ = ["bp"]
