"""What is made of finished tiles: a WMTS document, a page with a map, archives, a STAC item and a preview."""
