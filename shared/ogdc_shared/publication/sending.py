"""Sending a package to a node: each object once, in order, however often this is begun."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ogdc_shared.dataone.member import METADATA, Member
from ogdc_shared.dataone.node import Description, Node
from ogdc_shared.errors import ConflictError, ForbiddenError, InvalidRequestError, SourceUnavailableError
from ogdc_shared.publication.checking import system_metadata_of
from ogdc_shared.publication.package import Package

_WAITS = (0.5, 2.0, 8.0, 0.0)
"""Seconds after each try."""
_LIST_SECONDS = 5.0
"""After which those are verified that were sent meanwhile."""
_MAX_OTHERS = 20_000
"""Objects of others that may stand in such a list."""
_WORTH_LISTING = 8
"""Objects: of fewer, each is asked for, before and after it is sent."""


class Sent(NamedTuple):
    """An object that is on the node, as was verified."""

    member: Member
    is_new: bool
    """Whether it was uploaded now; otherwise it was there already."""


class _Tried(NamedTuple):
    sent: Sent
    since: float | None = None
    """When by the node's clock it was not there yet, if it is still to be verified."""
    is_created: bool = False
    """Whether the node answered the first request that it created the object, and has it."""


class Sender:
    """Has a node have each object of a package.

    The node decides who wins where two send at a time: an identifier follows from the content, so both have
    the same object in mind, and a version is obsoleted once.
    """

    def __init__(
        self,
        package: Package,
        directory: Path,
        node: Node,
        *,
        writers: tuple[str, ...] = (),
        parallel: int = 4,
    ) -> None:
        """Send nothing yet.

        Args:
            package: The package.
            directory: Its directory.
            node: The node.
            writers: Subjects that may change the objects, in addition to the rights holder.
            parallel: Data objects that are sent at a time.
        """
        self._package = package
        self._directory = directory
        self._node = node
        self._writers = writers
        self._parallel = parallel
        self._is_first = False
        """Whether nobody else has sent objects of this package, as far as is known."""

    def send(self) -> Iterator[Sent]:
        """Send data, then metadata, then the map, which names the others. Yields each once it is there.

        Raises:
            SourceUnavailableError: the node does not answer, or not clearly, time and again.
            InvalidRequestError: it refuses an object, or has another one of this identifier.
            ConflictError: somebody else published a version meanwhile.
            ForbiddenError: the token may not do that.
            UnauthenticatedError: the token is over.
        """
        *data, metadata, resource_map = self._package.members
        if metadata.obsoletes and not self._has(metadata):
            self._node.check_writable(metadata.obsoletes)  # before anything is there that nothing names
        is_listed = len(data) >= _WORTH_LISTING
        if is_listed and self._package.obsoletes is None:
            yield self._begin(data.pop(0))
        with ThreadPoolExecutor(self._parallel) as workers:
            sending = [workers.submit(self._ensure, member, is_listed=is_listed) for member in data]
            try:
                yield from self._verified(sending, is_listed=is_listed)
            except BaseException as exc:
                if not isinstance(exc, Exception):  # nobody waits for gigabytes that are on their way
                    self._node.stop()
                raise
            finally:
                workers.shutdown(wait=True, cancel_futures=True)
        yield self._ensure(metadata).sent
        yield self._ensure(resource_map).sent

    def _begin(self, first: Member) -> Sent:
        """Send the first object, alone: whoever creates it is the first to send objects of this package.

        All publishers of a run begin with it. The node creates it once, so only one of them can be the first.
        The first one does not ask for the others before it sends them, since they cannot be there.
        """
        tried = self._ensure(first)
        self._is_first = tried.is_created
        return tried.sent

    def _verified(self, sending: Sequence[Future[_Tried]], *, is_listed: bool) -> Iterator[Sent]:
        """Yield each object once it is verified: many by one question, where the node lists them."""
        left = {*sending}
        while left:
            if is_listed:
                done, left = wait(left, _LIST_SECONDS, FIRST_EXCEPTION)
            else:
                done, left = wait(left, return_when=FIRST_COMPLETED)
            yield from self._looked_up([each.result() for each in sending if each in done])

    def _looked_up(self, tried: Sequence[_Tried]) -> Iterator[Sent]:
        listed: dict[str, Description] = {}
        times = [each.since for each in tried if each.since is not None]
        if len(times) >= _WORTH_LISTING:
            with suppress(SourceUnavailableError, InvalidRequestError, ForbiddenError):
                listed = self._node.listed(min(times), most=_MAX_OTHERS + len(times))
            self._node.is_listing = any(each.sent.member.pid in listed for each in tried)
        for each in tried:
            member = each.sent.member
            if each.since is None or listed.get(member.pid) == Description.of(member):
                yield each.sent
            else:
                yield self._ensure(member).sent._replace(is_new=True)

    def _ensure(self, member: Member, *, is_listed: bool = False) -> _Tried:
        """Look before each try, since an answer that was lost may have been a good one.

        Args:
            member: The object.
            is_listed: Whether it is one of many: what the node says to have taken is verified later, and the
                look before the first try is left out if nobody else has sent objects of this package.
        """
        is_new, error = False, SourceUnavailableError()
        for seconds in _WAITS:
            try:
                if not (is_listed and self._is_first) and self._has(member):
                    return _Tried(Sent(member, is_new))
                is_repeated, is_new, since = is_new, True, self._node.time
                self._store(member)
                if is_listed and self._node.is_listing and since is not None:
                    return _Tried(Sent(member, is_new), since)
                if self._has(member):
                    return _Tried(Sent(member, is_new), is_created=not is_repeated)
                error = SourceUnavailableError(
                    f"The node {self._node.url} took {member.path}, and does not have it."
                )
            except SourceUnavailableError as exc:
                error = exc
            self._is_first = False  # the object may be there, or somebody else sends it
            time.sleep(seconds)
        raise error

    def _has(self, member: Member) -> bool:
        """Whether the node has this very object.

        Raises:
            InvalidRequestError: it has another one of the identifier.
        """
        found = self._node.describe(member.pid)
        wanted = Description.of(member)
        if found is not None and found != wanted:
            raise InvalidRequestError(
                f"{self._node.url} has another object by the identifier {member.pid} of {member.path}: "
                f"{', '.join(found)} instead of {', '.join(wanted)}. What is published stays as it is; its "
                "operators can tell who sent that."
            )
        return found is not None

    def _store(self, member: Member) -> None:
        described = system_metadata_of(self._package, member, writers=self._writers)
        file = self._directory / member.file
        if member.obsoletes is None or not self._is_newest(member, member.obsoletes):
            self._node.create(member, system_metadata=described, file=file)
            return
        try:
            self._node.update(member.obsoletes, member, system_metadata=described, file=file)
        except InvalidRequestError as exc:
            if self._is_newest(member, member.obsoletes):
                raise
            raise SourceUnavailableError(str(exc)) from exc  # of another publisher's version, looked at again

    def _is_newest(self, member: Member, old: str) -> bool:
        """Whether an object is there to be obsoleted; data that somebody else did already need not be.

        Raises:
            ConflictError: metadata are not: there is a version that this one does not know.
        """
        found = self._node.state(old)
        is_newest = found is not None and found.obsoleted_by is None
        if found is not None and not is_newest and member.role == METADATA:
            raise ConflictError(
                f"{found.obsoleted_by} was published meanwhile, which is newer than {old}. Look at it, and "
                "publish again if this result is to take its place."
            )
        return is_newest
