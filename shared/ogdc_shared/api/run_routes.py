"""The routes about what belongs to one run; part of the table of routes."""

from __future__ import annotations

from ogdc_shared.api import answers, log_answers, recipe_answers
from ogdc_shared.api.parameters import Number, Text
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import READ

PARTITIONS_LIMIT = Number("limit", 1, 1000, 100, "How many.")
PARTITIONS_OFFSET = Number("offset", 0, 1 << 31, 0, "How many to leave out at the beginning.")
FACTS_LIMIT = Number("limit", 1, 100, 20, "How many tasks.")
FACTS_OFFSET = Number("offset", 0, 1 << 31, 0, "How many tasks to leave out at the beginning.")
OUTPUTS_LIMIT = Number("limit", 1, 1000, 100, "How many files.")
AFTER = Text("after", "The `next` of the page before.")
TASK = Text("task", "Only what this task printed: `STAGE/PARTITION`, or the name of one without a partition.")
LOG_AFTER = Number("after", 0, 1 << 40, 0, "The offset to begin at.")
LOG_BEFORE = Number("before", 1, 1 << 40, 0, "The offset to end at, instead; any beyond the end is the end.")
LOG_LIMIT = Number("limit", 1024, 1 << 20, 1 << 16, "Bytes at most.")
SEARCH = Text("text", "What to look for; Latin letters may be of either case.")
MATCHES = Number("limit", 1, 1000, 100, "How many lines.")
TAIL = Number("tail", 1, 1_000_000, 0, "Only so many lines, the last; all without it.")

_STATUS = (Function.STATUS,)

RUN_ROUTES = (
    Route(
        "list_partitions",
        "GET",
        "/runs/{name}/partitions",
        _STATUS,
        READ,
        "How a run's inputs are divided, and how far each part is",
        answers.PartitionList,
        errors=(404, 410),
        query=(PARTITIONS_LIMIT, PARTITIONS_OFFSET),
        about="`total`, and of each partition `number`, `files`, `bytes`, `phase`, `message`; `limit` (at "
        "most 1,000) and `offset`.",
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
        about="`total`, and of each task `name`, `stage`, `partition`, `phase`, `facts` (`image`, and "
        "`totals` of what was `fetched`, `ran` and `wrote`; null where it left nothing) and `url` "
        "of the whole document: each file with its final URL, size and checksum, each command "
        "with its exit code, seconds, processor seconds and peak memory. `limit` (at most 100) "
        "and `offset`.",
    ),
    Route(
        "task_facts",
        "GET",
        "/runs/{name}/facts/{stage}/{partition}",
        _STATUS,
        READ,
        "All that a task of a run fetched, ran and wrote",
        media_types=("application/json",),
        errors=(404, 410),
        about="As the task left it: each file and each command. 410 once what the run left is removed.",
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
        about="`commands` (`stage`, `number`, `line`, `text`), and, for whose run it is and for admins, "
        "`files` (`path`, `size`, `sha256`, `text`), without what gives access to somebody's data.",
    ),
    Route(
        "provenance",
        "GET",
        "/runs/{name}/provenance",
        _STATUS,
        READ,
        "How a run's result came to be, as a Workflow Run RO-Crate",
        media_types=("application/zip", "application/ld+json"),
        errors=(404, 409, 410),
        about="A zip of the crate; with `Accept: application/ld+json` its metadata alone. Its recipe's files "
        "are for whose run it is, and for admins. 409 before the run's end. See "
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
        about="Of each its `path`, `size` in bytes, `type` (by its name), `url`, and `thumbnail` (a path, or "
        "null); `limit` (at most "
        "1,000) and `after` with the `next` of the page before. See [files of a result](#files-of-a-result).",
    ),
    Route(
        "output_file",
        "GET",
        "/runs/{name}/outputs/{path}",
        _STATUS,
        READ,
        "One file of a run's result, or a part of it",
        media_types=("*/*",),
        errors=(404, 409, 410, 416),
        has_etag=True,
        in_parts=True,
        about="With `Range`, `If-Range`, `ETag` and `If-None-Match`; always as an attachment.",
    ),
    Route(
        "logs",
        "GET",
        "/runs/{name}/logs",
        _STATUS,
        READ,
        "What a run's tasks printed",
        errors=(404, 410),
        query=(TAIL, TASK),
        about="`?tail=N` for the last lines; `?task=process/0` for those of one task, without its name in "
        "front. See [logs](#logs).",
    ),
    Route(
        "log_part",
        "GET",
        "/runs/{name}/logs/{path}",
        _STATUS,
        READ,
        "Some lines of what a task printed",
        log_answers.LogPart,
        errors=(404, 410),
        query=(LOG_AFTER, LOG_BEFORE, LOG_LIMIT),
        about="Of the task `process/0` or `publish`: whole lines as `text`, from offset `begin` to `end`, "
        "of `size` bytes; `limit` (at most 1 MiB), and `after` or `before` an offset. See [logs](#logs).",
    ),
    Route(
        "search_log",
        "GET",
        "/runs/{name}/log-search/{path}",
        _STATUS,
        READ,
        "Lines of what a task printed that hold a text",
        log_answers.LogMatches,
        errors=(404, 410),
        query=(SEARCH, LOG_AFTER, MATCHES),
        about="`text`, which may be of either case; `limit` (at most 1,000) and `after`. Of each line its "
        "offset `at` and its `text`, and `next`, the offset to search on from; null: all was searched.",
    ),
)
