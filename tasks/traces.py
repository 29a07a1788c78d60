"""The clockwork of traces and features."""

from celery import Task

from tasks.app import app
from workers.features import errands, quiet, reruns
from workers.traces import forgetting, rolling_up

# What still comes is waited for, so that a trace is seldom added up more than once.
QUIET_SECONDS = 1.0
# Half of the time, so that whoever sends spans is answered meanwhile; what has come is added up a little later.
RESTING = 1.0


@app.task(name="traces.roll_up", base=Task)
def roll_up_traces() -> int:
    """Traces that something new has come of are added up; in many short transactions of its own."""
    return rolling_up.roll_up(quiet_seconds=QUIET_SECONDS, resting=RESTING)


@app.task(name="traces.days", base=Task)
def keep_days_of_traces() -> None:
    """Room for the observations of days to come, soon after the start and then once an hour; days that are too old are
    dropped. In a transaction of its own."""
    forgetting.keep_days()


@app.task(name="traces.retention", base=Task)
def forget_old_traces() -> int:
    """Traces that are kept no longer are forgotten; in many short transactions of its own."""
    return forgetting.sweep()


@app.task(name="features.move", base=Task)
def move_traces_of_features() -> int:
    """Traces of features that people merged or removed go over; in many short transactions of its own."""
    return errands.move()


@app.task(name="features.teach", base=Task)
def teach_features() -> int:
    """Features learn what people's decisions say about them; where computing does no harm."""
    return errands.teach()


@app.task(name="features.reruns", base=Task)
def settle_reruns_of_features() -> int:
    """Runs of features' tests that have ended say whether the features are well; in a short transaction of its own."""
    return reruns.settle()


@app.task(name="features.quiet", base=Task)
def analyse_quiet_traces() -> int:
    """A job for each project that has traces to find features in; in short transactions of its own."""
    return quiet.submit_quiet()
