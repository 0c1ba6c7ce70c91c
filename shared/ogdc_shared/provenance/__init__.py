"""Provenance: how a run's result came to be, as a Workflow Run RO-Crate that a stranger can check."""
