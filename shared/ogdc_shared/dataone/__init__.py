"""Results as DataONE packages: their metadata, and the calls of a member node."""
