"""What verifying tokens brings into a process: a cold start pays for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from support.issuer import Key

VERIFY = """
import json, sys
from ogdc_shared.auth.oidc.issuers import Issuers
from ogdc_shared.auth.oidc.jwks import KeySet
from ogdc_shared.auth.oidc.key_cache import CachedKeys
from ogdc_shared.oidc_settings import TrustedIssuer

class Cache:
    def load(self):
        return CachedKeys(KeySet({"keys": [json.loads(sys.argv[1])]}), 0.0)

issuer = TrustedIssuer("https://login.example.org", ("ogdc",), others=True)
issuers = Issuers([issuer], cache=lambda _: Cache(), patience=300)
print(issuers.identify(sys.argv[2], now=float(sys.argv[3])).subject)
print(*sorted({"urllib3", "cryptography.x509.name", "boto3", "hera"} & sys.modules.keys()))

from cryptography import x509
print(x509.Name([]).rfc4514_string() == "", "cryptography.x509.name" in sys.modules)
"""


@pytest.mark.slow
def test_shared_keys_need_no_http_client_and_no_certificate_parser():
    key, now = Key.new("first", "EdDSA"), int(time.time())
    claims = {"iss": "https://login.example.org", "sub": "ada", "aud": "ogdc", "typ": "Bearer"}
    token = key.signed(claims | {"iat": now, "exp": now + 60})
    command = [sys.executable, "-c", VERIFY, json.dumps(key.jwk()), token, str(now)]
    assert subprocess.check_output(command, text=True) == "ada\n\nTrue True\n"
