"""OpenID Connect: whether an issuer of the deployment made a token, and whom that is about."""
