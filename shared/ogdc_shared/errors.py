"""Every error that a user, an operator or another service may see.

::

    OgdcError
    ├── InputError                 the caller can mend it (4xx, exit code 1 or 2)
    │   ├── InvalidRecipeError     meta.yml, a side file or a command line is wrong (422)
    │   ├── InvalidRequestError    the call itself is wrong: body, parameter, name (400)
    │   │   └── UnstorableError    the database can never hold a value of it
    │   ├── RecipeNotFoundError    the recipe location holds nothing that can be read (404)
    │   ├── InputNotFoundError     an input cannot be resolved or fetched (422)
    │   ├── UnusableInputError     an input was fetched and is not what was promised (fails the run)
    │   ├── UnsupportedError       understood, and not offered here (422)
    │   ├── UnknownRunError        no run of that name (404)
    │   ├── UnknownTriggerError    no trigger of that name (404)
    │   ├── UnknownUserError       no user of that id (404)
    │   ├── UnknownTokenError      no API token of that id (404)
    │   ├── UnknownWebhookError    no webhook of that id (404)
    │   ├── UnknownProcessError    no process of that id (404)
    │   ├── ResultNotReadyError    a job has not ended (404)
    │   ├── JobFailedError         a job has ended without a result (422)
    │   ├── OutputUnavailableError the run has no output to hand out (404, 409 or 410)
    │   ├── ConflictError          (409)
    │   │   ├── AlreadyPublishedError
    │   │   ├── AlreadyRunningError
    │   │   ├── RecipeIdTakenError
    │   │   ├── TriggerExistsError
    │   │   ├── ProcessExistsError
    │   │   ├── UserExistsError
    │   │   ├── OwnAccountError        an admin would lock themselves out
    │   │   └── RunStateError      the run's status does not allow what was asked
    │   ├── UnauthenticatedError   (401)
    │   │   └── TokenExpiredError  a new token is all that is missing
    │   ├── ForbiddenError         (403)
    │   │   ├── RoleError          the caller's role is too little
    │   │   └── ImmutableProcessError  a setting names the process
    │   └── LimitError             a user has, or asks for, as much as they may (429)
    ├── UnavailableError           a part is away; the same call may succeed later (503)
    │   ├── DatabaseUnavailableError
    │   │   └── DatabaseBusyError  all connections of this process are in use
    │   ├── ArgoUnavailableError
    │   ├── StorageUnavailableError
    │   └── SourceUnavailableError a recipe's or an input's server does not answer
    ├── IntegrityError             a task is handed something else than was submitted (fails the run)
    ├── CommandFailedError         a recipe's command did not end well (fails the run)
    ├── WarningsError              a recipe takes for failures what others are warned of (fails the run)
    ├── PublishError               what commands left cannot be put together (fails the run)
    └── ConfigurationError         the operator has to mend a setting (500, without detail)
        └── ArgoRefusedError       Argo will never take what it was given

A message says what went wrong, with which value, and what to do. What a value would give away is left out
(`redact`), since messages are recorded, logged and shown to others.
"""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of an OSError that say a disk is full, for everybody or for this user."""
_MAX_PROBLEMS = 100
"""Of a recipe that are listed: a file of a megabyte can have a hundred thousand."""


class OgdcError(Exception):
    """The root: catching it catches everything this project raises on purpose."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_redacted(message))


class InputError(OgdcError):
    """The caller can mend it."""


class InvalidRecipeError(InputError):
    """A recipe that cannot run as written.

    Attributes:
        problems: One sentence for each thing to mend, each beginning with the file it is about.
    """

    def __init__(self, *problems: str) -> None:
        if (more := len(problems) - _MAX_PROBLEMS) > 0:
            file = problems[-1].partition(":")[0]
            problems = (*problems[:_MAX_PROBLEMS], f"{file}: has {more:,} more things to mend.")
        super().__init__("\n".join(problems))
        self.problems = tuple(map(_redacted, problems))


class InvalidRequestError(InputError):
    """A call that cannot be understood or holds a value out of range."""


class UnstorableError(InvalidRequestError):
    """A value that the database refuses whenever it is sent: too long for an index, out of range."""


class RecipeNotFoundError(InputError):
    """A recipe location where nothing can be read."""


class InputNotFoundError(InputError):
    """A recipe's input that does not exist or matches nothing."""


class UnusableInputError(InputError):
    """An input with a wrong checksum or size, or with the name of another input."""


class UnsupportedError(InputError):
    """Something valid that this deployment does not offer."""


class UnknownRunError(InputError):
    """A run name that is not in the record.

    Attributes:
        name: The name that was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no run named {name!r}. `ogdc-runner list` shows the runs there are.")
        self.name = name


class UnknownTriggerError(InputError):
    """A trigger name that is not in the record.

    Attributes:
        name: The name that was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no trigger named {name!r}. `ogdc-runner triggers list` shows those there are."
        )
        self.name = name


class UnknownUserError(InputError):
    """A user that is not in the record."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"There is no user {user_id!r}. `ogdc-runner users list` shows those there are.")


class UnknownProcessError(InputError):
    """A process that is not offered."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"There is no process {process_id!r:.100}. GET /processes lists those there are.")


class ResultNotReadyError(InputError):
    """The result of a job that has not ended."""


class JobFailedError(InputError):
    """The result of a job that has ended without one."""


class UnknownTokenError(InputError):
    """An API token that is not in the record, or not the caller's."""

    def __init__(self, token_id: str) -> None:
        super().__init__(f"There is no token {token_id!r}. `ogdc-runner tokens list` shows those there are.")


class UnknownWebhookError(InputError):
    """A webhook that is not in the record, or not the caller's."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(
            f"There is no webhook {webhook_id!r}. `ogdc-runner webhooks list` shows those there are."
        )


class OutputUnavailableError(InputError):
    """A run whose output cannot be handed out: not finished, failed, elsewhere or expired.

    Attributes:
        expired: True where there was an output and its time is over.
        elsewhere: True where the run never leaves an output to hand out.
    """

    def __init__(self, message: str, *, expired: bool = False, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.expired = expired
        self.elsewhere = elsewhere


class ConflictError(InputError):
    """What was asked for contradicts the record."""


class AlreadyPublishedError(ConflictError):
    """The recipe's data are published and `overwrite` was not given."""


class AlreadyRunningError(ConflictError):
    """A run of the same recipe has not ended, and both would publish to one place."""


class RecipeIdTakenError(ConflictError):
    """Another recipe name already stands for this recipe id."""


class ProcessExistsError(ConflictError):
    """A process of the same id is offered already."""


class TriggerExistsError(ConflictError):
    """A trigger of that name exists."""


class UserExistsError(ConflictError):
    """There is a user of that issuer and subject."""


class OwnAccountError(ConflictError):
    """Somebody would change what they may do themselves."""


class RunStateError(ConflictError):
    """The run's status does not allow what was asked."""


class UnauthenticatedError(InputError):
    """The caller did not say who they are, or not believably.

    Attributes:
        error: What is wrong with the token they gave, in the word of RFC 6750; None: they gave none.
    """

    def __init__(self, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.error = error


class TokenExpiredError(UnauthenticatedError):
    """A token that was good, and is over: a new one is all that is missing."""


class ForbiddenError(InputError):
    """The caller is known and may not do this."""


class ImmutableProcessError(ForbiddenError):
    """A process that callers cannot change."""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"The process {process_id!r:.100} is named by the deployment's OGDC_PROCESSES.")


class RoleError(ForbiddenError):
    """The caller's role, or that of the token they came with, is less than this takes."""


class LimitError(InputError):
    """A user has, or asks for, as much as they may at once.

    Attributes:
        retry_after: Seconds after which it is worth trying again.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(OgdcError):
    """A part this one depends on is away; the same call may succeed later."""


class DatabaseUnavailableError(UnavailableError):
    """PostgreSQL does not answer."""


class DatabaseBusyError(DatabaseUnavailableError):
    """All connections that this process may have to PostgreSQL are in use."""


class ArgoUnavailableError(UnavailableError):
    """The Argo server, or the local engine, does not answer.

    Attributes:
        maybe_done: True where the request may have been carried out although no answer came.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class StorageUnavailableError(UnavailableError):
    """The artifact store does not answer, or has no room."""


class SourceUnavailableError(UnavailableError):
    """The server that holds a recipe or an input does not answer."""


class IntegrityError(OgdcError):
    """What a task is handed is not what was submitted, so it does not run."""


class CommandFailedError(OgdcError):
    """A recipe's command that ended with something else than 0, or not in time.

    Attributes:
        number: Which of the recipe's commands, counting from 1.
        exit_code: As a shell reports it: 128 + the signal's number where a signal ended the command.
    """

    def __init__(self, message: str, *, number: int, exit_code: int) -> None:
        super().__init__(message)
        self.number = number
        self.exit_code = exit_code


class WarningsError(OgdcError):
    """What a recipe takes for a failure, and is otherwise only warned of."""


class PublishError(OgdcError):
    """A result that cannot be put together: empty, contradictory, or more than files and directories."""


class ConfigurationError(OgdcError):
    """A setting is missing or cannot be used; names the setting."""


class ArgoRefusedError(ConfigurationError):
    """Argo refuses a call for what it asks, and would do so again."""


def _redacted(message: str) -> str:
    if "://" not in message and "%3" not in message:
        return message
    from ogdc_shared.redact import redact_text  # a task that goes well needs no regular expressions

    return redact_text(message)
