"""Resolving, listing and partitioning the inputs of a recipe."""
