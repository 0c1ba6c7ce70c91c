"""Polygons of input files, made fit for tiles, and the tiles that they are in."""
