"""Fetching recipes from their locations."""
