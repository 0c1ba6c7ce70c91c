"""The configuration of a visualization, parsed without map libraries."""
