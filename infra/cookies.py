"""The cookies of one session, as a browser keeps them: for the host and path that set them, until they expire."""

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL


class Cookies:
    """Empty at first; belongs to one event loop."""

    def __init__(self) -> None:
        self._jar: aiohttp.CookieJar | None = None

    def __bool__(self) -> bool:
        return self._jar is not None

    def learn(self, url: URL, headers: CIMultiDictProxy[str]) -> None:
        """Takes what an answer sets."""
        if "Set-Cookie" in headers:
            if self._jar is None:
                # Hosts may be addresses, and a value is nobody's to quote.
                self._jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
            # The jar takes the very first second for none, and it is what servers delete cookies with.
            said = [one.replace("1970 00:00:00", "1970 00:00:01") for one in headers.getall("Set-Cookie")]
            self._jar.update_cookies_from_headers(said, url)

    def header(self, url: URL, given: str | None = None) -> str | None:
        """The Cookie header of a request there; `given` is the request's own: it goes first, and its names stand."""
        if self._jar is None:
            return given
        taken = {pair.partition("=")[0].strip() for pair in (given or "").split(";")}
        written = {(one.key, one.value): one.coded_value for one in self._jar}
        found = [one for one in self._jar.filter_cookies(url).values() if one.key not in taken]
        pairs = [f"{one.key}={written.get((one.key, one.value), one.value)}" for one in found]
        kept = [pair for pair in pairs if pair.isascii() and pair.isprintable()]
        return "; ".join([given, *kept] if given else kept) or None

    def get(self, name: str) -> str | None:
        """The value of the newest cookie of that name, whatever its host."""
        found = [one.value for one in self._jar or () if one.key == name]
        return found[-1] if found else None
