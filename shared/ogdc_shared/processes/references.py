"""Process inputs given by reference: links to files or to values.

Source: OGC 18-062r2, requirement /req/core/process-execute-inputs, and its link.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ogdc_shared.errors import InvalidRequestError, RecipeNotFoundError
from ogdc_shared.filenames import name_from_url
from ogdc_shared.plan import InputFile
from ogdc_shared.recipe.parameters import MAX_BYTES
from ogdc_shared.recipe.urls import http_url, url_problem
from ogdc_shared.runs.trigger_inputs import TriggerInputs

if TYPE_CHECKING:
    from ogdc_shared.context import Context
    from ogdc_shared.recipe_sources.source import Budget

OBJECT = "object"
"""The input of recipes that take in an upload: the file."""
_OF_VALUES = frozenset({"http", "https"})
_OF_UPLOADS = ("NAME", "BUCKET", "SIZE", "ETAG", "VERSION", "TIME", "SOURCE", "EVENT_ID")
"""Variables that only an upload has; they are empty for a link (see docs/triggers.md)."""


class References:
    """Reads the values that the inputs of one request are linked to."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._budget: Budget | None = None

    def value(self, name: str, link: Mapping[str, Any], *, is_text: bool) -> Any:
        """Fetch the value of an input, parsed as JSON unless it is a text.

        Raises:
            InvalidRequestError: the link leads to nothing, or to a value that is too large.
            ForbiddenError: the service may not read from there.
            SourceUnavailableError: the server does not answer.
        """
        text = self._read(name, _address(name, link, schemes=_OF_VALUES))
        if is_text:
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise InvalidRequestError(f"input {name}: the content of its link is not JSON.") from exc

    def _read(self, name: str, url: str) -> str:
        from ogdc_shared.reach import Reach
        from ogdc_shared.recipe_sources.http import HttpSource
        from ogdc_shared.recipe_sources.source import Budget

        settings = self._context.settings
        reach = Reach(anywhere=settings.allow_local_recipes, networks=settings.allowed_networks)
        self._budget = self._budget or Budget(f"input {name}")
        source, content = HttpSource(url, reach), b""
        try:
            for piece in source.read(url):
                self._budget.spend(size=len(piece))
                content += piece
                if len(content) > MAX_BYTES:
                    raise InvalidRequestError(
                        f"input {name}: the content of its link has more than {MAX_BYTES:,} bytes, the "
                        "limit of a value. Give larger data as a file."
                    )
            return content.decode()
        except RecipeNotFoundError as exc:
            raise InvalidRequestError(f"input {name}: {exc}") from exc
        except UnicodeDecodeError as exc:
            raise InvalidRequestError(f"input {name}: the content of its link is not UTF-8 text.") from exc
        finally:
            source.close()


def linked_object(link: Any) -> TriggerInputs:
    """Return the trigger inputs for a run whose recipe takes an upload: the file the link leads to.

    Tasks fetch the file like any other input.

    Raises:
        InvalidRequestError: it is not a link, or its URL cannot be used.
    """
    if not is_link(link):
        raise InvalidRequestError(
            f"input {OBJECT}: is a file and must be given by reference: "
            '{"href": "https://example.org/scene.tif", "type": "image/tiff"}.'
        )
    url = _address(OBJECT, link)
    name, key = name_from_url(url), unquote(urlsplit(url).path).lstrip("/")
    if "\0" in key:
        raise InvalidRequestError(f"input {OBJECT}: href: {url!r:.200} has %00, which no variable can hold.")
    facts = dict.fromkeys(_OF_UPLOADS, "") | {"KEY": key, "FILE": name}
    variables = tuple((f"TRIGGER_{each}", fact) for each, fact in facts.items())
    return TriggerInputs(inputs=(InputFile(source=url, name=name),), variables=variables)


def is_link(given: Any) -> bool:
    """Whether an input is given by reference."""
    return isinstance(given, dict) and "href" in given


def _address(name: str, link: Mapping[str, Any], *, schemes: frozenset[str] | None = None) -> str:
    href = link["href"]
    if not isinstance(href, str):
        raise InvalidRequestError(f"input {name}: href={href!r:.100}: give a URL.")
    if problem := url_problem(href):
        raise InvalidRequestError(f"input {name}: href: {href!r:.200} {problem}")
    url = http_url(href)
    if schemes and urlsplit(url).scheme.lower() not in schemes:
        raise InvalidRequestError(
            f"input {name}: href: {href!r:.200} cannot be read by this service; give an https URL."
        )
    return url
