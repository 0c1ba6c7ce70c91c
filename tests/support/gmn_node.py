"""A program for GMN's environment: a member node on loopback with a directory and an empty database.

    python gmn_node.py DIRECTORY PORT DATABASE_HOST DATABASE_USER DATABASE WRITER...

`DIRECTORY/cn.pem` is the certificate that tokens have to be signed by. It prints a line when it answers.

What is not GMN 3.5.2's own: tokens reach its own check of them (its hook looks for another name of the
header, and hands on no certificate), SHA-256 is known (as Metacat knows it), and waitress serves it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import types
from pathlib import Path

DIRECTORY, PORT, HOST, USER, DATABASE, *WRITERS = sys.argv[1:]
ROOT = Path(DIRECTORY).absolute()


def settings() -> types.ModuleType:
    """GMN's own settings for a node without a coordinating node."""
    import d1_gmn.app.settings_default as default

    made = types.ModuleType("gmn_settings")
    made.__dict__.update({key: value for key, value in vars(default).items() if key.isupper()})
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": HOST.partition(":")[0],
        "PORT": HOST.partition(":")[2],
        "USER": USER,
        "NAME": DATABASE,
    }
    logs = {
        "version": 1,
        "handlers": {"err": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["err"]},
    }
    made.__dict__.update(
        STAND_ALONE=True,
        DEBUG=False,
        DEBUG_GMN=False,
        CLIENT_CERT_PATH=None,
        CLIENT_CERT_PRIVATE_KEY_PATH=None,
        OBJECT_STORE_PATH=str(ROOT / "objects"),
        OBJECT_FORMAT_CACHE_PATH=str(ROOT / "formats.xml"),
        LOGGING=logs,
        NODE_IDENTIFIER="urn:node:test",
        NODE_BASEURL=f"http://127.0.0.1:{PORT}/mn",
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of a test",
        DATABASES={"default": database | {"ATOMIC_REQUESTS": True}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    return made


def adapt() -> None:
    """Enable the check of tokens and SHA-256."""
    import d1_common.cert.jwt
    import d1_common.cert.x509
    import d1_common.checksum
    import d1_gmn.app.middleware.session_jwt as session

    certificate = d1_common.cert.x509.deserialize_pem_file(str(ROOT / "cn.pem"))

    def subjects(request: object) -> list[str]:
        shown = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")  # type: ignore[attr-defined]
        if not shown:
            return []
        try:
            return [d1_common.cert.jwt.validate_and_decode(shown, certificate)["sub"]]
        except d1_common.cert.jwt.JwtException:  # what GMN calls besides fails as it logs the claims
            return []

    session.validate_jwt_and_get_subject_list = subjects
    known = d1_common.checksum.DATAONE_TO_PYTHON_CHECKSUM_ALGORITHM_MAP
    known["SHA-256"] = hashlib.sha256


def main() -> None:
    """Create the tables, allow the writers, and serve."""
    sys.modules["gmn_settings"] = settings()
    os.environ["DJANGO_SETTINGS_MODULE"] = "gmn_settings"
    (ROOT / "objects").mkdir(exist_ok=True)
    import django

    django.setup(set_prefix=False)
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command

    adapt()
    call_command("migrate", run_syncdb=True, verbosity=0)
    import d1_gmn.app.models as models

    for writer in WRITERS:
        models.whitelist_for_create_update_delete(writer)
    import waitress

    server = waitress.create_server(WSGIHandler(), host="127.0.0.1", port=int(PORT), url_prefix="/mn")
    print("ready", flush=True)
    server.run()


main()
