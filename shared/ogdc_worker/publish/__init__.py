"""`ogdc-worker publish`: one result out of what the partitions left, visible in one step."""
