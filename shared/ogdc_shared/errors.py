"""Every error that a user, an operator or another service may see.

::

    OgdcError
    ├── InputError                 the caller can fix it (4xx, exit code 1 or 2)
    │   ├── InvalidRecipeError     meta.yml, another recipe file or a command line is invalid (422)
    │   ├── InvalidRequestError    the request is invalid: body, parameter, name (400)
    │   │   └── UnstorableError    the database can never store one of its values
    │   ├── RecipeNotFoundError    there is no readable recipe at the location (404)
    │   ├── InputNotFoundError     an input cannot be resolved or fetched (422)
    │   ├── UnusableInputError     a fetched input has a wrong checksum, size or name (fails the run)
    │   ├── UnsupportedError       valid, but not supported by this deployment (422)
    │   ├── UnknownRunError        no run of that name (404)
    │   ├── UnknownTriggerError    no trigger of that name (404)
    │   ├── UnknownUserError       no user of that id (404)
    │   ├── UnknownTokenError      no API token of that id (404)
    │   ├── UnknownWebhookError    no webhook of that id (404)
    │   ├── UnknownProcessError    no process of that id (404)
    │   ├── ResultNotReadyError    a job has not ended (404)
    │   ├── JobFailedError         a job has ended without a result (422)
    │   ├── OutputUnavailableError the run has no output to download (404, 409 or 410)
    │   ├── ConflictError          (409)
    │   │   ├── AlreadyPublishedError
    │   │   ├── AlreadyRunningError
    │   │   ├── RecipeIdTakenError
    │   │   ├── TriggerExistsError
    │   │   ├── ProcessExistsError
    │   │   ├── UserExistsError
    │   │   ├── OwnAccountError        an admin would lock themselves out
    │   │   └── RunStateError      the run's status does not allow the operation
    │   ├── UnauthenticatedError   (401)
    │   │   └── TokenExpiredError  the token has expired
    │   ├── ForbiddenError         (403)
    │   │   ├── RoleError          the caller's role is not sufficient
    │   │   └── ImmutableProcessError  the process is defined by a setting
    │   └── LimitError             a user has reached a limit (429)
    ├── UnavailableError           a dependency is down; the same call may succeed later (503)
    │   ├── DatabaseUnavailableError
    │   │   └── DatabaseBusyError  all connections of this process are in use
    │   ├── ArgoUnavailableError
    │   ├── StorageUnavailableError
    │   └── SourceUnavailableError a recipe's or an input's server does not answer
    ├── IntegrityError             a task's inputs are not what was submitted (fails the run)
    ├── CommandFailedError         a recipe's command failed (fails the run)
    ├── WarningsError              warnings that the recipe treats as failures (fails the run)
    ├── PublishError               the outputs cannot be assembled (fails the run)
    └── ConfigurationError         the operator has to fix a setting (500, without detail)
        └── ArgoRefusedError       Argo permanently rejects a call

A message says what went wrong, with which value, and what to do. Credentials in values are redacted
(`redact`), because messages are recorded, logged and shown to others.
"""

from __future__ import annotations

import errno

from ogdc_shared.redactable import is_redactable

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a full disk or an exceeded quota."""
_MAX_PROBLEMS = 100
"""Maximum number of listed problems of a recipe; a file of a megabyte can have a hundred thousand."""


class OgdcError(Exception):
    """Base class of all errors raised deliberately by this project."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_redacted(message))


class InputError(OgdcError):
    """An error that the caller can fix."""


class InvalidRecipeError(InputError):
    """A recipe that cannot run as written.

    Attributes:
        problems: One sentence for each problem, starting with the name of the file.
    """

    def __init__(self, *problems: str) -> None:
        if (more := len(problems) - _MAX_PROBLEMS) > 0:
            file = problems[-1].partition(":")[0]
            problems = (*problems[:_MAX_PROBLEMS], f"{file}: has {more:,} more problems.")
        super().__init__("\n".join(problems))
        self.problems = tuple(map(_redacted, problems))


class InvalidRequestError(InputError):
    """A malformed request, or a value out of range."""


class UnstorableError(InvalidRequestError):
    """A value that the database always rejects: too long for an index, or out of range."""


class RecipeNotFoundError(InputError):
    """A location without a readable recipe."""


class InputNotFoundError(InputError):
    """A recipe's input that does not exist or matches nothing."""


class UnusableInputError(InputError):
    """An input with a wrong checksum or size, or with the name of another input."""


class UnsupportedError(InputError):
    """A valid request that this deployment does not support."""


class UnknownRunError(InputError):
    """A run name that is not in the record.

    Attributes:
        name: The name that was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no run named {name!r}. `ogdc-runner list` lists them.")
        self.name = name


class UnknownTriggerError(InputError):
    """A trigger name that is not in the record.

    Attributes:
        name: The name that was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no trigger named {name!r}. `ogdc-runner triggers list` lists them.")
        self.name = name


class UnknownUserError(InputError):
    """A user that is not in the record."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"There is no user {user_id!r}. `ogdc-runner users list` lists them.")


class UnknownProcessError(InputError):
    """A process that is not offered."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"There is no process {process_id!r:.100}. GET /processes lists them.")


class ResultNotReadyError(InputError):
    """The result of a job that has not ended."""


class JobFailedError(InputError):
    """The result of a job that has ended without one."""


class UnknownTokenError(InputError):
    """An API token that is not in the record, or not the caller's."""

    def __init__(self, token_id: str) -> None:
        super().__init__(f"There is no token {token_id!r}. `ogdc-runner tokens list` lists them.")


class UnknownWebhookError(InputError):
    """A webhook that is not in the record, or not the caller's."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"There is no webhook {webhook_id!r}. `ogdc-runner webhooks list` lists them.")


class OutputUnavailableError(InputError):
    """A run whose output cannot be downloaded: not finished, failed, elsewhere or expired.

    Attributes:
        expired: Whether there was an output that is no longer kept.
        elsewhere: Whether runs with this output type have no download.
    """

    def __init__(self, message: str, *, expired: bool = False, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.expired = expired
        self.elsewhere = elsewhere


class ConflictError(InputError):
    """A conflict with the record."""


class AlreadyPublishedError(ConflictError):
    """The recipe's data are already published and `overwrite` was not given."""


class AlreadyRunningError(ConflictError):
    """Another run of the recipe has not ended, and both would publish to the same place."""


class RecipeIdTakenError(ConflictError):
    """The recipe id is already used by a recipe with another name."""


class ProcessExistsError(ConflictError):
    """There is already a process with this id."""


class TriggerExistsError(ConflictError):
    """There is already a trigger with this name."""


class UserExistsError(ConflictError):
    """There is already a user with this issuer and subject."""


class OwnAccountError(ConflictError):
    """A change of one's own role or status."""


class RunStateError(ConflictError):
    """The run's status does not allow the operation."""


class UnauthenticatedError(InputError):
    """The caller is not authenticated.

    Attributes:
        error: The error code of RFC 6750; None if there was no token.
    """

    def __init__(self, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.error = error


class TokenExpiredError(UnauthenticatedError):
    """The token has expired."""


class ForbiddenError(InputError):
    """The caller is authenticated but not allowed to do this."""


class ImmutableProcessError(ForbiddenError):
    """A process that callers cannot change."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"The process {process_id!r:.100} is named by the deployment's OGDC_PROCESSES.")


class RoleError(ForbiddenError):
    """The role of the caller or of their token is not sufficient."""


class LimitError(InputError):
    """A user has reached a limit.

    Attributes:
        retry_after: Seconds after which it is worth trying again.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(OgdcError):
    """A dependency is unavailable; the same call may succeed later."""


class DatabaseUnavailableError(UnavailableError):
    """PostgreSQL does not answer."""


class DatabaseBusyError(DatabaseUnavailableError):
    """All connections that this process may have to PostgreSQL are in use."""


class ArgoUnavailableError(UnavailableError):
    """The Argo server, or the local engine, does not answer.

    Attributes:
        maybe_done: Whether the request may have been carried out although there was no response.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class StorageUnavailableError(UnavailableError):
    """The artifact store does not answer, or has no room."""


class SourceUnavailableError(UnavailableError):
    """The server that holds a recipe or an input does not answer."""


class IntegrityError(OgdcError):
    """A task's inputs are not what was submitted, so it does not run."""


class CommandFailedError(OgdcError):
    """A recipe's command failed or timed out.

    Attributes:
        number: The number of the command, counted from 1.
        exit_code: As reported by a shell: 128 + the signal's number if a signal ended the command.
    """

    def __init__(self, message: str, *, number: int, exit_code: int) -> None:
        super().__init__(message)
        self.number = number
        self.exit_code = exit_code


class WarningsError(OgdcError):
    """Warnings that the recipe treats as failures."""


class PublishError(OgdcError):
    """A result that cannot be assembled: empty, contradictory, or with special files."""


class ConfigurationError(OgdcError):
    """A setting is missing or invalid; the message names it."""


class ArgoRefusedError(ConfigurationError):
    """Argo rejects a call, and would do so again."""


def _redacted(message: str) -> str:
    if not is_redactable(message):
        return message
    from ogdc_shared.redact import redact_text  # a task that goes well needs no regular expressions

    return redact_text(message)
