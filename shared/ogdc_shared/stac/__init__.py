"""The STAC catalogue of a result: an item for each output that says where on the Earth it is."""
