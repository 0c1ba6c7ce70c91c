"""OGC API - Processes: recipes as processes, runs as jobs."""
