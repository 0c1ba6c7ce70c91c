"""Locations of all data: artifact keys, paths on the workflow volume and inside a task's container.

This is the only agreement between the services, the compiler, the worker and the local engine. It imports
nothing, because every task pays for the worker's start-up time.
"""

from __future__ import annotations

PROCESS = "process"
"""The stage that every run has: its partitions are those of the recipe's inputs. Whatever belongs to another
stage lies in a part of its own; `stage` names it in what follows."""

REUSE_TASK = "reuse"
"""The task that takes what is known of `process`, where anything may be."""
PUBLISH = "publish"
"""The last stage of every run, of one task."""
LIST = "list"
"""The task that divides the inputs of `process` where only the run can; `list-x` divides those of stage x."""


def list_task(stage: str) -> str:
    """Name the task that divides a stage's inputs."""
    return LIST if stage == PROCESS else f"{LIST}-{stage}"


def is_list_task(name: str) -> bool:
    """Whether a task of that name divides a stage's inputs."""
    return name == LIST or name.startswith(f"{LIST}-")


def stage_of(task: str) -> str:
    """Name the stage that a task belongs to; the one that divides its inputs does, too."""
    return (task.removeprefix(f"{LIST}-") if task != LIST else PROCESS) if is_list_task(task) else task


# --- keys in the artifact store ---


def snapshot_key(digest: str) -> str:
    """Key of a recipe's snapshot (tar.gz), by the SHA-256 of its content in hex."""
    return f"recipes/{digest}.tar.gz"


def plan_key(run_name: str, stage: str = PROCESS) -> str:
    """Key of what the tasks of a stage execute (see `plan.Plan`)."""
    return f"{_stage_prefix(run_name, stage)}plan.json"


def pack_key(run_name: str, pack: int | str, stage: str = PROCESS) -> str:
    """Key of a pack: the manifests of some partitions (see `inputs.packs`); `pack` counts from 0."""
    return f"{partitions_directory(run_name, stage)}/{pack}.json"


def partitions_directory(run_name: str, stage: str = PROCESS) -> str:
    """What the keys of all packs of a stage begin with, before a slash; they stay with the run."""
    return f"{_stage_prefix(run_name, stage)}partitions"


def division_key(run_name: str, stage: str = PROCESS) -> str:
    """Key of how a stage's files were divided (see `plan.Division`), at submission or by a task `list`."""
    return f"{_stage_prefix(run_name, stage)}partitions.json"


def facts_key(run_name: str, partition: int | str, stage: str = PROCESS) -> str:
    """Key of what the task of a partition fetched, ran and wrote (see `worker.facts`), where it left that."""
    return f"{facts_prefix(run_name, stage)}{partition}.json"


def facts_prefix(run_name: str, stage: str = PROCESS) -> str:
    """Prefix of the facts of a stage's tasks."""
    return f"{_stage_prefix(run_name, stage)}facts/"


def log_key(run_name: str, template: str, partition: int | str | None) -> str:
    """Key of the log that a task has left at its end (see `worker.log`).

    Args:
        run_name: The run's.
        template: The stage's, for a partition of it; else of the task that divides or publishes.
        partition: Of the stage; None: it has none.
    """
    if partition is None:
        return f"{logs_prefix(run_name)}{template}.log"
    return f"{logs_prefix(run_name, template)}{partition}.log"


def logs_prefix(run_name: str, stage: str = PROCESS) -> str:
    """Prefix of the logs of a stage's tasks; those of tasks without a partition are with the first stage."""
    return f"{_stage_prefix(run_name, stage)}logs/"


def description_key(run_name: str) -> str:
    """Key of what the run's crate says of it as a whole (see `provenance.description`)."""
    return f"{run_prefix(run_name)}run.json"


def data_set_key(run_name: str) -> str:
    """Key of what the recipe says of its result as a data set (see `dataone.words`), where that is sent."""
    return f"{run_prefix(run_name)}data-set.json"


def reused_key(run_name: str) -> str:
    """Key of what a run has taken: by partition which run's, of how many commands, and whether of all."""
    return f"{run_prefix(run_name)}reused.json"


def reused_facts_key(run_name: str) -> str:
    """Key of the facts of the tasks whose results a run has taken whole, one after the other."""
    return f"{run_prefix(run_name)}reused-facts"


def output_key(run_name: str, recipe_id: str) -> str:
    """Key of the one zip a recipe with `output: temporary` leaves."""
    return f"runs/{run_name}/output/{recipe_id}.zip"


def output_prefix(run_name: str) -> str:
    """Prefix of what a run leaves for download."""
    return f"runs/{run_name}/output/"


def run_prefix(run_name: str) -> str:
    """Prefix of all of a run's own objects."""
    return f"runs/{run_name}/"


def _stage_prefix(run_name: str, stage: str) -> str:
    return run_prefix(run_name) if stage == PROCESS else f"{run_prefix(run_name)}stages/{stage}/"


# --- places on the workflow volume (relative to its root) ---

PRIVATE_DIR = ".ogdc"
"""Everything on the workflow volume that is not published data; a recipe id never begins with a dot."""


WORKSPACES = f"{PRIVATE_DIR}/runs"
STAGING = f"{PRIVATE_DIR}/staging"
REPLACED = f"{PRIVATE_DIR}/replaced"
"""Below each of these a directory a run, which stays there when the run comes to no good end; below the first
one for each further stage of it as well."""
PACKAGES = f"{PRIVATE_DIR}/packages"
"""Below it a directory for each run whose package is being made and sent."""
CONDEMNED = f"{PRIVATE_DIR}/condemned"
"""Where `tidy` puts what it is about to remove."""
CHECKPOINT = "checkpoint"
"""The file in a partition's workspace that says how far it is."""
JOURNAL = "journal"
"""The file in a partition's workspace with what its task has done so far, over all its tries."""
FACTS = "facts.json"
"""The file in the workspace of a partition that succeeded with a copy of its facts, for `publish`."""
RESULT = "result"
"""The directory among the outputs of a stage with others after it that is part of the run's result, where
the stage has such (see `workflow.facts.Stage.has_results`)."""
PROVENANCE = ".provenance"
"""The directory in a result that tells how it came to be: hidden, since it is none of the outputs."""
CRATE_METADATA = "ro-crate-metadata.json"
"""The file that makes a directory a crate."""
STAC = ".stac"
"""The directory in a result that tells where on the Earth its outputs lie; likewise."""
CATALOG = "catalog.json"
"""The file that makes a directory a STAC catalogue."""
COMPANIONS = ((PROVENANCE, CRATE_METADATA), (STAC, CATALOG))
"""What goes along with a result and is none of its outputs: each directory, and the file that it has then."""
REUSE = f"{PRIVATE_DIR}/reuse"
"""Below it a directory for each scope of results that later runs may take (see `plan.Reuse`)."""
KEPT = "kept"
"""The directory in a partition's workspace with what its task has kept for later runs."""
LINKED = "linked.json"
"""The file beside the workspaces of a run's partitions that says which of their outputs have second names in
the store."""
REUSE_NOTE = "reuse.json"
"""The file in a partition's workspace that says what the first command began with, and, where that
is kept, what the last one has left."""
MISSING = "missing.json"
"""The file in a partition's workspace with its items that failed, where the recipe allows some (see
`missing_items`)."""
SAMPLED = "sampled"
"""The file in the workspace of a partition that is run to compare its result with the one that is known."""
WARNINGS = "warnings.json"
"""The file in a partition's workspace with its warnings (see `run_warnings`), where it has some."""


def workspace(run_name: str, stage: str = PROCESS) -> str:
    """A stage's working part of the volume; one directory a partition below it.

    Beside those of the other stages, so that a task can be shown one and nothing of the others. The name of a
    run has no dot.
    """
    return f"{WORKSPACES}/{run_name}" if stage == PROCESS else f"{WORKSPACES}/{run_name}.{stage}"


def run_of_workspace(name: str) -> str:
    """The run that a directory below `WORKSPACES` belongs to."""
    return name.partition(".")[0]


def partition_workspace(run_name: str, partition: int | str, stage: str = PROCESS) -> str:
    """One partition's working part: `input_dir/`, `output_dir/` and the checkpoint."""
    return f"{workspace(run_name, stage)}/{partition}"


def reuse_store(scope: str) -> str:
    """Where the results of a scope are kept."""
    return f"{REUSE}/{scope}"


def staging(run_name: str) -> str:
    """Where `publish` assembles the result before it is renamed into place."""
    return f"{STAGING}/{run_name}"


def replaced(run_name: str) -> str:
    """Where `publish` moves the data that a run with `overwrite` replaces, until they are removed."""
    return f"{REPLACED}/{run_name}"


def package(run_name: str) -> str:
    """Where `publish` makes the package of a result that it sends to a member node."""
    return f"{PACKAGES}/{run_name}"


def receipt(recipe_id: str) -> str:
    """The note that says which run published (or is publishing) a recipe's data."""
    return f"{PRIVATE_DIR}/published/{recipe_id}.json"


# --- paths inside a task's container ---

INPUT_DIR = "/input_dir"
OUTPUT_DIR = "/output_dir"
WORKFLOW_MOUNT = "/mnt/workflow"
"""In `process`: the partition's own workspace. In `publish`: the volume."""
STAGE_MOUNT = "/mnt/stage"
"""Where a later stage sees the workspace of the stage before it, read-only."""
STAGES_MOUNT = "/mnt/stages"
"""Below it, by their names, the workspaces of stages that it reads besides (see `Plan.reads`)."""
PLAN_PATH = "/ogdc/plan.json"
PARTITION_PATH = "/ogdc/partition.json"
"""The pack with the partition's manifest."""
PACKS_PATH = "/ogdc/partitions"
"""The directory of all packs; in `reuse`."""
LEFT_PATH = "/tmp/ogdc-left"  # noqa: S108  the task's own /tmp
"""Where `reuse` writes its output parameter: the numbers of the partitions that have to be run, as JSON."""
REUSED_COUNT_PATH = "/tmp/ogdc-reused"  # noqa: S108  as above
"""Where `reuse` writes how many are not."""
REUSED_PATH = "/tmp/ogdc-reused.json"  # noqa: S108  as above
"""What `reuse` leaves under `reused_key`."""
REUSED_FACTS_PATH = "/tmp/ogdc-reused-facts"  # noqa: S108  as above
"""What `reuse` leaves under `reused_facts_key`."""
RECIPE_PATH = "/ogdc/recipe"
"""The unpacked recipe snapshot, which commands find as `RECIPE_DIR` and cannot change."""
DESCRIPTION_PATH = "/ogdc/run.json"
"""What a run's crate says of it as a whole; in `publish`."""
DATA_SET_PATH = "/ogdc/data-set.json"
"""What is under `data_set_key`; in `publish`."""
NODE_TOKEN_PATH = "/ogdc/dataone"  # noqa: S105  a directory
"""The directory with the token of a member node; in `publish`, where it sends a result there."""
NODE_TOKEN = "token"  # noqa: S105  a name
"""The file in it, and the key of the Secret that it is."""
FACTS_PATH = "/ogdc/facts.json"
"""What `process` leaves under `facts_key`. On no volume: there Argo's own container would look for it, and
follow a link that a command has left in its place with its service account at hand."""
LOG_PATH = "/ogdc/task.log"
"""What every task leaves under `log_key`; likewise."""
CREDENTIALS_PATH = "/ogdc/credentials"
"""Logins of servers that inputs are on (see `worker.credentials`); only where inputs are fetched."""
SECRETS_PATH = "/ogdc/secrets"
"""What `workflow.secrets` asks for: a directory each, with a file a variable (see `worker.secrets`)."""
CACHE_PATH = "/ogdc/cache"
"""Inputs that were fetched before (see `worker.input_cache`); likewise."""
CACHE_LIMIT = "OGDC_INPUT_CACHE_BYTES"
"""Names how many bytes of them are kept."""
LISTED_PACKS_PATH = "/tmp/ogdc-manifests"  # noqa: S108  the task's own /tmp
"""What `list` leaves under `partitions_directory`: a directory of packs, `<pack>.json`."""
LISTED_DIVISION_PATH = "/tmp/ogdc-division.json"  # noqa: S108  as below
"""What `list` leaves under `division_key`."""
LISTED_COUNT_PATHS = {name: f"/tmp/ogdc-{name}" for name in ("partitions", "files", "bytes")}  # noqa: S108  as below
"""Where `list` writes its output parameters, each a whole number: what it found in all."""
LISTED_DIGEST_PATH = "/tmp/ogdc-digest"  # noqa: S108  as below
"""Where `list` writes the root of the hash tree of its packs (see `digests.HashTree`)."""
LISTED_PER_PACK_PATH = "/tmp/ogdc-per-pack"  # noqa: S108  as below
"""Where `list` writes how many partitions a pack has."""
WARNINGS_PATH = "/tmp/ogdc-warnings"  # noqa: S108  as above
"""Where `list` and `publish` write their output parameter `warnings` (see `run_warnings`), if any."""
PACKAGE_PATH = "/tmp/ogdc-package"  # noqa: S108  as above
"""Where `publish` writes its output parameter `package` (see `published_package`), if it sent one."""
OUTPUT_ZIP_PATH = "/tmp/ogdc-output.zip"  # noqa: S108  the task's own /tmp
TERMINATION_LOG_PATH = "/dev/termination-log"
"""Kubernetes reads a container's last words here (terminationMessagePath), at most 4096 bytes."""


DISK = "OGDC_DISK"
"""The variable that tells a task how people call the disk it writes to, where that is known."""
GATE = "OGDC_GATE"
"""The variable that names a descriptor, on which a task that was begun before its turn hears of that."""
SHARED_MACHINE = "OGDC_SHARED_MACHINE"
"""Set where a task shares its machine with the stack and its user (see `worker.priority`)."""
IMAGE = "OGDC_IMAGE"
"""The variable that tells a task the image it runs in."""
COMMAND_VARIABLE = "OGDC_COMMAND_"
"""Before the name of a variable that commands get without it, and the worker does not."""
EGRESS = "OGDC_EGRESS"
"""Names the socket that leads out for commands which may use a network (see `worker.egress`)."""
EGRESS_PATH = "/run/ogdc-egress"
"""Where it is in the container."""
EGRESS_ADDRESSES = "OGDC_EGRESS_ADDRESSES"
"""Addresses of the machine's loopback that it leads to as well, `host:port` with blanks between them."""
PHASE = "OGDC_PHASE"
"""Names which part of `process` a container does, where its inputs are fetched by one of its own."""
FETCHING = "fetch"
RUNNING = "commands"
DEFERRED = "OGDC_FETCH_DEFERRED"
"""Set where nobody hears how the container that fetches ended but the one that follows it."""


def claim_mount(claim: str) -> str:
    """Where `list` and `process` see a volume that inputs are on, read-only."""
    return f"/mnt/data/{claim}"
