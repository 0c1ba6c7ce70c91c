"""The STAC catalogue of a result: an item with the spatial extent of each output."""
