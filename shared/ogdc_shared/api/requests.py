"""What is sent to the services, in JSON."""

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
            description="Values of the recipe's parameters by name, each of its type or a text for it.",
            examples=[{"YEAR": 2021}],
        ),
    ] = {}


class ExecuteRequest(Struct, kw_only=True):
    """What a process is to be run with; described here, read by `processes.execution`."""

    inputs: Annotated[dict[str, Any], Meta(description="Values, or links to them, by name.")] = {}
    outputs: Annotated[dict[str, Any], Meta(description="Those that are wanted, by name; none: all.")] = {}
    response: Annotated[str, Meta(extra_json_schema={"enum": ["raw", "document"]})] = "raw"


class TriggerRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which uploads, or times, start which recipe."""

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
    """Who is to be told of the ends of the caller's runs."""

    url: HookUrl
    outcomes: Annotated[
        Annotated[list[RunOutcome], Meta(min_length=1)] | None, Meta(description="Which ends; null: all.")
    ] = None
    recipe_id: HookRecipe = None
    trigger: HookTrigger = None
    secret: Annotated[
        Annotated[str, Meta(max_length=128)] | None,
        Meta(description="24 to 64 bytes in base64, to sign with; null: one is made."),
    ] = None


class UserRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom to add."""

    subject: Annotated[Subject, Meta(examples=["https://orcid.org/0000-0002-1825-0097"])]
    issuer: Issuer = OWN_ISSUER
    name: Annotated[str | None, Meta(description="As they are shown; null: by their subject.")] = None
    role: GivenRole = None


class UserChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change of a user; what is left out stays."""

    role: GivenRole | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class RefreshRequest(Struct, kw_only=True):
    """Which login to renew."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=16_384)]
    scope: Annotated[str | None, Meta(description="Less than before; null: the same.")] = None


class TokenRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which token to make."""

    name: TokenName
    role: Annotated[Role | None, Meta(description="It may do no more; null: all that its owner may.")] = None
    days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None,
        Meta(description="Valid for so long; null: OGDC_TOKEN_DAYS."),
    ] = None
    user: Annotated[
        UserId | None,
        Meta(description="Whose it is; null: the caller's. Admins name users of the issuer `ogdc`."),
    ] = None
