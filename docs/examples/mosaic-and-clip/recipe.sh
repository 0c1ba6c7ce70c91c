# A VRT only points at its tiles, so they have to travel with it.
gdalbuildvrt -q /output_dir/mosaic.vrt /input_dir/tile_*.tif && cp /input_dir/tile_*.tif /output_dir/
gdalwarp -q -t_srs EPSG:3413 -te -260000 -2340000 -140000 -2220000 -tr 1000 1000 -r bilinear \
    -co TILED=YES -co COMPRESS=LZW /input_dir/mosaic.vrt /output_dir/disko_bay.tif
