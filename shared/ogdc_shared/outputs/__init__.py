"""Output types and output files."""
