"""Results that are known by what made them: kept by one run, taken by the next (docs/decisions)."""
