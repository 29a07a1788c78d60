"""Knowledge bases: drafts, versions, builds, search."""
