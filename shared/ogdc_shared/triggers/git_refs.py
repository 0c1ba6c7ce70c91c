"""Resolving a ref of a git repository with its server, like `git ls-remote`, without git.

Source: gitprotocol-http(5), "Smart Clients"; gitprotocol-common(5), "pkt-line Format"; gitrevisions(7) for
the lookup order of short names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from ogdc_shared.errors import InputNotFoundError, InvalidRequestError

MAX_BYTES = 32 << 20
"""Of all refs of a repository: some hundred thousand."""
_SERVICE = b"# service=git-upload-pack"
_NAMES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}")
_PREFIX = "git+"


class Ref(NamedTuple):
    """A ref of a repository."""

    repository: str
    """Its URL, without a slash at the end."""
    name: str
    """As somebody gave it: short, whole, or HEAD."""

    @property
    def url(self) -> str:
        """What tells all refs of the repository."""
        return f"{self.repository}/info/refs?service=git-upload-pack"


def read_location(location: str) -> Ref:
    """Read `github://OWNER:REPOSITORY@REF`, or `git+https://HOST/PATH@REF`; without a REF it is HEAD.

    What follows the REF of the first, as in the location of a recipe, does not matter.

    Raises:
        InvalidRequestError: it is neither.
    """
    if location.startswith("github://"):
        owner, colon, rest = location.removeprefix("github://").partition(":")
        repository, _, ref = rest.partition("/")[0].partition("@")
        if colon and _is_word(owner) and _is_word(repository):
            return Ref(f"https://github.com/{owner}/{repository}.git", _checked(ref or "HEAD", location))
    elif location.startswith(_PREFIX):
        url, at, ref = location.removeprefix(_PREFIX).rpartition("@")
        url, ref = (url, ref) if at else (ref, "HEAD")
        parts = urlsplit(url)
        if parts.hostname and "@" not in parts.netloc and parts.path.strip("/") and not parts.query:
            return Ref(url.rstrip("/"), _checked(ref, location))
    raise InvalidRequestError(
        f"{location!r:.200} does not name a ref of a repository; give github://OWNER:REPOSITORY@REF or "
        "git+https://HOST/PATH@REF."
    )


def commit_of(ref: Ref, advertised: bytes) -> str:
    """Return the commit of a ref in a server's advertisement; for an annotated tag, the tagged commit.

    Raises:
        InputNotFoundError: the repository has no such ref, or the response is not git's.
    """
    try:
        known = dict(_refs(advertised))
    except ValueError as exc:
        raise InputNotFoundError(
            f"{ref.repository}: its server does not answer like a git server ({exc}). Check the address."
        ) from exc
    for form in _NAMES:
        name = form.format(ref.name)
        if commit := known.get(f"{name}^{{}}") or known.get(name):
            return commit
    raise InputNotFoundError(f"{ref.repository} has no ref {ref.name!r:.200}.")


def _refs(advertised: bytes) -> Iterator[tuple[str, str]]:
    """Yield names and commits."""
    lines = [line.rstrip(b"\n") for line in _lines(advertised)]
    if not lines or lines[0] != _SERVICE:
        raise ValueError("it does not begin with the service")
    for line in lines[1:]:
        commit, space, name = line.partition(b"\0")[0].partition(b" ")
        if not space:
            raise ValueError("a line has no name")
        yield name.decode(errors="replace"), commit.decode("ascii")


def _lines(data: bytes) -> Iterator[bytes]:
    """Take lines apart that begin with their length in hex; 0000 stands between two parts."""
    position = 0
    while position < len(data):
        length = int(data[position : position + 4], 16)
        if length > 4 and position + length <= len(data):
            yield data[position + 4 : position + length]
        elif length:
            raise ValueError("it ends early")
        position += length or 4


def _is_word(text: str) -> bool:
    return text.replace("-", "").replace("_", "").replace(".", "").isalnum() and text.isascii()


def _checked(ref: str, location: str) -> str:
    """Refuse what never changes."""
    is_commit = len(ref) in {40, 64} and all(each in "0123456789abcdef" for each in ref)
    if is_commit or not ref:
        raise InvalidRequestError(f"{location!r:.200}: name a branch or a tag; a commit never changes.")
    return ref
