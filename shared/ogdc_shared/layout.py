"""Locations of all data: artifact keys, paths on the workflow volume and inside a task's container.

This is the only agreement between the services, the compiler, the worker and the local engine. It imports
nothing, because every task pays for the worker's start-up time.
"""

from __future__ import annotations

PROCESS = "process"
"""The stage that every run has; it reads the recipe's inputs. Data of other stages are in separate places,
given by the parameter `stage` below."""
STAGES = (PROCESS, "build", "paint", "top")
"""All stages that a run may have before `publish`, in the order of their plans. `paint` and `top` may run
concurrently, so `top` may start first."""

REUSE_TASK = "reuse"
"""The task that looks for reusable results of `process`."""
PUBLISH = "publish"
"""The last stage of every run, with one task."""
LIST = "list"
"""The task that divides the inputs of `process` if only the run can; `list-x` divides those of stage x."""


def list_task(stage: str) -> str:
    """Return the name of the task that divides a stage's inputs."""
    return LIST if stage == PROCESS else f"{LIST}-{stage}"


def is_list_task(name: str) -> bool:
    """Whether a task with that name divides a stage's inputs."""
    return name == LIST or name.startswith(f"{LIST}-")


def stage_of(task: str) -> str:
    """Return the stage of a task; the task that divides a stage's inputs belongs to it, too."""
    return (task.removeprefix(f"{LIST}-") if task != LIST else PROCESS) if is_list_task(task) else task


def task_name(template: str, partition: int | None) -> str:
    """Return the name by which users request a task: `process/0`, or `publish` without a partition."""
    return template if partition is None else f"{template}/{partition}"


def stages_before(before: str | None, reads: tuple[str, ...]) -> list[str]:
    """Return the stages that have to end before another begins, each once.

    Args:
        before: The stage with the outputs that are its inputs, or None.
        reads: Earlier stages with outputs that its tasks read in full.
    """
    first = () if before is None else (before,)
    return list(dict.fromkeys((*first, *reads)))


# --- keys in the artifact store ---


def snapshot_key(digest: str) -> str:
    """Key of a recipe's snapshot (tar.gz), from the hex SHA-256 of its content."""
    return f"recipes/{digest}.tar.gz"


def plan_key(run_name: str, stage: str = PROCESS) -> str:
    """Key of a stage's plan (see `plan.Plan`)."""
    return f"{_stage_prefix(run_name, stage)}plan.json"


def pack_key(run_name: str, pack: int | str, stage: str = PROCESS) -> str:
    """Key of a pack: the manifests of some partitions (see `inputs.packs`); `pack` counts from 0."""
    return f"{partitions_directory(run_name, stage)}/{pack}.json"


def partitions_directory(run_name: str, stage: str = PROCESS) -> str:
    """Prefix, without the final slash, of the keys of a stage's packs."""
    return f"{_stage_prefix(run_name, stage)}partitions"


def division_key(run_name: str, stage: str = PROCESS) -> str:
    """Key of a stage's division (see `plan.Division`), written by `submit` or by a task `list`."""
    return f"{_stage_prefix(run_name, stage)}partitions.json"


def facts_key(run_name: str, partition: int | str, stage: str = PROCESS) -> str:
    """Key of the facts that a partition's task has left (see `worker.facts`)."""
    return f"{facts_prefix(run_name, stage)}{partition}.json"


def facts_prefix(run_name: str, stage: str = PROCESS) -> str:
    """Prefix of the facts of a stage's tasks."""
    return f"{_stage_prefix(run_name, stage)}facts/"


def log_key(run_name: str, template: str, partition: int | str | None) -> str:
    """Key of the log that a task has left (see `worker.log`).

    Args:
        run_name: The run's name.
        template: The stage of a partition's task, otherwise the task's name.
        partition: The partition, or None if the task has none.
    """
    if partition is None:
        return f"{logs_prefix(run_name)}{template}.log"
    return f"{logs_prefix(run_name, template)}{partition}.log"


def logs_prefix(run_name: str, stage: str = PROCESS) -> str:
    """Prefix of the logs of a stage's tasks; tasks without a partition use that of the first stage."""
    return f"{_stage_prefix(run_name, stage)}logs/"


def description_key(run_name: str) -> str:
    """Key of the run's description for its crate (see `provenance.description`)."""
    return f"{run_prefix(run_name)}run.json"


def data_set_key(run_name: str) -> str:
    """Key of the recipe's metadata of its result (see `dataone.words`), if the result is sent to a node."""
    return f"{run_prefix(run_name)}data-set.json"


def reused_key(run_name: str) -> str:
    """Key of the reused results, by partition: run, number of commands, and whether these are all."""
    return f"{run_prefix(run_name)}reused.json"


def reused_facts_key(run_name: str) -> str:
    """Key of the concatenated facts of tasks with completely reused results."""
    return f"{run_prefix(run_name)}reused-facts"


def output_key(run_name: str, recipe_id: str) -> str:
    """Key of the zip of a recipe with `output: temporary`."""
    return f"runs/{run_name}/output/{recipe_id}.zip"


def output_prefix(run_name: str) -> str:
    """Prefix of a run's downloads."""
    return f"runs/{run_name}/output/"


def run_prefix(run_name: str) -> str:
    """Prefix of all objects of a run."""
    return f"runs/{run_name}/"


def _stage_prefix(run_name: str, stage: str) -> str:
    return run_prefix(run_name) if stage == PROCESS else f"{run_prefix(run_name)}stages/{stage}/"


# --- paths on the workflow volume (relative to its root) ---

PRIVATE_DIR = ".ogdc"
"""Everything on the workflow volume that is not published data; a recipe id never begins with a dot."""


WORKSPACES = f"{PRIVATE_DIR}/runs"
STAGING = f"{PRIVATE_DIR}/staging"
REPLACED = f"{PRIVATE_DIR}/replaced"
"""Each has one directory per run, which stays there if the run fails. The first has one for each further
stage, too."""
PACKAGES = f"{PRIVATE_DIR}/packages"
"""Has a directory for each run with a package that is being built and sent."""
CONDEMNED = f"{PRIVATE_DIR}/condemned"
"""Has the directories that `tidy` is about to remove."""
CHECKPOINT = "checkpoint"
"""File in a partition's workspace that records the finished steps."""
JOURNAL = "journal"
"""File in a partition's workspace with what its task has done, over all its tries."""
FACTS = "facts.json"
"""File in the workspace of a successful partition with a copy of its facts, for `publish`."""
RESULT = "result"
"""Directory in the outputs of a stage before the last that is part of the run's result, if the stage has one
(see `workflow.facts.Stage.has_results`)."""
PROVENANCE = ".provenance"
"""Directory in a result with its provenance; hidden, because it is not an output."""
CRATE_METADATA = "ro-crate-metadata.json"
"""File that makes a directory a crate."""
STAC = ".stac"
"""Directory in a result with its STAC catalogue; hidden, because it is not an output."""
CATALOG = "catalog.json"
"""File that makes a directory a STAC catalogue."""
COMPANIONS = ((PROVENANCE, CRATE_METADATA), (STAC, CATALOG))
"""Directories in a result that are not outputs, each with a file that it must contain to be recognized."""
REUSE = f"{PRIVATE_DIR}/reuse"
"""Has a directory for each scope of reusable results (see `plan.Reuse`)."""
KEPT = "kept"
"""Directory in a partition's workspace with results that its task has kept for later runs."""
LINKED = "linked.json"
"""File beside the workspaces of a run's partitions that lists the outputs with hard links in the store of
reusable results."""
REUSE_NOTE = "reuse.json"
"""File in a partition's workspace that describes the state before the first command and, if it is kept, the
result of the last one."""
MISSING = "missing.json"
"""File in a partition's workspace with its failed items, if the recipe allows any (see `missing_items`)."""
SAMPLED = "sampled"
"""File in the workspace of a partition that is run only to compare its result with the known one."""
WARNINGS = "warnings.json"
"""File in a partition's workspace with its warnings (see `run_warnings`), if there are any."""


def workspace(run_name: str, stage: str = PROCESS) -> str:
    """Workspace of a stage on the volume, with one directory per partition.

    Stages have separate workspaces, so that a task can be given access to a single one. The name of a run
    contains no dot.
    """
    return f"{WORKSPACES}/{run_name}" if stage == PROCESS else f"{WORKSPACES}/{run_name}.{stage}"


def run_of_workspace(name: str) -> str:
    """Return the run that a directory below `WORKSPACES` belongs to."""
    return name.partition(".")[0]


def partition_workspace(run_name: str, partition: int | str, stage: str = PROCESS) -> str:
    """Workspace of one partition: `input_dir/`, `output_dir/` and the checkpoint."""
    return f"{workspace(run_name, stage)}/{partition}"


def reuse_store(scope: str) -> str:
    """Store of the reusable results of a scope."""
    return f"{REUSE}/{scope}"


def staging(run_name: str) -> str:
    """Directory in which `publish` assembles the result before renaming it."""
    return f"{STAGING}/{run_name}"


def replaced(run_name: str) -> str:
    """Directory to which `publish` moves replaced data (`overwrite`) before removing them."""
    return f"{REPLACED}/{run_name}"


def package(run_name: str) -> str:
    """Directory in which `publish` builds the package that it sends to a member node."""
    return f"{PACKAGES}/{run_name}"


NOT_VISIBLE = "before the result was visible"
"""What `publish` says if it is stopped and nothing of the result is in place."""


def receipt(recipe_id: str) -> str:
    """File that records which run published, or is publishing, a recipe's data."""
    return f"{PRIVATE_DIR}/published/{recipe_id}.json"


# --- paths inside a task's container ---

INPUT_DIR = "/input_dir"
OUTPUT_DIR = "/output_dir"
WORKFLOW_MOUNT = "/mnt/workflow"
"""In `process`, the partition's workspace; in `publish`, the volume."""
STAGE_MOUNT = "/mnt/stage"
"""Read-only mount of the previous stage's workspace."""
STAGES_MOUNT = "/mnt/stages"
"""Has read-only mounts of other stages' workspaces, by stage name (see `Plan.reads`)."""
PLAN_PATH = "/ogdc/plan.json"
PARTITION_PATH = "/ogdc/partition.json"
"""The pack with the partition's manifest."""
PACKS_PATH = "/ogdc/partitions"
"""Directory of all packs, in `reuse`."""
LEFT_PATH = "/tmp/ogdc-left"  # noqa: S108  the task's own /tmp
"""Output parameter of `reuse`: JSON list of the partitions that have to be run."""
REUSED_COUNT_PATH = "/tmp/ogdc-reused"  # noqa: S108  as above
"""Output parameter of `reuse`: number of completely reused partitions."""
REUSED_PATH = "/tmp/ogdc-reused.json"  # noqa: S108  as above
"""Output artifact of `reuse`, stored as `reused_key`."""
REUSED_FACTS_PATH = "/tmp/ogdc-reused-facts"  # noqa: S108  as above
"""Output artifact of `reuse`, stored as `reused_facts_key`."""
RECIPE_PATH = "/ogdc/recipe"
"""The unpacked recipe snapshot, which commands find as `RECIPE_DIR` and cannot change."""
DESCRIPTION_PATH = "/ogdc/run.json"
"""The artifact `description_key`, in `publish`."""
DATA_SET_PATH = "/ogdc/data-set.json"
"""The artifact `data_set_key`, in `publish`."""
NODE_TOKEN_PATH = "/ogdc/dataone"  # noqa: S105  a directory
"""Directory with the token for a member node, in `publish` if it sends a result there."""
NODE_TOKEN = "token"  # noqa: S105  a name
"""Name of the file in it, and of the key in the Secret."""
FACTS_PATH = "/ogdc/facts.json"
"""Output artifact of `process`, stored as `facts_key`. It is on no volume, because there Argo's own
container, which has a service account, would read it and follow a link that a command may have left."""
LOG_PATH = "/ogdc/task.log"
"""Output artifact of every task, stored as `log_key`; on no volume for the same reason."""
CREDENTIALS_PATH = "/ogdc/credentials"
"""Credentials for servers of inputs (see `worker.credentials`); only in containers that fetch inputs."""
SECRETS_PATH = "/ogdc/secrets"
"""The secrets of `workflow.secrets`: a directory each, with a file per variable (see `worker.secrets`)."""
CACHE_PATH = "/ogdc/cache"
"""The cache of inputs (see `worker.input_cache`); only in containers that fetch inputs."""
CACHE_LIMIT = "OGDC_INPUT_CACHE_BYTES"
"""Variable with the size limit of the cache."""
LISTED_PACKS_PATH = "/tmp/ogdc-manifests"  # noqa: S108  the task's own /tmp
"""Output artifact of `list`, stored below `partitions_directory`: a directory of packs, `<pack>.json`."""
LISTED_DIVISION_PATH = "/tmp/ogdc-division.json"  # noqa: S108  as below
"""Output artifact of `list`, stored as `division_key`."""
LISTED_COUNT_PATHS = {name: f"/tmp/ogdc-{name}" for name in ("partitions", "files", "bytes")}  # noqa: S108  as below
"""Output parameters of `list`: total numbers, as whole numbers."""
LISTED_DIGEST_PATH = "/tmp/ogdc-digest"  # noqa: S108  as below
"""Output parameter of `list`: root of the hash tree of its packs (see `digests.HashTree`)."""
LISTED_PER_PACK_PATH = "/tmp/ogdc-per-pack"  # noqa: S108  as below
"""Output parameter of `list`: number of partitions in a pack."""
WARNINGS_PATH = "/tmp/ogdc-warnings"  # noqa: S108  as above
"""Output parameter `warnings` of `list` and `publish` (see `run_warnings`), if there are any."""
PACKAGE_PATH = "/tmp/ogdc-package"  # noqa: S108  as above
"""Output parameter `package` of `publish` (see `published_package`), if it sent one."""
OUTPUT_ZIP_PATH = "/tmp/ogdc-output.zip"  # noqa: S108  the task's own /tmp
TERMINATION_LOG_PATH = "/dev/termination-log"
"""Kubernetes reads a container's termination message here (terminationMessagePath), at most 4096 bytes."""

MEMORY_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Where the kernel counts the programs of a container that it killed for lack of memory: with version 2 of
cgroups, and with version 1."""


DISK = "OGDC_DISK"
"""Variable with the name of the disk that a task writes to, for messages."""
GATE = "OGDC_GATE"
"""Variable with a descriptor from which a task that was started ahead learns that it is its turn."""
SHARED_CGROUP = "OGDC_SHARED_CGROUP"
"""Environment variable of tasks that are in one cgroup with other processes."""
SHARED_MACHINE = "OGDC_SHARED_MACHINE"
"""Set if a task shares its machine with the stack and its user (see `worker.priority`)."""
IMAGE = "OGDC_IMAGE"
"""Variable with the image that a task runs in."""
COMMAND_VARIABLE = "OGDC_COMMAND_"
"""Prefix of variables that commands get without this prefix, and that the worker does not use."""
EGRESS = "OGDC_EGRESS"
"""Variable with the socket for network access of commands (see `worker.egress`)."""
EGRESS_PATH = "/run/ogdc-egress"
"""Path of that socket in the container."""
EGRESS_ADDRESSES = "OGDC_EGRESS_ADDRESSES"
"""Variable with the host's loopback addresses that it gives access to, `host:port` separated by blanks."""
PHASE = "OGDC_PHASE"
"""Variable with the part of `process` that a container does, if a separate container fetches inputs."""
FETCHING = "fetch"
RUNNING = "commands"
DEFERRED = "OGDC_FETCH_DEFERRED"
"""Set if only the following container can report how the container that fetches ended."""


def claim_mount(claim: str) -> str:
    """Where `list` and `process` mount a volume with inputs, read-only."""
    return f"/mnt/data/{claim}"
