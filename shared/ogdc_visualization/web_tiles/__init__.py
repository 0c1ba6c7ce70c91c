"""Pictures of rasters, for maps on the web."""
