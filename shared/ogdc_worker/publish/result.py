"""`ogdc-worker publish`: make the result of a run visible in one step.

A published directory comes about in steps that may each be stopped anywhere and done again:

1. Look through the partitions' outputs, and let others read them but never act as their owner (see
   `rights`); write what goes along with them (see `companions`); then make the staging directory, which says
   that all was well.
2. Move the outputs into it, merged, and what tells of them. What another run may have published as well
   is compared with what it was, before that and after it (see `reuse.linked`).
3. Write the receipt: from here on the staging directory is complete, and known by its inode.
4. Rename the staging directory to the recipe's id, which makes the result visible. What has that name gets
   the staging directory's in the same step; where the file system cannot, it is moved aside before.
5. Put what was replaced and the run's workspace aside (see `clearing`), or remove it.
6. Where it is meant to go there as well, have a member node of DataONE have it as a package (see `node`).

Unlike `process`, this sees the whole volume, and runs no command of a recipe: what commands left is but
data to it, and it follows none of their links.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.errors import AlreadyPublishedError, PublishError
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.removal import remove
from ogdc_shared.run_warnings import RunWarnings, read_warnings
from ogdc_shared.trees import exchange, flush_entries, move_children, write_durably
from ogdc_shared.walking import is_directory
from ogdc_worker.lock import open_locked
from ogdc_worker.publish.clearing import clear_away
from ogdc_worker.publish.companions import flush_companions, make_companions, move_companions
from ogdc_worker.publish.output_check import check_outputs
from ogdc_worker.publish.rights import AS_LEFT, Rights
from ogdc_worker.warning_files import gather_warnings

if TYPE_CHECKING:
    from typing import Any

    from ogdc_worker.publish.publication import Publication
    from ogdc_worker.report import Reporter


def publish(publication: Publication, reporter: Reporter) -> None:
    """Publish a run's result to the volume, or make one zip of it.

    After a zip the run's workspace stays, since the zip is safe only once Argo has stored it.

    Raises:
        AlreadyPublishedError: another run's data are there and `overwrite` was not given.
        PublishError: the outputs are empty, contradict each other, or hold what can be no part of a result.
        UnavailableError: another worker is publishing the same recipe.
        SourceUnavailableError: the member node that a package is sent to does not answer.
        OSError: the volume cannot be written.
    """
    started = time.monotonic()
    _gather_warnings(publication, reporter)
    if policy_of(publication.output).is_zip:
        _publish_zip(publication, reporter)
    else:
        _publish_directory(publication, reporter)
        _clean_up(publication, reporter)
    if publication.reuse is not None:
        from ogdc_worker.reuse.collection import collect

        collect(_at(publication, layout.REUSE), most=publication.reuse_bytes)
    if publication.node is not None:
        from ogdc_worker.publish.node import send_to_node

        send_to_node(publication, reporter)
    reporter.leave_warnings(publication.warnings_path)
    reporter.event(
        "published",
        recipe_id=publication.recipe_id,
        output=publication.output,
        seconds=round(time.monotonic() - started, 3),
    )


def _gather_warnings(publication: Publication, reporter: Reporter) -> None:
    """Take in what the partitions' tasks warned of; once their workspaces are gone, it is in the receipt."""
    published = _read_receipt(f"{publication.volume}/{layout.receipt(publication.recipe_id)}")
    if published.get("run") == publication.run:
        reporter.recall(read_warnings(json.dumps(published.get("warnings"))))
    else:
        for stage, partitions in reversed(publication.stages()):  # what is recalled last comes first
            reporter.recall(gather_warnings(publication.workspaces_of(stage, partitions)))


def _list_missing(publication: Publication, reporter: Reporter) -> str | None:
    """Make sure that no more items are missing than may be, and render the list of those; None: none is.

    Raises:
        PublishError: too many are.
    """
    if publication.allowed_failures is None:
        return None
    from ogdc_worker.missing_items import RESULT_NAME, add_up_missing

    account = add_up_missing(publication.workspaces(), publication.allowed_failures)
    if not account.missing:
        return None
    reporter.warn("missing_items", f"The result lacks what failed: {account.to_text()}. See {RESULT_NAME}.")
    return account.to_json()


def _keep_for_later_runs(publication: Publication, reporter: Reporter) -> None:
    """Take in what the tasks have kept, while their outputs are where they left them."""
    if publication.reuse is None:
        return
    from ogdc_worker.reuse.harvest import harvest
    from ogdc_worker.reuse.store import Store

    store = Store(_at(publication, layout.reuse_store(publication.reuse)))
    first = publication.workspaces_of(*publication.stages()[0])  # no other stage's tasks keep anything
    for each in harvest(store, publication.run, enumerate(first)):
        reporter.warn(
            "not_reproduced",
            f"Partition {each.partition} made another result than run {each.run} of the same commands, "
            "inputs and programs. What else was taken from earlier runs may be wrong as well: submit with "
            "--fresh, and set workflow.reuse: false in meta.yml if the commands are meant to differ.",
        )


def _look_through(
    publication: Publication, reporter: Reporter, rights: Rights, missing: str | None
) -> dict[str, int]:
    """Look through the outputs, as `check_outputs` does, and put the list of missing items beside the first.

    Raises:
        PublishError: as `check_outputs`; or a command of another partition wrote a file of the list's name.
    """
    outputs = publication.outputs()
    names = check_outputs(outputs, rights)
    _keep_for_later_runs(publication, reporter)
    if missing is not None:
        from ogdc_worker.missing_items import RESULT_NAME

        if names.setdefault(RESULT_NAME, 0) != 0:
            raise PublishError(f"A command wrote {RESULT_NAME!r}, the name of the list of what is missing.")
        path = f"{outputs[0].directory}/{RESULT_NAME}"
        write_durably(path, f"{missing}\n".encode())
        rights.give(path)
    return names


def _publish_zip(publication: Publication, reporter: Reporter) -> None:
    missing = _list_missing(publication, reporter)
    outputs = publication.outputs()
    names = _look_through(publication, reporter, Rights(AS_LEFT), missing)
    found = {name: f"{outputs[number].directory}/{name}" for name, number in names.items()}
    found |= make_companions(publication, reporter, names)
    from ogdc_worker.publish.archive import write_zip

    write_zip(publication.zip_path, found)
    _check_linked(publication)


def _publish_directory(publication: Publication, reporter: Reporter) -> None:
    receipt = f"{publication.volume}/{layout.receipt(publication.recipe_id)}"
    os.makedirs(os.path.dirname(receipt), exist_ok=True)
    lock = open_locked(f"{receipt}.lock")
    try:
        is_again = _publisher(receipt) == publication.run
        if not is_again:
            _assemble(publication, reporter)
            write_durably(receipt, _receipt(publication, reporter.warnings))
        _show(publication, _read_receipt(receipt).get("inode"), is_again=is_again)
    finally:
        os.close(lock)


def _assemble(publication: Publication, reporter: Reporter) -> None:
    """Bring all outputs together in the staging directory, and what goes along with them."""
    missing = _list_missing(publication, reporter)
    _check_target(publication)
    staging = _at(publication, layout.staging(publication.run))
    if not is_directory(staging):
        rights = Rights(publication.rights)
        names = _look_through(publication, reporter, rights, missing)
        for path in make_companions(publication, reporter, names).values():
            rights.give(path)
        flush_companions(publication)
        _check_linked(publication)
        os.makedirs(staging)
        rights.give(staging)
    move_children(staging, *(each.directory for each in publication.outputs()))
    move_companions(publication, staging)
    _check_linked(publication, staging)


def _check_linked(publication: Publication, staging: str | None = None) -> None:
    """Make sure that what has a second name in the store is what it was, in its place or in the staging one.

    Raises:
        PublishError: somebody has changed it where another run has published it.
    """
    workspace = _at(publication, layout.workspace(publication.run))
    if publication.before or not os.path.lexists(f"{workspace}/{layout.LINKED}"):
        return  # the outputs of a stage that others follow are not published
    from ogdc_worker.reuse.linked import check_linked, read_linked

    linked = read_linked(workspace)
    if staging is None:
        check_linked(linked, lambda number, name: f"{workspace}/{number}/output_dir/{name}")
    else:
        check_linked(linked, lambda _, name: f"{staging}/{name}", moved=True)


def _show(publication: Publication, inode: object, *, is_again: bool) -> None:
    """Put the staging directory in its place, unless that has been done: then it is there by its inode.

    Where an earlier try had put it together (`is_again`), what it shares may have been changed since.
    """
    staging = _at(publication, layout.staging(publication.run))
    target = _at(publication, publication.recipe_id)
    is_shown = is_directory(target) and os.lstat(target).st_ino == inode
    if is_directory(staging) and not is_shown:
        _check_target(publication)
        if is_again:
            _check_linked(publication, staging)
        if not (os.path.lexists(target) and exchange(staging, target)):
            _move_aside(publication)
            os.rename(staging, target)
    elif not is_directory(target):
        raise PublishError(
            f"The result of {publication.run} was put together and has disappeared. Submit again."
        )
    flush_entries(publication.volume)


def _move_aside(publication: Publication) -> None:
    """Move what is replaced to where only this run looks, where there is something."""
    replaced = _at(publication, layout.replaced(publication.run))
    remove(replaced)
    os.makedirs(os.path.dirname(replaced), exist_ok=True)
    with suppress(FileNotFoundError):
        os.rename(_at(publication, publication.recipe_id), replaced)


def _check_target(publication: Publication) -> None:
    if os.path.lexists(_at(publication, publication.recipe_id)) and not publication.overwrite:
        publisher = _publisher(_at(publication, layout.receipt(publication.recipe_id)))
        raise AlreadyPublishedError(
            f"Data of {publication.recipe_id} are published already, by {publisher or 'an unknown run'}. "
            "Submit with --overwrite to replace them."
        )


def _clean_up(publication: Publication, reporter: Reporter) -> None:
    """Clear away what nobody needs any more; what cannot be does not make the publication a failure."""
    workspaces = (layout.workspace(publication.run, stage) for stage, _ in publication.stages())
    for place in (layout.staging(publication.run), layout.replaced(publication.run), *workspaces):
        try:
            clear_away(publication.volume, place)
        except OSError as exc:
            reporter.event("left_behind", place=place, reason=str(exc))


def _receipt(publication: Publication, warnings: RunWarnings | None) -> bytes:
    return json.dumps(
        {
            "run": publication.run,
            "recipe_id": publication.recipe_id,
            "published_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "inode": os.lstat(_at(publication, layout.staging(publication.run))).st_ino,
            "warnings": json.loads((warnings or RunWarnings()).to_json()),
        }
    ).encode()


def _publisher(receipt: str) -> str | None:
    """The run that published a recipe's data, or is about to; None: nobody has."""
    run = _read_receipt(receipt).get("run")
    return None if run is None else str(run)


def _read_receipt(receipt: str) -> dict[str, Any]:
    """What a receipt says; nothing where there is none."""
    with suppress(FileNotFoundError, ValueError), open(receipt, "rb") as file:
        return dict(json.load(file))
    return {}


def _at(publication: Publication, place: str) -> str:
    return f"{publication.volume}/{place}"
