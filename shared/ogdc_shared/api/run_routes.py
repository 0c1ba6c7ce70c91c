"""The routes of the resources of one run; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import answers, log_answers, recipe_answers
from ogdc_shared.api.parameters import Number, Text
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import READ

PARTITIONS_LIMIT = Number("limit", 1, 1000, 100, "Maximum number of partitions.")
PARTITIONS_OFFSET = Number("offset", 0, 1 << 31, 0, "Number of partitions to skip.")
FACTS_LIMIT = Number("limit", 1, 100, 20, "Maximum number of tasks.")
FACTS_OFFSET = Number("offset", 0, 1 << 31, 0, "Number of tasks to skip.")
OUTPUTS_LIMIT = Number("limit", 1, 1000, 100, "Maximum number of files.")
AFTER = Text("after", "The `next` of the previous page.")
TASK = Text("task", "Only the log of this task: `STAGE/PARTITION`, or a task name without a partition.")
LOG_AFTER = Number("after", 0, 1 << 40, 0, "The byte offset to start at.")
LOG_BEFORE = Number(
    "before",
    1,
    1 << 40,
    0,
    "Instead of `after`: the byte offset to end at; larger than the log means its end.",
)
LOG_LIMIT = Number("limit", 1024, 1 << 20, 1 << 16, "Maximum number of bytes.")
SEARCH = Text("text", "The text to search for; ASCII letters match in either case.")
MATCHES = Number("limit", 1, 1000, 100, "Maximum number of lines.")
TAIL = Number("tail", 1, 1_000_000, 0, "Only this many of the last lines; all if not given.")

_STATUS = (Function.STATUS,)

RUN_ROUTES = (
    Route(
        "list_partitions",
        "GET",
        "/runs/{name}/partitions",
        _STATUS,
        READ,
        "The partitions of a run's inputs, and the phase of each",
        answers.PartitionList,
        errors=(404, 410),
        query=(PARTITIONS_LIMIT, PARTITIONS_OFFSET),
        about="`total`, and for each partition `number`, `files`, `bytes`, `phase`, `message`. Parameters: "
        "`limit` (at most 1,000) and `offset`.",
    ),
    Route(
        "list_facts",
        "GET",
        "/runs/{name}/facts",
        _STATUS,
        READ,
        "What a run's tasks fetched, ran and wrote",
        answers.FactsList,
        errors=(404, 410),
        query=(FACTS_LIMIT, FACTS_OFFSET),
        about="`total`, and for each task `name`, `stage`, `partition`, `phase`, `facts` (`image`, and "
        "`totals` of what was `fetched`, `ran` and `wrote`; null if the task recorded none) and the `url` "
        "of the full document: each file with its final URL, size and checksum, each command with its exit "
        "code, elapsed and CPU seconds, and peak memory. Parameters: `limit` (at most 100) and `offset`.",
    ),
    Route(
        "task_facts",
        "GET",
        "/runs/{name}/facts/{stage}/{partition}",
        _STATUS,
        READ,
        "Everything that one task fetched, ran and wrote",
        media_types=("application/json",),
        errors=(404, 410),
        about="As recorded by the task: each file and command. 410 once the run's artifacts are removed.",
    ),
    Route(
        "run_recipe",
        "GET",
        "/runs/{name}/recipe",
        _STATUS,
        READ,
        "The recipe of a run as it was submitted",
        recipe_answers.RunRecipe,
        errors=(404, 410),
        about="`stages` (`stage`, `after`), `commands` (`stage`, `number`, `line`, `text`), and, for "
        "the owner of the run and admins, `files` (`path`, `size`, `sha256`, `text`), with "
        "credentials redacted.",
    ),
    Route(
        "provenance",
        "GET",
        "/runs/{name}/provenance",
        _STATUS,
        READ,
        "The provenance of a run's result, as a Workflow Run RO-Crate",
        media_types=("application/zip", "application/ld+json"),
        errors=(404, 409, 410),
        about="A zip of the crate; with `Accept: application/ld+json` only its metadata. Includes the "
        "recipe's files for the owner of the run and admins. 409 while the run has not ended. See "
        "[provenance](provenance.md).",
    ),
    Route(
        "list_outputs",
        "GET",
        "/runs/{name}/outputs",
        _STATUS,
        READ,
        "The files of a run's result",
        answers.OutputList,
        errors=(404, 409, 410),
        query=(OUTPUTS_LIMIT, AFTER),
        about="For each its `path`, `size` in bytes, `type` (guessed from the name), `url`, and `thumbnail` "
        "(a path, or null). Parameters: `limit` (at most 1,000) and `after`, the `next` of the previous "
        "page. See [files of a result](#files-of-a-result).",
    ),
    Route(
        "output_file",
        "GET",
        "/runs/{name}/outputs/{path}",
        _STATUS,
        READ,
        "One file of a run's result, or a byte range of it",
        media_types=("*/*",),
        errors=(404, 409, 410, 416),
        has_etag=True,
        in_parts=True,
        about="Supports `Range`, `If-Range`, `ETag` and `If-None-Match`; always sent as an attachment.",
    ),
    Route(
        "logs",
        "GET",
        "/runs/{name}/logs",
        _STATUS,
        READ,
        "The logs of a run's tasks",
        errors=(404, 410),
        query=(TAIL, TASK),
        about="`?tail=N` returns the last lines; `?task=process/0` only those of one task, without the task "
        "name as a prefix. See [logs](#logs).",
    ),
    Route(
        "log_part",
        "GET",
        "/runs/{name}/logs/{path}",
        _STATUS,
        READ,
        "A part of a task's log",
        log_answers.LogPart,
        errors=(404, 410),
        query=(LOG_AFTER, LOG_BEFORE, LOG_LIMIT),
        about="For a task such as `process/0` or `publish`: whole lines as `text`, from offset `begin` to "
        "`end` of `size` bytes. Parameters: `limit` (at most 1 MiB), and an offset as `after` or `before`. "
        "See [logs](#logs).",
    ),
    Route(
        "search_log",
        "GET",
        "/runs/{name}/log-search/{path}",
        _STATUS,
        READ,
        "Search a task's log",
        log_answers.LogMatches,
        errors=(404, 410),
        query=(SEARCH, LOG_AFTER, MATCHES),
        about="Parameters: `text` (case-insensitive), `limit` (at most 1,000) and `after`. Returns the "
        "offset `at` and the `text` of each matching line, and `next`, the offset to continue from, or null "
        "at the end.",
    ),
)
