"""Polygons that several files have of one and the same thing, of which one is kept."""
