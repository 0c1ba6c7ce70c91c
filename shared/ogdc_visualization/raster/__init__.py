"""Numbers on the cells of tiles: coverage, statistics, and the levels above."""
