"""The types of fields that several requests and responses share."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from ogdc_shared import dns_label
from ogdc_shared.auth.permissions import Role
from ogdc_shared.outcomes import RunOutcome, StartOutcome, UploadOutcome
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.phases import RUN_STATUSES

NAME = f"^{dns_label.PATTERN}$"
"""Pattern of names of runs and triggers."""

# Enumerations in responses are documented, not enforced, so that clients accept values of newer services.
RunStatus = Annotated[str, Meta(extra_json_schema={"enum": [*RUN_STATUSES]})]
OutputTypeName = Annotated[str, Meta(extra_json_schema={"enum": [*OutputType]})]
UploadOutcomeName = Annotated[
    str, Meta(extra_json_schema={"enum": [each for each in UploadOutcome if each is not UploadOutcome.KNOWN]})
]

RoleName = Annotated[str, Meta(extra_json_schema={"enum": [*Role]})]
"""In responses."""
GivenRole = Annotated[Role | None, Meta(description="The role set by an admin; null: none.")]
Issuer = Annotated[
    str,
    Meta(
        description="Who authenticates the user: the URL of an OpenID Connect issuer, `ogdc` for service "
        "accounts of this deployment, `open` for unauthenticated names."
    ),
]
Subject = Annotated[
    str,
    Meta(description="The issuer's permanent id of the user.", min_length=1, max_length=255),
]
TokenName = Annotated[
    str, Meta(description="What the token is for.", examples=["laptop"], min_length=1, max_length=64)
]
UserId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Day = Annotated[date, Meta()]

RunId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Time = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(extra_json_schema={"pattern": NAME})]
RecipeId = Annotated[str, Meta(extra_json_schema={"pattern": "^[a-z0-9.-]+$", "maxLength": 63})]
Progress = Annotated[
    str, Meta(description="Done of total, such as `2/4`.", extra_json_schema={"pattern": r"^\d+/\d+$"})
]
Snapshot = Annotated[
    str,
    Meta(description="SHA-256 of the recipe as it was run.", extra_json_schema={"pattern": "^[0-9a-f]{64}$"}),
]
Count = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
Bucket = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,221}$"})]
KeyPattern = Annotated[
    str,
    Meta(
        description="Glob pattern of object keys.",
        examples=["incoming/**/*.tif"],
        extra_json_schema={"minLength": 1, "maxLength": 512},
    ),
]
UploadKinds = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": ["put", "post", "copy", "multipart"]})]],
    Meta(description="Kinds of uploads; empty: all."),
]
BaseUrl = Annotated[
    Annotated[str, Meta(extra_json_schema={"pattern": "^https?://", "maxLength": 1024})] | None,
    Meta(description="Objects are fetched from base_url/key."),
]
TriggerRecipe = Annotated[
    str | None, Meta(description="The recipe's location; null: the uploads are recipes.")
]
PassObject = Annotated[bool, Meta(description="Whether the object becomes an input of the run.")]

WebhookId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
HookUrl = Annotated[
    str,
    Meta(
        description="The URL that notifications are POSTed to.",
        examples=["https://example.org/hooks/ogdc"],
        max_length=2048,
        extra_json_schema={"pattern": "^https?://"},
    ),
]
RunOutcomeName = Annotated[str, Meta(extra_json_schema={"enum": [*RunOutcome]})]
HookRecipe = Annotated[
    Annotated[str, Meta(min_length=1, max_length=63)] | None,
    Meta(description="Only runs of this recipe id; null: all."),
]
HookTrigger = Annotated[
    Annotated[str, Meta(min_length=1, max_length=63)] | None,
    Meta(description="Only runs of this trigger; null: all."),
]

TriggerBucket = Annotated[Bucket | None, Meta(description="null: a schedule starts runs.")]
Schedule = Annotated[
    str | None,
    Meta(
        description="A cron expression with five fields; null: uploads start runs.",
        examples=["0 3 * * MON-FRI"],
        extra_json_schema={"maxLength": 128},
    ),
]
TimeZone = Annotated[
    str, Meta(description="Time zone of the schedule (IANA name).", examples=["America/Anchorage"])
]
_WATCHED = "^((git[+])?https?://|s3://|github://|dataone:)"
Watched = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"pattern": _WATCHED, "maxLength": 1024})]],
    Meta(
        description="URLs, `s3://BUCKET/PREFIX`, `dataone:IDENTIFIER`, `github://OWNER:REPOSITORY@REF` "
        "or `git+https://HOST/PATH@REF`; a scheduled run starts only if one has changed since the last. "
        "Empty: always.",
        extra_json_schema={"maxItems": 100},
    ),
]
Queues = Annotated[
    bool, Meta(description="Whether a start waits for the trigger's previous run; false: it is skipped.")
]
StartOutcomeName = Annotated[str, Meta(extra_json_schema={"enum": [*StartOutcome]})]
