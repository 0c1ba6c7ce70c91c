"""Where recipes are fetched from."""
