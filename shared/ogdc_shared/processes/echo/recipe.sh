sleep "$PAUSE"; printf %s "$INPUTS" > /output_dir/outputs.json
