"""Settings of publication by the deployment (`output.type: dataone`)."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import TEXT, Variable, choice

NO_NODES, TEST_NODES, ALL_NODES = "no", "test", "production"


class PublicationSettings(NamedTuple):
    """What `output: {type: dataone}` takes, beside DATAONE_NODE_URL."""

    secret: Annotated[
        str | None,
        Variable(
            "OGDC_DATAONE_SECRET",
            TEXT,
            "Secret beside the workflows whose key `token` is a token of the node, by which the deployment "
            "publishes; the task that publishes mounts it, and no other. Not set: recipes with "
            "`output: {type: dataone}` are refused.",
        ),
    ] = None
    nodes: Annotated[
        str | None,
        Variable(
            "OGDC_DATAONE_PUBLISH",
            choice(NO_NODES, TEST_NODES, ALL_NODES),
            "At which nodes: `test`, those of this machine and for tests; `production`, any, where what is "
            "published stays for ever; `no`, none. Not set: `test`, and none where ACCESS_MODE is `open`.",
        ),
    ] = None
