# Longitude and latitude become points in NSIDC's polar stereographic projection.
ogr2ogr -f GPKG -s_srs EPSG:4326 -t_srs EPSG:3413 -oo X_POSSIBLE_NAMES=longitude -oo Y_POSSIBLE_NAMES=latitude -oo AUTODETECT_TYPE=YES -nln stations /output_dir/stations.gpkg /input_dir/stations.csv
# The stations above 500 m get a layer of their own.
cp /input_dir/stations.gpkg /output_dir/stations.gpkg && ogr2ogr -update -nln high_stations -where "elevation_m > 500" /output_dir/stations.gpkg /input_dir/stations.gpkg stations
