"""Settings of access control; only used with ACCESS_MODE=authenticated."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import BASE_URL, FLAG, Variable, choice, number

NO_ROLE = "none"


class AccessSettings(NamedTuple):
    """Access control and limits; only used if ACCESS_MODE is `authenticated`."""

    public_url: Annotated[
        str | None,
        Variable(
            "OGDC_PUBLIC_URL",
            BASE_URL,
            "Base URL of the API as seen by users; not set: taken from each request (`Host`, or "
            "`X-Forwarded-Host` and `-Proto` set by the ingress).",
        ),
    ] = None
    public_read: Annotated[
        bool,
        Variable("OGDC_PUBLIC_READ", FLAG, "Whether runs can be viewed without a login."),
    ] = False
    create_users: Annotated[
        bool,
        Variable(
            "OGDC_CREATE_USERS",
            FLAG,
            "Whether a first valid login creates the user; if not, an admin must add them.",
        ),
    ] = True
    default_role: Annotated[
        str,
        Variable(
            "OGDC_DEFAULT_ROLE",
            choice(NO_ROLE, "viewer", "submitter"),
            "The role of users without one from an admin or their login; `none`: they are rejected.",
        ),
    ] = "viewer"
    token_days: Annotated[
        int, Variable("OGDC_TOKEN_DAYS", number(1), "Default lifetime of API tokens, in days.")
    ] = 90
    max_token_days: Annotated[
        int, Variable("OGDC_MAX_TOKEN_DAYS", number(1), "Maximum lifetime of API tokens, in days.")
    ] = 365
    max_running_runs: Annotated[
        int,
        Variable(
            "OGDC_MAX_RUNNING_RUNS",
            number(0),
            "Maximum number of running runs of a user; 0: no limit.",
            readers="submit, upload",
        ),
    ] = 50
    max_queued_runs: Annotated[
        int,
        Variable(
            "OGDC_MAX_QUEUED_RUNS",
            number(0),
            "Maximum number of runs of a user that have not started; 0: no limit.",
            readers="submit, upload",
        ),
    ] = 50
    max_requests: Annotated[
        int,
        Variable(
            "OGDC_MAX_REQUESTS",
            number(0),
            "Maximum number of requests per minute of a user to one instance of a function; 0: no limit.",
        ),
    ] = 3000
