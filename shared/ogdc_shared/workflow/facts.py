"""What a workflow has to know of a recipe, and the check that keeps everything else out of it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from ogdc_shared import dns_label
from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.layout import PROCESS, PUBLISH, REUSE_TASK, stages_before
from ogdc_shared.outputs.output_type import OutputType


class Stage(NamedTuple):
    """One stage of a run: tasks of one program, each for a part of the inputs (see `layout.PROCESS`)."""

    name: str
    plan: str | None = None
    """SHA-256 of its plan, in hex, or None to accept any."""
    before: str | None = None
    """The stage with the outputs that are its inputs; None means the recipe's inputs."""
    program: str = "process"
    """Of the worker in its image."""
    image: str | None = None
    """None means the deployment's worker."""
    cpu: str | None = None
    """A Kubernetes quantity, like the next; None means the deployment's default."""
    memory: str | None = None
    reads: tuple[str, ...] = ()
    """Earlier stages with outputs that its tasks read in full."""
    has_results: bool = False
    """Whether its tasks leave a part of the run's result (see `layout.RESULT`); all that the last stage
    leaves is one."""

    @property
    def after(self) -> list[str]:
        """The stages that have to end before it begins, each once."""
        return stages_before(self.before, self.reads)


class RecipeFacts(NamedTuple):
    """All that a workflow has to know of a recipe: ids, numbers and quantities, nothing its author worded."""

    recipe_id: str
    snapshot: str
    """SHA-256 of the recipe's bundle, in hex."""
    output: str = OutputType.PVC
    """An `OutputType`."""
    data_set: str | None = None
    """SHA-256 of the recipe's metadata of its result, in hex; None if the result is not sent to a node."""
    node: str | None = None
    """URL of the member node that the result is sent to, or None."""
    cpu: str | None = None
    """A Kubernetes quantity, like the next two; None means the deployment's default."""
    memory: str | None = None
    image: str | None = None
    """Image of the first stage; None means the deployment's worker."""
    scratch: str | None = None
    timeout: int | None = None
    """Time limit of the workflow in seconds; None means the deployment's default."""
    retries: int | None = None
    """Maximum number of retries of a task; None means the deployment's default."""
    max_parallelism: int | None = None
    """Most tasks at once; the deployment's limit holds as well."""
    fail_fast: bool = True
    """Whether no more tasks are started once one has failed."""
    allowed_failures: str | None = None
    """How many items may fail without failing the run, as a number or percentage; None means none."""
    claims: tuple[str, ...] = ()
    """Volume claims that inputs are on, each once."""
    plan: str | None = None
    """SHA-256 of the run's plan, in hex, which tasks verify; None accepts any."""
    partitions_digest: str | None = None
    """Root of the hash tree of the packs, which tasks verify; None also if the task `list` outputs it."""
    per_pack: int | None = None
    """Number of partitions in a pack; None means one, or the output of the task `list`."""
    secrets: tuple[str, ...] = ()
    """Kubernetes Secrets with keys that become variables of the commands."""
    network: str = "inputs"
    """What `process` may use a network for: `none`; `inputs`, which the worker fetches; or `commands` as
    well."""
    addresses: tuple[str, ...] = ()
    """Non-public addresses that commands may reach on one machine, as numeric `host:port`."""
    later: tuple[Stage, ...] = ()
    """The stages after the first; the facts above are the first one's."""
    reuse: str | None = None
    """The scope for reusing results (see `plan.Reuse`), or None to keep none."""
    reuse_label: str | None = None
    """What tells runs that may take each other's results."""
    takes: bool = False
    """Whether earlier runs may have left results, so that a task looks before all others."""
    unended: tuple[str, ...] = ()
    """Unsuccessful runs with workspaces that may contain kept results, which the task `reuse` searches."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, in order."""
        first = Stage(PROCESS, self.plan, image=self.image, cpu=self.cpu, memory=self.memory)
        return first, *self.later


NETWORK_LABEL = "ogdc/network"
"""Pod label with the purpose of network access (see `RecipeFacts.network`), for network policies."""
NETWORK_PURPOSES = ("none", "inputs", "commands")
ADDRESSES_ANNOTATION = "ogdc/addresses"
"""Of a pod: `RecipeFacts.addresses`, with a blank between them; for the local engine."""

_QUANTITY = (r"[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?", "a Kubernetes quantity such as 500m, 2 or 8Gi")
_NUMBER = (r"[0-9]{1,9}", "a whole number")
_DIGEST = (r"[0-9a-f]{64}", "a SHA-256 digest in hex")
_SHORT_DIGEST = (r"[0-9a-f]{32}", "half a SHA-256 digest in hex")
_FLAG = (r"True|False", "true or false")
_CLAIM = (dns_label.PATTERN, "a DNS-1123 label of at most 63 characters")
_ADDRESS = (
    r"([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-f:]{2,39}\]):[0-9]{1,5}",
    "an address that is not public and a port, in numbers",
)
_IMAGE = (r"[a-zA-Z0-9][-a-zA-Z0-9_.:/@]{0,254}", "the name of an image")
_URL = (r"https?://[-a-zA-Z0-9._~:/%\[\]]{1,1000}", "the URL of a member node")
_STAGE = (rf"(?=.{{1,30}}\Z){dns_label.PATTERN}", "the name of a stage")
_STAGE_FORMS = {
    "name": (
        rf"(?!(list|main|{PROCESS}|{PUBLISH}|{REUSE_TASK})\b)(?=.{{1,30}}\Z){dns_label.PATTERN}",
        "the name of a stage",
    ),
    "plan": _DIGEST,
    "before": _STAGE,
    "program": (r"[a-z]{1,20}", "a program of the worker"),
    "image": _IMAGE,
    "cpu": _QUANTITY,
    "memory": _QUANTITY,
    "has_results": _FLAG,
}
_FORMS = {
    "recipe_id": (
        rf"(?=.{{1,63}}\Z){dns_label.PATTERN}(\.{dns_label.PATTERN})*",
        "a DNS-1123 subdomain of at most 63 characters",
    ),
    "snapshot": _DIGEST,
    "plan": _DIGEST,
    "partitions_digest": _DIGEST,
    "per_pack": (r"[1-9][0-9]{0,8}", "a whole number above zero"),
    "output": ("|".join(OutputType), " or ".join(OutputType)),
    "data_set": _DIGEST,
    "node": _URL,
    "cpu": _QUANTITY,
    "memory": _QUANTITY,
    "image": _IMAGE,
    "scratch": _QUANTITY,
    "timeout": _NUMBER,
    "retries": _NUMBER,
    "max_parallelism": _NUMBER,
    "fail_fast": _FLAG,
    "allowed_failures": (r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]{1,6})?%", "a whole number or a percentage"),
    "reuse": _SHORT_DIGEST,
    "reuse_label": _SHORT_DIGEST,
    "takes": _FLAG,
    "network": ("|".join(NETWORK_PURPOSES), "none, inputs or commands"),
}


def is_address(text: str) -> bool:
    """Whether this is an address and a port in numbers, `host:port` or `[host]:port`."""
    host, _, port = text.rpartition(":")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return bool(re.fullmatch(_ADDRESS[0], text, re.ASCII)) and 0 < int(port) < 65536


def check_facts(recipe: RecipeFacts) -> None:
    """Check the form of every value, so that none can be misinterpreted in a manifest.

    Raises:
        InvalidRecipeError: values are malformed; the message lists all of them.
    """
    values = [(key, getattr(recipe, key), form) for key, form in _FORMS.items()]
    values += [("claims", claim, _CLAIM) for claim in recipe.claims]
    values += [("secrets", secret, _CLAIM) for secret in recipe.secrets]
    values += [("unended", run, _CLAIM) for run in recipe.unended]
    values += [("addresses", address, _ADDRESS) for address in recipe.addresses]
    values += [
        (f"{stage.name!r}: {key}", getattr(stage, key), form)
        for stage in recipe.later
        for key, form in _STAGE_FORMS.items()
    ]
    values += [(f"{stage.name!r}: reads", name, _STAGE) for stage in recipe.later for name in stage.reads]
    problems = [
        f"meta.yml: {key} {value!r} is not {what}."
        for key, value, (form, what) in values
        if value is not None and not re.fullmatch(form, str(value), re.ASCII)
    ]
    if problems:
        raise InvalidRecipeError(*problems)
