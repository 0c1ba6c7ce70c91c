"""3D Tiles: polygons as meshes on the ellipsoid, a file a tile of the highest level, and their quadtree."""
