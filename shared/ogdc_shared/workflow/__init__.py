"""From a recipe to an Argo workflow, as values: nothing here submits, reads or writes anything."""
