"""Submitting a recipe from here: what is on this machine travels as a bundle, all else by its location."""

from __future__ import annotations

import uuid

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.recipes import is_remote, load, staged


def submit_recipe(client: ApiClient, recipe: str, *, overwrite: bool) -> Submitted:
    """Submit `recipe` once, however often the request has to be repeated on its way.

    What is here is checked here first, so that what is wrong with it is said before anything is sent.

    Raises:
        OgdcError: the recipe cannot run as written, or the service does not take it.
    """
    key = str(uuid.uuid4())
    if is_remote(recipe):
        return client.submit(location=recipe, overwrite=overwrite, idempotency_key=key)
    from ogdc_shared.recipe.bundle import pack

    with staged(recipe) as directory:
        bundle = pack(load(directory).directory)
    return client.submit(bundle=bundle, overwrite=overwrite, idempotency_key=key)
