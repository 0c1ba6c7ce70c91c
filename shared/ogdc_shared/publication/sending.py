"""Uploading a package to a node: each object once, in order. It can be interrupted and repeated."""

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
"""Seconds to wait after each attempt."""
_LIST_SECONDS = 5.0
"""Interval at which the objects sent meanwhile are verified together."""
_MAX_OTHERS = 20_000
"""Maximum number of other publishers' objects in a list that is read."""
_WORTH_LISTING = 8
"""Number of objects from which they are verified together; fewer are requested one by one."""


class Sent(NamedTuple):
    """An object that was verified to be on the node."""

    member: Member
    is_new: bool
    """Whether it was uploaded now; otherwise it was there already."""


class _Tried(NamedTuple):
    sent: Sent
    since: float | None = None
    """A time by the node's clock before the upload, if the object is still to be verified."""
    is_created: bool = False
    """Whether the first request created the object, and the node has it."""


class Sender:
    """Uploads the objects of a package that a node does not have.

    Several publishers may do this at a time, and the node decides who wins. Identifiers are derived from the
    content, so both upload the same objects, and a version can only be obsoleted once.
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
        """Prepare the upload; nothing is sent yet.

        Args:
            package: The package.
            directory: Its directory.
            node: The node.
            writers: Subjects that may change the objects, in addition to the rights holder.
            parallel: Number of data objects that are uploaded at a time.
        """
        self._package = package
        self._directory = directory
        self._node = node
        self._writers = writers
        self._parallel = parallel
        self._is_first = False
        """Whether no other publisher is known to have sent objects of this package."""

    def send(self) -> Iterator[Sent]:
        """Upload the data, then the metadata, then the map, and yield each object once it is verified.

        Raises:
            SourceUnavailableError: the node does not respond, or not clearly, after several attempts.
            InvalidRequestError: the node rejects an object, or has a different one with its identifier.
            ConflictError: somebody else published a version meanwhile.
            ForbiddenError: the token does not allow it.
            UnauthenticatedError: the token has expired.
        """
        *data, metadata, resource_map = self._package.members
        if metadata.obsoletes and not self._has(metadata):
            self._node.check_writable(metadata.obsoletes)  # before data are sent that no map would list
        is_listed = len(data) >= _WORTH_LISTING
        if is_listed and self._package.obsoletes is None:
            yield self._begin(data.pop(0))
        with ThreadPoolExecutor(self._parallel) as workers:
            sending = [workers.submit(self._ensure, member, is_listed=is_listed) for member in data]
            try:
                yield from self._verified(sending, is_listed=is_listed)
            except BaseException as exc:
                if not isinstance(exc, Exception):  # do not wait for gigabytes that are being sent
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
        """Yield each object once it is verified: many by one request, if the node lists them."""
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
        """Upload an object unless the node has it. This is checked each time, since a response may be lost.

        Args:
            member: The object.
            is_listed: Whether it is one of many. If so, it is verified later, together with others. The
                check before the first attempt is skipped if no other publisher has sent objects of this
                package.
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
                    f"The node {self._node.url} accepted {member.path} ({member.pid}), but does not have it."
                )
            except SourceUnavailableError as exc:
                error = exc
            self._is_first = False  # the object may exist now, or another publisher sends it
            time.sleep(seconds)
        raise error

    def _has(self, member: Member) -> bool:
        """Whether the node has this object.

        Raises:
            InvalidRequestError: it has a different object with this identifier.
        """
        found = self._node.describe(member.pid)
        wanted = Description.of(member)
        if found is not None and found != wanted:
            raise InvalidRequestError(
                f"{self._node.url} has a different object with the identifier {member.pid} of {member.path}: "
                f"{', '.join(found)} instead of {', '.join(wanted)}. Nothing was replaced. Ask the node's "
                "operators who sent that object."
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
            raise SourceUnavailableError(
                str(exc)
            ) from exc  # another publisher was faster: try again, with a fresh look

    def _is_newest(self, member: Member, old: str) -> bool:
        """Whether an object exists and has not been replaced, as another publisher may have done with data.

        Raises:
            ConflictError: they are metadata, and somebody published a newer version.
        """
        found = self._node.state(old)
        is_newest = found is not None and found.obsoleted_by is None
        if found is not None and not is_newest and member.role == METADATA:
            raise ConflictError(
                f"{found.obsoleted_by} was published meanwhile, and is newer than {old}. Look at it, and "
                "publish again if this result should replace it."
            )
        return is_newest
