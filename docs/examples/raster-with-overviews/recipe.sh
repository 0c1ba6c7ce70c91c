# The file holds tenths of a percent.
gdal_calc.py --quiet --calc "A / 10.0" --type Float32 -A /input_dir/concentration.tif --outfile=/output_dir/percent.tif
# EPSG:3411 to EPSG:3413
gdalwarp -q -t_srs EPSG:3413 -r bilinear /input_dir/percent.tif /output_dir/reprojected.tif
gdal_translate -q -co TILED=YES -co BLOCKXSIZE=128 -co BLOCKYSIZE=128 -co COMPRESS=DEFLATE /input_dir/reprojected.tif /output_dir/concentration.tif
# Each command has an /output_dir of its own: what is to be kept has to be copied there.
cp /input_dir/concentration.tif /output_dir/ && gdaladdo -q -r average /output_dir/concentration.tif 2 4
