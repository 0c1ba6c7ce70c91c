"""Cookies of the servers that one task fetches from, as single sign-on requires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    import urllib3


class Cookies:
    """Cookies by server; the jar is only made for the first one."""

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def header(self, url: str) -> dict[str, str]:
        """Return the header with the cookies for a request; empty if there are none."""
        if self._jar is None:
            return {}
        request = _request(url)
        self._jar.add_cookie_header(request)
        return {"Cookie": value} if (value := request.get_header("Cookie")) else {}

    def keep(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        """Store the cookies of a response."""
        if "Set-Cookie" not in response.headers:
            return
        from http.cookiejar import CookieJar

        if self._jar is None:
            self._jar = CookieJar()
        self._jar.extract_cookies(_Response(response), _request(url))  # type: ignore[arg-type]


class _Response:
    """A response as `http.cookiejar` asks for it."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._headers = response.headers

    def info(self) -> _Response:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return list(self._headers.getlist(name)) or default


def _request(url: str) -> Any:
    from urllib.request import Request

    return Request(url)  # noqa: S310  only the cookie jar reads it
