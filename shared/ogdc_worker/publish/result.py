"""`ogdc-worker publish`: make the result of a run visible atomically.

Publishing a directory takes these steps, each of which may be interrupted and repeated:

1. Check the partitions' outputs, and set permissions that let others read them but never act as their owner
   (see `rights`). Write the companions of the result (see `companions`). Then create the staging directory,
   which marks the end of this step.
2. Move the outputs and companions into it. Files that another run may also have published are compared with
   their checksums before and after (see `reuse.linked`).
3. Write the receipt. From here on the staging directory is complete, and identified by its inode.
4. Rename the staging directory to the recipe's id, which makes the result visible. An existing directory of
   that name is exchanged atomically; if the file system cannot do that, it is moved away before. From here on
   a cancel no longer stops the task, except in step 6.
5. Remove what was replaced and the run's workspaces, or leave them to `tidy` (see `clearing`). A cancel ends
   this step early.
6. If requested, upload a package to a member node (see `node`).

Unlike `process`, this mounts the whole volume, and runs no command of a recipe. It treats what commands left
as data, and follows none of their links.
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
from ogdc_worker.merging import alike_files
from ogdc_worker.publish.clearing import clear_away
from ogdc_worker.publish.companions import crate_begun, flush_companions, make_companions, move_companions
from ogdc_worker.publish.output_check import check_outputs
from ogdc_worker.publish.rights import AS_LEFT, Rights
from ogdc_worker.stops import STOPS, Stopped
from ogdc_worker.warning_files import gather_warnings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ogdc_worker.publish.output_check import Outputs
    from ogdc_worker.publish.publication import Publication
    from ogdc_worker.report import Reporter


def publish(publication: Publication, reporter: Reporter) -> None:
    """Publish a run's result to the volume, or as a zip.

    After a zip the run's workspace stays, because the zip is safe only after Argo has stored it.

    Raises:
        AlreadyPublishedError: there are another run's data, and `overwrite` was not given.
        PublishError: the outputs are empty, clash, or contain something that cannot be part of a result.
        UnavailableError: another worker is publishing the same recipe.
        SourceUnavailableError: the member node does not respond.
        OSError: the volume cannot be written.
    """
    try:
        _publish(publication, reporter)
    except Stopped:
        if not _is_visible(publication):
            reporter.doing = f"publishing, {layout.NOT_VISIBLE}"
        raise


def _publish(publication: Publication, reporter: Reporter) -> None:
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

        reporter.doing = f"the upload to {publication.node}"
        STOPS.release()
        send_to_node(publication, reporter)
    reporter.leave_warnings(publication.warnings_path)
    reporter.event(
        "published",
        recipe_id=publication.recipe_id,
        output=publication.output,
        seconds=round(time.monotonic() - started, 3),
    )


def _gather_warnings(publication: Publication, reporter: Reporter) -> None:
    """Recall the warnings of all tasks from their workspaces, or from the receipt once those are removed."""
    published = _read_receipt(f"{publication.volume}/{layout.receipt(publication.recipe_id)}")
    if published.get("run") == publication.run:
        reporter.recall(read_warnings(json.dumps(published.get("warnings"))))
    else:
        for stage, partitions in reversed(publication.stages()):  # the last recalled comes first
            reporter.recall(gather_warnings(publication.workspaces_of(stage, partitions)))


def _list_missing(publication: Publication, reporter: Reporter) -> str | None:
    """Check the number of missing items, and return the list of them for publication; None if there are none.

    Raises:
        PublishError: too many are missing.
    """
    if publication.allowed_failures is None:
        return None
    from ogdc_worker.missing_items import RESULT_NAME, add_up_missing

    account = add_up_missing(publication.workspaces(), publication.allowed_failures)
    if not account.missing:
        return None
    reporter.warn(
        "missing_items",
        f"The result is incomplete: {account.to_text()}. See {RESULT_NAME}.",
    )
    return account.to_json()


def _keep_for_later_runs(publication: Publication, reporter: Reporter) -> None:
    """Move results that the tasks have kept to the store, while their outputs are still in place."""
    if publication.reuse is None:
        return
    from ogdc_worker.reuse.harvest import harvest
    from ogdc_worker.reuse.store import Store

    store = Store(_at(publication, layout.reuse_store(publication.reuse)))
    first = publication.workspaces_of(*publication.stages()[0])  # only its tasks keep results
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
    """Check the outputs with `check_outputs`, and write the list of missing items to the first directory.

    Raises:
        PublishError: as for `check_outputs`; or a command wrote a file with the list's name.
    """
    outputs = publication.outputs()
    names = check_outputs(outputs, rights)
    _warn_of_names(outputs, names, reporter)
    _keep_for_later_runs(publication, reporter)
    if missing is not None:
        from ogdc_worker.missing_items import RESULT_NAME

        path, content = f"{outputs[0].directory}/{RESULT_NAME}", f"{missing}\n".encode()
        if RESULT_NAME in names and not _is_of_earlier_try(path, content):
            raise PublishError(
                f"A command wrote {RESULT_NAME!r}, which is reserved for the list of missing items. Use "
                "another name."
            )
        names[RESULT_NAME] = 0
        write_durably(path, content)
        rights.give(path)
    return names


def _is_of_earlier_try(path: str, content: bytes) -> bool:
    """Whether this list of missing items was written before `publish` was killed, and not by a command."""
    try:
        with open(path, "rb") as file:
            return file.read(len(content) + 1) == content
    except FileNotFoundError:  # it is in the directory of another partition
        return False


def _warn_of_names(outputs: Sequence[Outputs], names: Mapping[str, int], reporter: Reporter) -> None:
    """Warn about files of different partitions that have one name on other systems."""
    if len(outputs) == 1:  # its task has done so
        return
    if found := alike_files(names, [each.directory for each in outputs]):
        one, other = found[0]
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        reporter.warn(
            "odd_name",
            f"The partitions {outputs[names[one]].partition} and {outputs[names[other]].partition} left "
            f"{one!r} and {other!r}{more}, which are one file on Windows or macOS: readers there get only "
            "one of the two. Rename one.",
        )


def _publish_zip(publication: Publication, reporter: Reporter) -> None:
    missing = _list_missing(publication, reporter)
    outputs = publication.outputs()
    with crate_begun(publication) as write_crate:
        names = _look_through(publication, reporter, Rights(AS_LEFT), missing)
        found = {name: f"{outputs[number].directory}/{name}" for name, number in names.items()}
        found |= make_companions(publication, reporter, names, write_crate)
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
    """Assemble the result in the staging directory."""
    missing = _list_missing(publication, reporter)
    _check_target(publication)
    staging = _at(publication, layout.staging(publication.run))
    if not is_directory(staging):
        rights = Rights(publication.rights)
        with crate_begun(publication) as write_crate:
            names = _look_through(publication, reporter, rights, missing)
            made = make_companions(publication, reporter, names, write_crate)
        for path in made.values():
            rights.give(path)
        flush_companions(publication)
        _check_linked(publication)
        os.makedirs(staging)
        rights.give(staging)
    move_children(staging, *(each.directory for each in publication.outputs()))
    move_companions(publication, staging)
    _check_linked(publication, staging)


def _check_linked(publication: Publication, staging: str | None = None) -> None:
    """Check that outputs with hard links in the store are unchanged, in their workspaces or in `staging`.

    Raises:
        PublishError: one was modified where another run has published it.
    """
    workspace = _at(publication, layout.workspace(publication.run))
    if publication.before or not os.path.lexists(f"{workspace}/{layout.LINKED}"):
        return  # only the first stage has linked outputs, and here a later stage makes the result
    from ogdc_worker.reuse.linked import check_linked, read_linked

    linked = read_linked(workspace)
    if staging is None:
        check_linked(linked, lambda number, name: f"{workspace}/{number}/output_dir/{name}")
    else:
        check_linked(linked, lambda _, name: f"{staging}/{name}", moved=True)


def _show(publication: Publication, inode: object, *, is_again: bool) -> None:
    """Rename the staging directory to its final name, unless that was done, as shown by its inode.

    If an earlier attempt assembled it (`is_again`), shared files are checked again.
    """
    staging = _at(publication, layout.staging(publication.run))
    target = _at(publication, publication.recipe_id)
    waits = is_directory(staging) and not _has_inode(target, inode)
    if waits:
        _check_target(publication)
        if is_again:
            _check_linked(publication, staging)
    elif not is_directory(target):
        raise PublishError(
            f"The result of {publication.run} was assembled, but has disappeared. Submit again."
        )
    STOPS.hold()  # from here on the run has to succeed
    if waits and not (os.path.lexists(target) and exchange(staging, target)):
        _move_aside(publication)
        os.rename(staging, target)
    flush_entries(publication.volume)


def _is_visible(publication: Publication) -> bool:
    """Whether this run's result is in place, made visible by this or an earlier attempt."""
    receipt = _read_receipt(f"{publication.volume}/{layout.receipt(publication.recipe_id)}")
    is_own = receipt.get("run") == publication.run
    return is_own and _has_inode(_at(publication, publication.recipe_id), receipt.get("inode"))


def _has_inode(directory: str, inode: object) -> bool:
    return is_directory(directory) and os.lstat(directory).st_ino == inode


def _move_aside(publication: Publication) -> None:
    """Move the data to be replaced, if any, to a place that only this run uses."""
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
    """Remove what is no longer needed; failures are only logged.

    If the task is asked to stop, it leaves the rest to `tidy`. Otherwise a slow disk could make it be killed,
    and the run would fail although its result is in place.
    """
    workspaces = (layout.workspace(publication.run, stage) for stage, _ in publication.stages())
    try:
        STOPS.release()
        for place in (layout.staging(publication.run), layout.replaced(publication.run), *workspaces):
            try:
                clear_away(publication.volume, place)
            except OSError as exc:
                reporter.event("left_behind", place=place, reason=str(exc))
        STOPS.hold()
    except Stopped as stopped:
        STOPS.hold_back(stopped)
        reporter.event("left_behind", place=layout.WORKSPACES, reason="the task was asked to stop")


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
    """Return the run that published a recipe's data, or is about to; None if there is none."""
    run = _read_receipt(receipt).get("run")
    return None if run is None else str(run)


def _read_receipt(receipt: str) -> dict[str, Any]:
    """Read a receipt; empty if there is none."""
    with suppress(FileNotFoundError, ValueError), open(receipt, "rb") as file:
        return dict(json.load(file))
    return {}


def _at(publication: Publication, place: str) -> str:
    return f"{publication.volume}/{place}"
