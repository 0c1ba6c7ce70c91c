"""The places afar that recipes are read from: one module a way of speaking, all behind `source.Source`."""
