"""Settings of publication by the deployment (`output.type: dataone`)."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import TEXT, Variable, choice

NO_NODES, TEST_NODES, ALL_NODES = "no", "test", "production"


class PublicationSettings(NamedTuple):
    """What `output: {type: dataone}` requires, in addition to DATAONE_NODE_URL."""

    secret: Annotated[
        str | None,
        Variable(
            "OGDC_DATAONE_SECRET",
            TEXT,
            "Secret in the workflows' namespace with the deployment's token for the member node, in "
            "the key `token`; only the task that publishes mounts it. Not set: recipes with `output: "
            "{type: dataone}` are rejected.",
        ),
    ] = None
    nodes: Annotated[
        str | None,
        Variable(
            "OGDC_DATAONE_PUBLISH",
            choice(NO_NODES, TEST_NODES, ALL_NODES),
            "Permitted nodes: `test`, test nodes and those on this machine; `production`, any, where "
            "published data are permanent; `no`, none. Not set: `test`, or none if ACCESS_MODE is "
            "`open`.",
        ),
    ] = None
