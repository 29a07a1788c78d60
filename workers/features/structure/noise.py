"""What is no feature: probes of the platform, static files, preflights, and what nobody found."""

import re

from workers.traces.base import Stored

# What asks whether a program is well: alone, or below one other segment.
PROBES = frozenset(
    {
        "health",
        "healthz",
        "healthcheck",
        "health-check",
        "_health",
        "ready",
        "readyz",
        "readiness",
        "livez",
        "liveness",
        "ping",
        "heartbeat",
        "favicon.ico",
        "robots.txt",
        "sitemap.xml",
        "ads.txt",
    }
)
# The same, where nothing else is in the path.
ALONE = frozenset({"live", "status", "metrics", "version", "actuator", "prometheus"})
FILES = re.compile(
    r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|eot|php|aspx?|env|git|bak)$"
    r"|^/(?:static|assets|_next|wp-[a-z]+|cgi-bin|\.[a-z-]+)(?:/|$)"
)
METHODS = ("OPTIONS", "HEAD", "TRACE", "CONNECT")
REQUEST = re.compile(r"([A-Z]{3,7})(?: (/\S*))?$")
NOBODY_FOUND = (404, 405)


def is_noise(root: Stored, label: str) -> bool:
    """Whether a trace of plain requests, by its root and that one's label, is nothing that users do. Files that the
    program has a route for are its own."""
    found = REQUEST.match(label)
    if found is None:
        return False
    if found[1] in METHODS or found[2] is None:
        return True
    path = found[2].lower()
    parts = [one for one in path.split("/") if one]
    if (len(parts) <= 2 and parts and parts[-1] in PROBES) or (len(parts) == 1 and parts[0] in ALONE):
        return True
    if root.attributes.get("http.route"):
        return False
    code = root.attributes.get("http.response.status_code", root.attributes.get("http.status_code"))
    return bool(FILES.search(path)) or code in NOBODY_FOUND
