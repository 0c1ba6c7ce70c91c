"""Responses other than the file: what they mean, and what the server says about them."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ogdc_shared.documentation import LOGINS
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.servers import headers
from ogdc_shared.servers.response import InterruptedFetchError
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    import urllib3

_PASSING = frozenset({202, 408, 425, 429})
"""Statuses below 500 after which the same request may succeed."""
_LOGIN_MAY_HELP = frozenset({401, 403, 404})
"""Some servers say that there is no such file if a login is missing."""
PREPARING_SECONDS = 20.0
"""Pause after 202, with which a server says that it is preparing a file, unless it says how long to wait."""
_IN_XML = re.compile(
    r"<(?:\w+:)?(message|description|exceptiontext|serviceexception)\b[^>]*>\s*([^<]+)", re.IGNORECASE
)
_IN_JSON = ("message", "error_description", "detail", "description", "title", "error")
_MAX_SHOWN = 200


def refusal(
    url: str, response: urllib3.BaseHTTPResponse, place: str, *, note: str, with_login: bool, explained: str
) -> Exception:
    """Return the error for a response that is not the file.

    Args:
        url: The input's URL.
        response: The response.
        place: The URL that answered, after redirects.
        note: What to add about logins that were not used.
        with_login: Whether the request had a login.
        explained: The server's explanation, or empty.
    """
    answer = f"{response.status} {response.reason or ''}".strip() + (f" ({explained!r})" if explained else "")
    if response.status >= 500 or response.status in _PASSING:
        pause = headers.asked_pause(response.headers.get("Retry-After", ""))
        if response.status == 202:
            answer = f"{answer}: it is still preparing the file"
            pause = PREPARING_SECONDS if pause is None else pause
        return InterruptedFetchError(f"it answered {answer}", pause=pause)
    host = urlsplit(place).hostname
    login = (
        f"The login for {host} is not accepted. Check it" if with_login else f"It requires a login for {host}"
    )
    advice = {
        401: f"{login}: see {LOGINS}",
        403: f"A login for {host} is missing or may not read this, or a signed link has expired: see "
        f"{LOGINS}",
        407: "The proxy requires a login: give it in https_proxy.",
    }.get(response.status, "Check the address.")
    message = f"{url!r} cannot be fetched: its server answered {answer}. {advice}"
    return InputNotFoundError(f"{message} {note}".rstrip() if response.status in _LOGIN_MAY_HELP else message)


def explanation(response: urllib3.BaseHTTPResponse, body: bytes) -> str:
    """Return the message in the body of an error response; empty if it is a web page or there is none.

    Object stores and services of maps write XML, most other services JSON.
    """
    text = body.decode(errors="replace").strip()
    if response.headers.get("Content-Encoding") or "<html" in text[:1000].lower():
        return ""
    if text.startswith("<"):
        found = _IN_XML.search(text)
        text = unescape(found[2]) if found else ""
    elif text.startswith("{"):
        text = _message_of_json(text)
    elif not response.headers.get("Content-Type", "").lower().startswith("text/plain"):
        return ""
    return shortened(" ".join(text.split()), _MAX_SHOWN)


def _message_of_json(text: str) -> str:
    try:
        given = json.loads(text)
    except ValueError:
        return ""
    inner = given["error"] if isinstance(given.get("error"), dict) else given
    return next((inner[key] for key in _IN_JSON if isinstance(inner.get(key), str)), "")
