"""Well-known paths of metadata about logins.

Sources: RFC 9728 section 3, OpenID Connect Discovery 1.0 section 4.
"""

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
"""Metadata of an API: its trusted issuers."""
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
"""Metadata of an issuer: its endpoints."""
