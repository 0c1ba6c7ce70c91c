"""The configuration of a visualization, read without any library for maps."""
