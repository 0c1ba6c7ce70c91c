"""What is sent to the services, in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ogdc_shared.api.fields import BaseUrl, Bucket, KeyPattern, Name, PassObject, TriggerRecipe, UploadKinds


class SubmitRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which recipe to run."""

    recipe_path: Annotated[
        str,
        Meta(
            examples=["github://qgreenland-net:ogdc-recipes@main/recipes/seal-tags"],
            extra_json_schema={"minLength": 1},
        ),
    ]
    overwrite: Annotated[bool, Meta(description="Replace the recipe's published data.")] = False


class TriggerRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which uploads start which recipe."""

    name: Annotated[Name, Meta(examples=["new-tiles"])]
    bucket: Bucket
    pattern: KeyPattern = "**"
    kinds: UploadKinds = []
    recipe_path: TriggerRecipe = None
    overwrite: bool = False
    pass_object: PassObject = True
    base_url: BaseUrl = None
