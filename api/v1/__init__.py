"""Version 1 of the HTTP contract: its nouns."""

from api.v1 import api_keys, jobs, projects

BLUEPRINTS = (jobs.bp, api_keys.bp, projects.bp)
