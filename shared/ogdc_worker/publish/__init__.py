"""`ogdc-worker publish`: assembles one result from the partitions' outputs and makes it visible at once."""
