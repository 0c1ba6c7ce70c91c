"""Settings of access control; only used with ACCESS_MODE=authenticated."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import BASE_URL, FLAG, Variable, choice, number

NO_ROLE = "none"


class AccessSettings(NamedTuple):
    """Who may call, and how much; heeded where ACCESS_MODE is `authenticated`."""

    public_url: Annotated[
        str | None,
        Variable(
            "OGDC_PUBLIC_URL",
            BASE_URL,
            "Base URL of the API as its users reach it; not set: as each request says (`Host`, or "
            "`X-Forwarded-Host` and `-Proto` of the way in).",
        ),
    ] = None
    public_read: Annotated[
        bool,
        Variable("OGDC_PUBLIC_READ", FLAG, "Whether runs can be looked at by who has not logged in."),
    ] = False
    create_users: Annotated[
        bool,
        Variable(
            "OGDC_CREATE_USERS",
            FLAG,
            "Whether whoever comes with a valid login becomes a user; else an admin adds them first.",
        ),
    ] = True
    default_role: Annotated[
        str,
        Variable(
            "OGDC_DEFAULT_ROLE",
            choice(NO_ROLE, "viewer", "submitter"),
            "The role of users to whom neither an admin nor their login gives one; `none`: they are refused.",
        ),
    ] = "viewer"
    token_days: Annotated[
        int, Variable("OGDC_TOKEN_DAYS", number(1), "Days that an API token is valid, if not said otherwise.")
    ] = 90
    max_token_days: Annotated[
        int, Variable("OGDC_MAX_TOKEN_DAYS", number(1), "Most days that an API token may be asked for.")
    ] = 365
    max_running_runs: Annotated[
        int,
        Variable(
            "OGDC_MAX_RUNNING_RUNS",
            number(0),
            "A user who has so many runs that are running is refused another; 0: no limit.",
            readers="submit, upload",
        ),
    ] = 50
    max_queued_runs: Annotated[
        int,
        Variable(
            "OGDC_MAX_QUEUED_RUNS",
            number(0),
            "Likewise of runs that have not begun; 0: no limit.",
            readers="submit, upload",
        ),
    ] = 50
    max_requests: Annotated[
        int,
        Variable(
            "OGDC_MAX_REQUESTS",
            number(0),
            "Requests a minute that one instance of a function takes of one user; 0: no limit.",
        ),
    ] = 3000
