"""Results as DataONE packages: what describes them, and sending them to a member node."""
