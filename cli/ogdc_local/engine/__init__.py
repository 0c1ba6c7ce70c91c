"""Argo Workflows on one machine: the manifests the compiler writes, executed as local processes."""

from ogdc_local.engine.service import Engine

__all__ = ["Engine"]
