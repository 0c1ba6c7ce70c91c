"""The stages of a map: scatter features to blocks, build each block, make what lies above the blocks."""
