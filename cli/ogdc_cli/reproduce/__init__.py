"""Running what a crate tells of again, and comparing what came of it."""
