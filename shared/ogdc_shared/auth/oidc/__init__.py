"""OpenID Connect: verifying tokens of the issuers that a deployment trusts."""
