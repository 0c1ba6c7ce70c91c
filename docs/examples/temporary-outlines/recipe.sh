ogr2ogr -f GPKG -t_srs EPSG:3413 -nln islands /output_dir/islands.gpkg /input_dir/islands.geojson
ogr2ogr -f GPKG -simplify 2000 -makevalid /output_dir/islands_simple.gpkg /input_dir/islands.gpkg && ogr2ogr -f CSV /output_dir/areas.csv /input_dir/islands.gpkg -dialect SQLite -sql "SELECT name, round(ST_Area(geom) / 1e6) AS area_km2 FROM islands ORDER BY area_km2 DESC"
