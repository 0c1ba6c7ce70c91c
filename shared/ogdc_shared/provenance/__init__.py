"""Provenance of a run's result as a Workflow Run RO-Crate that can be verified independently."""
