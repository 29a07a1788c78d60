"""Version 1 of the HTTP contract: its nouns."""

from api.v1 import api_keys, batches, dead_letters, jobs, projects, schedules

BLUEPRINTS = (jobs.bp, batches.bp, dead_letters.bp, api_keys.bp, projects.bp, schedules.bp)
