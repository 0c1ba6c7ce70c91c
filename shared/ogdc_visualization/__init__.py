"""`ogdc-visualization`: polygons to staged tiles, rasters with statistics, web tiles and 3D tiles."""
