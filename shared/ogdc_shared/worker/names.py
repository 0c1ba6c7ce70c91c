"""The file name an input gets: always a plain one, and the one wget would give it.

Recipes name their inputs in globs and paths, and were written where wget fetched them.
"""

from __future__ import annotations

import os
import re

from ogdc_shared.errors import UnusableInputError

NAME_BYTES = 255
"""What Linux file systems take."""

_UNWANTED = re.compile(r"[/\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PARAMETER = r';\s*([\w!#$&+^`|~*.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))'


def take_name(
    owners: dict[str, str],
    name: str,
    source: str,
    *,
    advice: str = "Leave one out: the second would overwrite the first.",
) -> None:
    """Note in `owners` whose a name is.

    Raises:
        UnusableInputError: it is another input's; the message ends with `advice`.
    """
    if name in owners:
        raise UnusableInputError(
            f"Two inputs have the name {name!r}: {owners[name]!r} and {source!r}. {advice}"
        )
    owners[name] = source


def name_from_url(url: str) -> str:
    """Give the path's last segment with the query, percent-encoding undone; `index.html` for an empty one."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    segment = _unquote(parts.path.rpartition("/")[2]) or "index.html"
    return plain_name(f"{segment}?{_unquote(parts.query)}" if parts.query else segment)


def name_from_disposition(header: str) -> str | None:
    """Read the file name out of a Content-Disposition header; None where it has none.

    Of a path, be it one of Unix or of Windows, only the last component counts. `filename*` comes first.

    Args:
        header: As http.client gives it, each byte one character (ISO 8859-1).

    Source: RFC 6266 section 4.3 and appendix D; RFC 8187 section 3.2 for `filename*`.
    """
    parameters: dict[str, str] = {}
    for key, quoted, token in re.findall(_PARAMETER, f";{_as_utf8(header)}"):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else token.strip()
        parameters.setdefault(key.lower(), value)
    name = _extended(parameters.get("filename*", "")) or parameters.get("filename", "")
    return last_component(name) or None


def last_component(path: str) -> str:
    """Give the last component of a path of Unix or Windows as a plain name; empty where there is none."""
    component = re.split(r"[/\\]", path)[-1]
    return plain_name(component) if component else ""


def plain_name(text: str) -> str:
    """Make `text` the name of a file right in its directory: `/` and control characters percent-encoded.

    A name longer than a file system takes is shortened before its suffix.
    """
    name = _UNWANTED.sub(lambda match: _quote(match[0]), text)
    if name in {".", ".."}:
        name = name.replace(".", "%2E")
    stem, suffix = os.path.splitext(name)
    room = NAME_BYTES - len(suffix.encode())
    if room < 1:
        return name.encode()[:NAME_BYTES].decode(errors="ignore")
    return stem.encode()[:room].decode(errors="ignore") + suffix


def _quote(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))


def _unquote(text: str) -> str:
    """Undo percent-encoding, unless what comes out is not UTF-8."""
    from urllib.parse import unquote_to_bytes

    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return text


def _extended(value: str) -> str:
    """Decode an RFC 8187 value, `charset'language'percent-encoded`; empty where it cannot be decoded."""
    from urllib.parse import unquote_to_bytes

    charset, _, encoded = value.partition("'")
    try:
        return unquote_to_bytes(encoded.partition("'")[2]).decode(charset)
    except (LookupError, ValueError):
        return ""


def _as_utf8(header: str) -> str:
    """Undo the reading of raw UTF-8 bytes as ISO 8859-1."""
    try:
        return header.encode("iso-8859-1").decode()
    except UnicodeError:
        return header
