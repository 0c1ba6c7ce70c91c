"""Recipes as processes and runs as their jobs, for programs that speak OGC API - Processes."""
