"""Validating URLs of inputs, and reading lists of them from a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from ogdc_shared.recipe.files import UnusableFileError

SCHEMES = frozenset({"http", "https", "ftp", "s3", "gs"})
TYPOGRAPHIC_QUOTES = tuple("\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a")
"""Quotes of word processors; no value starts with one on purpose."""
MAX_LENGTH = 8192
"""In characters; servers reject longer URLs."""

_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""Algorithm → number of hex digits."""
_SIMPLE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,4})?(?:/[!-~]*)?")
"""Matches nearly every URL, so that a list of a million is checked in a second."""
_PATH = re.compile(r"/(?!/)|\.{1,2}/|~|[a-zA-Z]:[\\/]")
"""Beginnings of local paths: absolute, relative, home directory, Windows drive."""
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]")


def url_problem(url: str) -> str | None:
    """Return why `url` cannot be fetched, as a predicate; None if it can.

    Only the text is checked, without a network. Quotes, `$`, `;` and braces are allowed, because URLs never
    reach a shell or a template.
    """
    if len(url) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH:,} characters; give a shorter URL."
    if _SIMPLE.fullmatch(url):
        return None
    if url[:1] in TYPOGRAPHIC_QUOTES:
        return f"begins with the typographic quote {url[0]}; write plain quotes or none."
    if unseen := _UNSEEN.search(url):
        code = "%20" if unseen[0] == " " else "its percent-encoded form"
        return f"has {unseen[0]!r} as character {unseen.start() + 1}; remove it, or write {code}."
    try:
        return _place_problem(urlsplit(url))
    except ValueError as exc:
        return f"is not a URL ({exc}); give one such as https://example.org/data.tif."


def _place_problem(parts: SplitResult) -> str | None:
    """Check a URL's scheme and server; raises ValueError if they cannot be parsed."""
    _ = parts.port
    if parts.scheme in {"s3", "gs"} and not re.fullmatch(r"[A-Za-z0-9._-]{3,255}", parts.netloc):
        return f"names no bucket; give one such as {parts.scheme}://bucket/path/to/file.tif."
    if parts.scheme in {"s3", "gs"} and parts.path.strip("/") == "":
        return f"names no object of the bucket; give one such as {parts.scheme}://bucket/path/to/file.tif."
    if parts.scheme == "file" or _PATH.match(parts.geturl()):
        return (
            "is not a URL to fetch from, but a path; give one that begins with https://, or make it another "
            "input: a file beside meta.yml is `type: file`, a directory of a machine `type: pvc_mount` (on "
            "one machine OGDC_LOCAL_CLAIMS says which there are)."
        )
    if parts.scheme not in SCHEMES or not parts.hostname:
        return (
            "is not a URL to fetch from; give one that begins with https://, http:// or ftp:// and a server."
        )
    return None


def checksum_problem(value: str) -> str | None:
    """Return why `value` is not a checksum, as a predicate; None if it is."""
    algorithm, _, digits = value.partition(":")
    length = _DIGITS.get(algorithm.lower())
    if length is None:
        return "names no kind of checksum; give one such as sha256:9f86d0…, or sha512:, sha1:, md5:."
    if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
        return f"is not a {algorithm} checksum, which has {length} hex digits."
    return None


def http_url(url: str) -> str:
    """Return the HTTPS URL of an object with an s3:// or gs:// URL; other URLs are returned unchanged.

    Source: Amazon S3 User Guide, "Virtual hosting of buckets"; Cloud Storage, "Request endpoints".
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme.lower() == "gs":
        return f"https://storage.googleapis.com/{bucket}/{key}"
    if scheme.lower() != "s3":
        return url
    # Amazon's certificate does not cover bucket names with a dot.
    return f"https://s3.amazonaws.com/{rest}" if "." in bucket else f"https://{bucket}.s3.amazonaws.com/{key}"


def read_url_list(path: str) -> Iterator[tuple[int, str]]:
    """Yield line number and URL of each line, without blank lines and lines that begin with `#`.

    A list may have a million lines, so it is not kept in memory.

    Raises:
        UnusableFileError: the file is not UTF-8, or cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                url = line.strip()
                if url and not url.startswith("#"):
                    yield number, url
    except UnicodeDecodeError as exc:
        raise UnusableFileError("is not UTF-8 text; save it as UTF-8.") from exc
    except OSError as exc:
        raise UnusableFileError(f"cannot be read ({exc.strerror}); check its permissions.") from exc
