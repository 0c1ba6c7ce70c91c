"""Submitting a recipe: local ones as a bundle, others by their location."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.recipes import is_remote, load, print_advice, reporting_left_out, staged

if TYPE_CHECKING:
    from ogdc_shared.recipe.recipe import Recipe

NOTHING_SET: Mapping[str, str] = MappingProxyType({})


class PackedRecipe(NamedTuple):
    """A recipe ready to be sent: either by its location or by its content."""

    location: str | None = None
    bundle: bytes | None = None
    parameters: Mapping[str, str] = NOTHING_SET
    """Values of its parameters by name, as texts."""
    is_checked: bool = False


def pack_recipe(
    recipe: str,
    *,
    parameters: Mapping[str, str] = NOTHING_SET,
    check: bool = True,
    advise: bool = True,
) -> PackedRecipe:
    """Get `recipe` ready.

    One on this machine is checked, so that what is wrong with it is known before anything is sent; what its
    author may not have meant goes to stderr.

    Args:
        recipe: A directory, an archive, or a location elsewhere.
        parameters: Values of its parameters by name, as texts.
        check: False leaves that to the service, which checks every recipe: the models of `meta.yml` take a
            fifth of a second to import.
        advise: Whether to print probable mistakes of a checked recipe.

    Raises:
        OgdcError: there is no such recipe, it cannot run as written, or not with these values.
    """
    if is_remote(recipe):
        return PackedRecipe(location=recipe, parameters=parameters)
    from ogdc_shared.recipe.bundle import pack

    with staged(recipe) as directory, reporting_left_out() as on_left_out:
        if check:
            _check(load(directory), parameters, advise=advise)
        bundle = pack(directory, on_left_out=on_left_out)
        return PackedRecipe(bundle=bundle, parameters=parameters, is_checked=check)


def _check(recipe: Recipe, parameters: Mapping[str, str], *, advise: bool) -> None:
    from ogdc_shared.recipe.parameters import read_values

    read_values(recipe.meta.parameters, parameters)
    if advise:
        print_advice(recipe.advice)


def submit(
    client: ApiClient,
    packed: PackedRecipe,
    *,
    overwrite: bool,
    cache: bool = True,
    fresh: bool = False,
    priority: int = 0,
) -> Submitted:
    """Submit a recipe once, however often the request has to be repeated on its way.

    What the author of one that was not checked here may not have meant goes to stderr.

    Raises:
        ApiError: the service does not take it, or does not answer.
    """
    submitted = client.submit(
        location=packed.location,
        bundle=packed.bundle,
        parameters=packed.parameters,
        overwrite=overwrite,
        cache=cache,
        fresh=fresh,
        priority=priority,
        idempotency_key=str(uuid.uuid4()),
    )
    if not packed.is_checked:
        print_advice(submitted.advice)
    return submitted
