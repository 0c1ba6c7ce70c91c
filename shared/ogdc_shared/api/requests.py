"""The JSON request bodies of the services."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from ogdc_shared.api.fields import (
    BaseUrl,
    GivenRole,
    HookRecipe,
    HookTrigger,
    HookUrl,
    Issuer,
    KeyPattern,
    Name,
    PassObject,
    Queues,
    Schedule,
    Subject,
    TimeZone,
    TokenName,
    TriggerBucket,
    TriggerRecipe,
    UploadKinds,
    UserId,
    Watched,
)
from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role
from ogdc_shared.outcomes import RunOutcome


class SubmitRequest(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which recipe to run."""

    recipe_path: Annotated[
        str,
        Meta(
            examples=["github://qgreenland-net:ogdc-recipes@main/recipes/seal-tags"],
            extra_json_schema={"minLength": 1},
        ),
    ]
    overwrite: Annotated[bool, Meta(description="Replace the recipe's published data.")] = False
    parameters: Annotated[
        dict[str, Any],
        Meta(
            description="Values of the recipe's parameters by name, each of its type or as a string.",
            examples=[{"YEAR": 2021}],
        ),
    ] = {}


class ExecuteRequest(Struct, kw_only=True):
    """The inputs of an execution; only described here, parsed by `processes.execution`."""

    inputs: Annotated[dict[str, Any], Meta(description="Values, or links to them, by name.")] = {}
    outputs: Annotated[dict[str, Any], Meta(description="Requested outputs by name; empty: all.")] = {}
    response: Annotated[str, Meta(extra_json_schema={"enum": ["raw", "document"]})] = "raw"


class TriggerRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new trigger."""

    name: Annotated[Name, Meta(examples=["new-tiles"])]
    bucket: TriggerBucket = None
    pattern: KeyPattern = "**"
    kinds: UploadKinds = []
    recipe_path: TriggerRecipe = None
    overwrite: bool = False
    pass_object: PassObject = True
    base_url: BaseUrl = None
    schedule: Schedule = None
    time_zone: TimeZone = "UTC"
    watched: Watched = []
    queues: Queues = False


class WebhookRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new webhook for the caller's runs."""

    url: HookUrl
    outcomes: Annotated[
        Annotated[list[RunOutcome], Meta(min_length=1)] | None, Meta(description="Outcomes; null: all.")
    ] = None
    recipe_id: HookRecipe = None
    trigger: HookTrigger = None
    secret: Annotated[
        Annotated[str, Meta(max_length=128)] | None,
        Meta(description="Signing key, 24 to 64 bytes in base64; null: one is generated."),
    ] = None


class UserRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new user."""

    subject: Annotated[Subject, Meta(examples=["https://orcid.org/0000-0002-1825-0097"])]
    issuer: Issuer = OWN_ISSUER
    name: Annotated[str | None, Meta(description="Display name; null: the subject.")] = None
    role: GivenRole = None


class UserChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes of a user; fields left out stay as they are."""

    role: GivenRole | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class RefreshRequest(Struct, kw_only=True):
    """The login to renew."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=16_384)]
    scope: Annotated[str | None, Meta(description="A narrower scope; null: the same.")] = None


class TokenRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new API token."""

    name: TokenName
    role: Annotated[Role | None, Meta(description="Limits the token; null: the owner's role.")] = None
    days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None,
        Meta(description="Lifetime in days; null: OGDC_TOKEN_DAYS."),
    ] = None
    user: Annotated[
        UserId | None,
        Meta(description="Its owner; null: the caller. Admins may name service accounts (issuer `ogdc`)."),
    ] = None
