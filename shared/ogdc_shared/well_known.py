"""Well-known paths of metadata about logins.

Sources: RFC 9728 section 3, OpenID Connect Discovery 1.0 section 4.
"""

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
"""An API's: which issuers let people in."""
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
"""An issuer's: its endpoints."""
