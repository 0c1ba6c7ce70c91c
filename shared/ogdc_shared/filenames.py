"""The file names of inputs: plain names that the recipe's author would expect.

Recipes refer to their inputs by globs and paths, and were written with files downloaded by wget or a browser:
the last part of the URL's path, percent-decoded, without a query that follows the extension.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ogdc_shared.errors import UnusableInputError
from ogdc_shared.redact import redact_url

if TYPE_CHECKING:
    from ogdc_shared.plan import InputFile

NAME_BYTES = 255
"""Limit of Linux file systems."""

_EXTENSION = re.compile(
    r"\.(?!(?:aspx?|ashx|cgi|do|exe|jspx?|php\d?|pl|py)$)(?=\d*[A-Za-z])[A-Za-z0-9]{1,8}$", re.IGNORECASE
)
"""An extension that tells the kind of a file; those of server programs do not."""
_UNWANTED = re.compile(r"[/\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PARAMETER = r';\s*([\w!#$&+^`|~*.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))'


def take_name(
    owners: dict[str, str],
    name: str,
    source: str,
    *,
    advice: str = "Give one of them another `name:` or a `directory:` in meta.yml, or leave one out.",
) -> None:
    """Record in `owners` which input has a name; path prefixes are recorded as directories.

    Raises:
        UnusableInputError: another input has the name; the message ends with `advice`.
    """
    directories = [name[: match.start()] for match in re.finditer("/", name)]
    taken = next((taken for taken in (*directories, name, f"{name}/") if taken in owners), None)
    if taken is not None:
        raise UnusableInputError(
            f"Two inputs have the name {taken.rstrip('/')!r}: {owners[taken]!r} and {source!r}. {advice}"
        )
    owners[name] = source
    owners.update((f"{directory}/", source) for directory in directories)


def name_from_url(url: str, *, with_query: bool = False) -> str:
    """Return the last segment of a URL's path, percent-decoded; `index.html` if it is empty.

    The query becomes part of the name if the segment has no extension that tells the kind of file. Parameters
    that are credentials never do, because names are shown and published.

    Args:
        url: The URL.
        with_query: Whether to include the query in any case, to distinguish the file from another.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    segment = _unquote(_without_credentials(parts.path.rpartition("/")[2], ";"))
    query = _without_credentials(parts.query, "&")
    if not query or (has_extension(segment) and not with_query):
        return plain_name(segment or "index.html")
    return plain_name(f"{segment or 'index.html'}?{_unquote(query)}")


def _without_credentials(text: str, separator: str) -> str:
    """Leave out the parameters of a query or of a path's segment that are credentials, such as `token=…`."""
    if "=" not in text and "%3" not in text:
        return text
    given = text.split(separator)
    return separator.join(each for each in given if redact_url(f"?{each}") == f"?{each}")


def may_be_empty(name: str) -> bool:
    """Whether a file is often empty on purpose: a marker, a lock, or a pending log of SQLite."""
    return name.startswith((".", "_")) or name.endswith((".lock", "-wal", "-shm", "-journal"))


def has_extension(name: str) -> bool:
    """Whether a name has an extension that tells the kind of file."""
    return bool(_EXTENSION.search(name))


def name_from_disposition(header: str) -> str | None:
    """Return the file name in a Content-Disposition header; None if it has none.

    Only the last component of a path counts, Unix or Windows. `filename*` takes precedence.

    Args:
        header: As returned by http.client, with each byte as one character (ISO 8859-1).

    Source: RFC 6266 section 4.3 and appendix D; RFC 8187 section 3.2 for `filename*`.
    """
    parameters: dict[str, str] = {}
    for key, quoted, token in re.findall(_PARAMETER, f";{_as_utf8(header)}"):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else token.strip()
        parameters.setdefault(key.lower(), value)
    name = _extended(parameters.get("filename*", "")) or parameters.get("filename", "")
    return last_component(name) or None


def placed(file: InputFile, otherwise: str) -> str:
    """Return the path of an input below `/input_dir`; `otherwise` is its name if the recipe gives none."""
    name = relative_path(file.name or "") or otherwise
    directory = relative_path(file.directory or "")
    return f"{directory}/{name}" if directory else name


def last_component(path: str) -> str:
    """Return the last component of a Unix or Windows path as a plain name; may be empty."""
    component = re.split(r"[/\\]", path)[-1]
    return plain_name(component) if component else ""


def relative_path(path: str) -> str:
    """Normalize a Unix or Windows path to a relative one with plain names; may be empty."""
    parts = (part for part in re.split(r"[/\\]", path) if part not in {"", ".", ".."})
    return "/".join(map(plain_name, parts))


def plain_name(text: str) -> str:
    """Return `text` as the name of a file in a directory, with `/` and control characters percent-encoded.

    A name that is too long for a file system is shortened before its suffix.
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
    """Percent-decode a text, unless the result is not UTF-8."""
    from urllib.parse import unquote_to_bytes

    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return text


def _extended(value: str) -> str:
    """Decode an RFC 8187 value, `charset'language'percent-encoded`; empty if that fails."""
    from urllib.parse import unquote_to_bytes

    charset, _, encoded = value.partition("'")
    try:
        return unquote_to_bytes(encoded.partition("'")[2]).decode(charset)
    except (LookupError, ValueError):
        return ""


def _as_utf8(header: str) -> str:
    """Decode UTF-8 that was decoded as ISO 8859-1."""
    try:
        return header.encode("iso-8859-1").decode()
    except UnicodeError:
        return header
