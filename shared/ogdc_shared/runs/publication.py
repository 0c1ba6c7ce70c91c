"""Whether and where the deployment publishes results itself (`output.type: dataone`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.digests import digest
from ogdc_shared.errors import ConfigurationError, InvalidRequestError, UnsupportedError
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.publication_settings import ALL_NODES, NO_NODES, TEST_NODES
from ogdc_shared.recipe.recipe import output_refusal

if TYPE_CHECKING:
    from ogdc_shared.config import Settings
    from ogdc_shared.recipe.recipe import Recipe

_INSTEAD = (
    "Use `type: pvc`, and `ogdc-runner publish RUN --to dataone` with your own token once the run has "
    "succeeded."
)


class DataSet(NamedTuple):
    """Where a result is published and with which metadata."""

    node: str
    """URL of the member node."""
    words: bytes
    """The recipe's metadata of it, in the form that its task reads (see `dataone.words`)."""

    @property
    def digest(self) -> str:
        """SHA-256 of `words`, in hex."""
        return digest(self.words)


def published_data_set(recipe: Recipe, settings: Settings) -> DataSet | None:
    """Return how a recipe's run publishes its result at a member node; None if it does not.

    Raises:
        UnsupportedError: the recipe's metadata are incomplete, or the deployment does not publish.
        ConfigurationError: the configured node must not receive a token.
    """
    if not policy_of(recipe.meta.output.type).to_node:
        return None
    if problem := output_refusal(recipe.meta):
        raise UnsupportedError(problem)
    from ogdc_shared.publication.recipes import words_of

    return DataSet(_node(settings), words_of(recipe).to_json().encode())


def _node(settings: Settings) -> str:
    from ogdc_shared.dataone.node_address import checked_url, is_production

    if not settings.dataone_node_url or not settings.publication.secret:
        raise _refusal("DATAONE_NODE_URL and OGDC_DATAONE_SECRET say where results go, and by whose token")
    nodes = settings.publication.nodes or (NO_NODES if settings.access_mode == "open" else TEST_NODES)
    if nodes == NO_NODES:
        raise _refusal("OGDC_DATAONE_PUBLISH=test lets it, where callers need not log in too")
    try:
        url = checked_url(settings.dataone_node_url)
    except InvalidRequestError as exc:
        raise ConfigurationError(f"DATAONE_NODE_URL: {exc}") from exc
    if is_production(url) and nodes != ALL_NODES:
        raise _refusal(f"OGDC_DATAONE_PUBLISH=production lets it do so at {url}, where that stays for ever")
    return url


def _refusal(setting: str) -> UnsupportedError:
    return UnsupportedError(
        "meta.yml: output.type: dataone: this deployment publishes nothing by itself. "
        f"{_INSTEAD} Operators: {setting}."
    )
