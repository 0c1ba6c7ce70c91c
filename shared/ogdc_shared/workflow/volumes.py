"""What the tasks of a workflow mount: parts of the workflow volume, volumes that inputs are on, scratch."""

from __future__ import annotations

from ogdc_shared import layout
from ogdc_shared.config import Settings, WorkerSettings
from ogdc_shared.workflow.facts import RecipeFacts
from ogdc_shared.workflow.hera_models import m

_NODE_TOKEN = "node-token"  # noqa: S105  a volume's name


def volumes(recipe: RecipeFacts, settings: Settings) -> list[m.Volume]:
    """List all that any task of the workflow mounts."""
    worker = settings.worker
    claims = {"workflow": worker.volume_claim}
    claims |= {volume: claim for claim, volume in _input_volumes(recipe, worker).items()}
    scratch = m.EmptyDirVolumeSource(size_limit=recipe.scratch or worker.scratch)
    return [
        *(_claimed(volume, claim) for volume, claim in claims.items()),
        m.Volume(name="scratch", empty_dir=scratch),
        *(
            m.Volume(name=f"secret-{number}", secret=m.SecretVolumeSource(secret_name=secret))
            for number, secret in enumerate(recipe.secrets)
        ),
        *_secret("credentials", worker.credentials_secret),
        *_secret(_NODE_TOKEN, settings.publication.secret if recipe.data_set else None),
    ]


def _secret(volume: str, name: str | None) -> list[m.Volume]:
    return [m.Volume(name=volume, secret=m.SecretVolumeSource(secret_name=name))] if name else []


def credentials_mount() -> m.VolumeMount:
    """Mount the deployment's logins, where inputs are fetched and nowhere else."""
    return m.VolumeMount(name="credentials", mount_path=layout.CREDENTIALS_PATH, read_only=True)


def node_token_mount() -> m.VolumeMount:
    """Mount the token of the member node, where a result is published and nowhere else."""
    return m.VolumeMount(name=_NODE_TOKEN, mount_path=layout.NODE_TOKEN_PATH, read_only=True)


def secret_mounts(recipe: RecipeFacts) -> list[m.VolumeMount]:
    """Mount the secrets that commands are given."""
    return [
        m.VolumeMount(name=f"secret-{number}", mount_path=f"{layout.SECRETS_PATH}/{secret}", read_only=True)
        for number, secret in enumerate(recipe.secrets)
    ]


def scratch_mount() -> m.VolumeMount:
    """Mount a task's own scratch space."""
    return m.VolumeMount(name="scratch", mount_path="/tmp")  # noqa: S108  the task's own


def workflow_mount(at: str, *, part: str | None = None) -> m.VolumeMount:
    """Mount a part of the workflow volume, or (None) all of it, at a path of the container."""
    return m.VolumeMount(name="workflow", mount_path=at, sub_path=part)


def input_mounts(recipe: RecipeFacts, worker: WorkerSettings) -> list[m.VolumeMount]:
    """Mount the volumes that inputs are on; what is private on the workflow volume stays out of sight."""
    mounts = [
        m.VolumeMount(name=volume, mount_path=layout.claim_mount(claim), read_only=True)
        for claim, volume in _input_volumes(recipe, worker).items()
    ]
    if worker.volume_claim in recipe.claims:
        private = f"{layout.claim_mount(worker.volume_claim)}/{layout.PRIVATE_DIR}"
        mounts.append(m.VolumeMount(name="scratch", mount_path=private, sub_path="nothing", read_only=True))
    return mounts


def _input_volumes(recipe: RecipeFacts, worker: WorkerSettings) -> dict[str, str]:
    """Name the volume of each claim: one for each, since a pod that has a claim twice may never start."""
    return {
        claim: "workflow" if claim == worker.volume_claim else f"input-{number}"
        for number, claim in enumerate(recipe.claims)
    }


def _claimed(volume: str, claim: str) -> m.Volume:
    source = m.PersistentVolumeClaimVolumeSource(claim_name=claim)
    return m.Volume(name=volume, persistent_volume_claim=source)
