"""Argo Workflows on one machine: executes the manifests that the compiler writes as local processes."""

from ogdc_local.engine.service import Engine

__all__ = ["Engine"]
