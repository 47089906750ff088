"""Certificates for tests of TLS: an authority, a server and a client, made by ``openssl``.

::

    from tests.green.certificates import certificates

    made = certificates()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made.server, made.server_key)
    client = ssl.create_default_context(cafile=made.authority)

They are made once, when first asked for, and removed when the interpreter ends.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

CONFIG = """
[req]
distinguished_name = name
prompt = no

[name]
commonName = unused

[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1

[elsewhere]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:elsewhere.example

[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Certificates(NamedTuple):
    """Paths of PEM files; a key stands beside its certificate."""

    authority: str
    """The authority's certificate, which signed all the others but the stranger's."""
    server: str
    """For localhost, 127.0.0.1 and ::1."""
    server_key: str
    elsewhere: str
    """A server's for elsewhere.example, which is nobody here."""
    elsewhere_key: str
    client: str
    """A client's."""
    client_key: str
    stranger: str
    """An authority that signed none of the others."""


def _openssl(*arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(arguments)}:\n{done.stdout.decode()}")


def _key(path: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))


def _make_authority(folder: Path, name: str) -> str:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    _key(key)
    _openssl(
        *("req", "-x509", "-new", "-days", "3650", "-key", str(key), "-out", str(certificate)),
        *("-config", str(folder / "openssl.cnf"), "-extensions", "authority"),
        *("-subj", f"/O=genlet/CN={name}"),
    )
    return str(certificate)


def _make(folder: Path, name: str, common_name: str) -> str:
    key, request, certificate = (folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    config = str(folder / "openssl.cnf")
    _key(key)
    _openssl(
        *("req", "-new", "-key", str(key), "-out", str(request), "-config", config),
        *("-subj", f"/O=genlet/CN={common_name}"),
    )
    _openssl(
        *("x509", "-req", "-in", str(request), "-out", str(certificate), "-days", "3650"),
        *("-CA", str(folder / "authority.pem"), "-CAkey", str(folder / "authority.key")),
        *("-CAcreateserial", "-extfile", config, "-extensions", name),
    )
    return str(certificate)


@cache
def certificates() -> Certificates:
    """Return the certificates, made at the first call; skip the test where openssl is missing."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command line is not installed")
    folder = Path(tempfile.mkdtemp(prefix="genlet-certificates-"))
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    (folder / "openssl.cnf").write_text(CONFIG)
    authority = _make_authority(folder, "authority")
    return Certificates(
        authority=authority,
        server=_make(folder, "server", "localhost"),
        server_key=str(folder / "server.key"),
        elsewhere=_make(folder, "elsewhere", "elsewhere.example"),
        elsewhere_key=str(folder / "elsewhere.key"),
        client=_make(folder, "client", "a client"),
        client_key=str(folder / "client.key"),
        stranger=_make_authority(folder, "stranger"),
    )
