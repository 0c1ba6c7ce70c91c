"""Logins: storing them per deployment, obtaining, renewing and ending them."""
