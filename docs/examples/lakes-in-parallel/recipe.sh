# Each command runs once for each file: the lakes of one summer, from polar stereographic metres to degrees.
ogr2ogr -f GPKG -t_srs EPSG:4326 "$OUTPUT_FILE" "$INPUT_FILE"
# What a command writes need not be $OUTPUT_FILE; a web map takes GeoJSON.
ogr2ogr -f GeoJSON -lco RFC7946=YES "${OUTPUT_FILE%.gpkg}.geojson" "$INPUT_FILE"
