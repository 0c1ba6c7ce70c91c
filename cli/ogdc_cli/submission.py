"""Submitting a recipe from here: a directory travels as a bundle, anything else by its location."""

from __future__ import annotations

import uuid

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.recipes import local_directory


def submit_recipe(client: ApiClient, recipe: str, *, overwrite: bool) -> Submitted:
    """Submit `recipe` once, however often the request has to be repeated on its way.

    A directory is checked here first, so that what is wrong with it is said before anything is sent.
    """
    key = str(uuid.uuid4())
    directory = local_directory(recipe)
    if directory is None:
        return client.submit(location=recipe, overwrite=overwrite, idempotency_key=key)
    from ogdc_shared.recipe.bundle import pack
    from ogdc_shared.recipe.recipe import load_recipe

    load_recipe(directory)
    return client.submit(bundle=pack(directory), overwrite=overwrite, idempotency_key=key)
