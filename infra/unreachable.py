"""Why a call of infra/http.py did not come to an answer, in our words. No address that DNS gave is in them."""

import ssl

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from infra.errors import AnswerInvalid, SwitchyardError, TargetRefused, TargetUnreachable
from infra.targets import HINT


class AddressRefused(OSError):
    """A socket was asked for an address that may not be called. An OSError, since only that passes through aiohttp."""


def translated(error: Exception, url: URL) -> SwitchyardError:
    """The error of ours for one of aiohttp's or the system's."""
    host = f"{url.host}:{url.port}"
    cause = getattr(error, "os_error", error)
    if isinstance(cause, AddressRefused):
        return TargetRefused(f"{url.host} has an address that Switchyard does not call; {HINT}.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "").rstrip(".") or "it cannot be verified"
        return TargetUnreachable(f"The certificate of {host} is not valid: {why}.")
    if isinstance(cause, ssl.SSLError):
        return TargetUnreachable(f"{host} and Switchyard do not agree on TLS: {cause.reason or 'no reason given'}.")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TargetUnreachable(f"The name {url.host} cannot be resolved.")
    if isinstance(cause, ConnectionRefusedError):
        return TargetUnreachable(f"{host} refuses connections.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return TargetUnreachable(f"{host} cannot be reached.")
    if isinstance(error, aiohttp.InvalidURL):
        return TargetRefused(f"{host} cannot be called.")
    return _broken(error, host)


def _broken(error: Exception, host: str) -> SwitchyardError:
    """After the connection was there."""
    if isinstance(error, aiohttp.ClientResponseError):
        return AnswerInvalid(f"The answer of {host} is not HTTP, or its headers are too long.")
    if isinstance(error.__cause__, ContentEncodingError):
        return AnswerInvalid(f"The answer of {host} is not compressed as its Content-Encoding says.")
    return TargetUnreachable(f"{host} closed the connection before its answer was complete.")
