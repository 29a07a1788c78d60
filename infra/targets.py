"""What Switchyard may call for a user: which URLs, addresses and ports. Nothing here asks DNS.

Everything that is not the public internet is refused, unless ALLOW_PRIVATE_TARGETS lists it. `infra/http.py` asks again
for every answer of DNS and for the very address that a socket connects to.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from yarl import URL

from infra.errors import TargetRefused
from infra.settings import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2048
HINT = "an operator can open it with ALLOW_PRIVATE_TARGETS"

_AUTHORITY = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)
_PORT = re.compile(r":([^:\]]*)\Z")
# In one spelling, since deliveries wait in line by host and port; others (none, 080, another alphabet's) are endless.
_USUAL_PORT = re.compile(r"[1-9][0-9]{0,4}")
# Parsers disagree on what these mean, or drop them.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}")
# What a C library reads as IPv4: 2130706433, 127.1, 0x7f.1, 0177.0.0.1. No top-level domain is a number.
_NUMBER_AT_THE_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_IPV4 = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# Where clouds hand out credentials to whoever asks. 168.63.129.16 is Azure's, amid public addresses.
METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42", "100.100.100.200",
        "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42",
    )
)  # fmt: skip

# What an address is, in words; the first that fits.
KINDS: tuple[tuple[str, tuple[Network, ...]], ...] = (
    ("an unspecified", _networks("0.0.0.0/8", "::/128")),
    ("a loopback", _networks("127.0.0.0/8", "::1/128")),
    ("a private", _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
    ("a link-local", _networks("169.254.0.0/16", "fe80::/10")),
    ("a site-local", _networks("fec0::/10")),
    ("a carrier-grade NAT", _networks("100.64.0.0/10")),
    ("a multicast", _networks("224.0.0.0/4", "ff00::/8")),
    ("a broadcast", _networks("255.255.255.255/32")),
    ("a benchmarking", _networks("198.18.0.0/15", "2001:2::/48")),
    ("a documentation",
     _networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("a reserved", _networks("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23", "64:ff9b:1::/48")),
)  # fmt: skip
_NAT64, _NAT64_LOCAL = _networks("64:ff9b::/96", "64:ff9b:1::/48")
_GLOBAL_UNICAST = ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Targets:
    """A rule: private networks that may be called, on any port, and the ports of everything else."""

    allowed: tuple[Network, ...]
    ports: tuple[range, ...]

    @classmethod
    def of_settings(cls) -> Self:
        """The installation's rule."""
        return cls(settings().allow_private_targets, settings().allowed_target_ports)

    def url(self, text: str) -> URL:
        """The URL, as it will be called. Says all that can be said without DNS; raises TargetRefused."""
        url = _parsed(text)
        host, port = url.raw_host or "", url.port or 0
        if _is_address(host):
            self.check(host, host, port)
        elif host == "localhost" or host.endswith(".localhost"):
            self.check(host, "127.0.0.1", port)
        elif not self.allowed and not self._open(port):
            raise TargetRefused(self._closed(host, port))
        return url

    def check(self, host: str, address: str, port: int) -> None:
        """Raises TargetRefused unless that address, which is what `host` resolves to, may be called on that port."""
        found = _address(host, address)
        ends = reached(found)
        if METADATA.intersection(ends):
            if not self._listed(found, ends, exactly=True):
                raise TargetRefused(f"{host} is the metadata service of a cloud, which Switchyard does not call.")
        elif not self._listed(found, ends):
            kind = next(filter(None, map(kind_of, ends)), None)
            if kind:
                how = "is" if host == address else "resolves to"
                raise TargetRefused(f"{host} {how} {kind} address, which Switchyard does not call; {HINT}.")
            if not self._open(port):
                raise TargetRefused(self._closed(host, port))

    def _listed(self, address: Address, ends: tuple[Address, ...], *, exactly: bool = False) -> bool:
        networks = [one for one in self.allowed if one.num_addresses == 1 or not exactly]
        return any(address in one for one in networks) or all(any(end in one for one in networks) for end in ends)

    def _open(self, port: int) -> bool:
        return any(port in ports for ports in self.ports)

    def _closed(self, host: str, port: int) -> str:
        ports = ", ".join(f"{one.start}-{one.stop - 1}" if len(one) > 1 else str(one.start) for one in self.ports)
        return (
            f"Port {port} of {host} is not among the ports that Switchyard calls ({ports}); an operator can add it to "
            "ALLOWED_TARGET_PORTS."
        )


def check_url(url: str, pointer: str = "/url") -> None:
    """For a URL that a user stores: what can be said of it without DNS. Raises TargetRefused, a BadInput, with `errors`
    at that pointer. A name passes; what it resolves to is checked at each call."""
    try:
        Targets.of_settings().url(url)
    except TargetRefused as refused:
        raise TargetRefused(refused.detail, errors=[{"pointer": pointer, "detail": refused.detail}]) from None


def kind_of(address: Address) -> str | None:
    """What keeps an address from being public, as `a loopback`; None: it is public."""
    for kind, networks in KINDS:
        if any(address in network for network in networks):
            return kind
    # `is_global` alone would let multicast, site-local and transition addresses pass.
    is_public = address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)
    return None if is_public else "a reserved"


def reached(address: Address) -> tuple[Address, ...]:
    """Where a connection to this address may end: at the IPv4 addresses inside an IPv6 address, else at itself."""
    if isinstance(address, IPv4Address):
        return (address,)
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped or address in _NAT64:
        return (last,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address, *address.teredo  # refused for itself too: 2001::/23 is reserved
    is_compatible = number >> 32 == 0 and number > 1
    is_isatap = (number >> 32) & 0xFDFFFFFF == 0x5EFE  # under any prefix
    if is_compatible or is_isatap:
        return address, last
    if address in _NAT64_LOCAL:  # where IPv4 stands depends on the prefix's length (RFC 6052): /96 or /48
        return address, last, IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    return (address,)


def _parsed(text: str) -> URL:
    if len(text) > LONGEST_URL:
        raise TargetRefused(f"The URL is longer than {LONGEST_URL} characters.")
    if _UNSAFE.search(text):
        raise TargetRefused("The URL has a space, a control character or a backslash in it; percent-encode it.")
    authority = _AUTHORITY.match(text)
    if authority is None:
        raise TargetRefused("The URL must begin with http:// or https:// and a host.")
    if "@" in authority[1]:
        raise TargetRefused("The URL has a user name or password in it; send an Authorization header instead.")
    port = _PORT.search(authority[1])
    if port and not _USUAL_PORT.fullmatch(port[1]):
        raise TargetRefused("The port of the URL must be a number from 1 to 65535, without zeros in front.")
    try:
        url = URL(text)
        host = url.raw_host or ""
    except ValueError:
        raise TargetRefused("The URL is not well-formed.") from None
    if not (_is_address(host) or _is_name(host)):
        raise TargetRefused(
            "The host of the URL must be a name, an IPv4 address such as 192.0.2.1, or [an IPv6 address]."
        )
    return _as_written(url, text[authority.end() :])


def _as_written(url: URL, rest: str) -> URL:
    """With its path and query to the letter, where that can be: yarl would write `%2F` and `..` in its own way."""
    if not rest.isascii():
        return url
    path, _, query = rest.partition("#")[0].partition("?")
    return URL.build(scheme=url.scheme, authority=url.raw_authority, path=path or "/", query_string=query, encoded=True)


def _is_address(host: str) -> bool:
    return ":" in host or _IPV4.fullmatch(host) is not None


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None and not _NUMBER_AT_THE_END.fullmatch(host)


def _address(host: str, text: str) -> Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise TargetRefused(f"{host} is not a valid IP address.") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise TargetRefused(f"{host} has a zone (%), which only means something on one machine.")
    return address
