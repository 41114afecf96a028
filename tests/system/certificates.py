"""Certificates for a test, made by openssl while it runs."""

import subprocess
from pathlib import Path


class Authority:
    """A certificate authority in a folder of its own, which signs what it is asked to."""

    def __init__(self, folder, name):
        self._folder = Path(folder)
        self._name = name
        self.pem = self._folder / f"{name}.pem"
        self._openssl(
            *("req", "-x509", *self._new_key(name), "-out", self.pem, "-days", 2),
            *("-subj", f"/CN={name}"),
        )

    def sign(self, name, sans, usage="clientAuth", key="ec"):
        """Writes NAME.pem and NAME.key, of a fresh key ("ec" or "rsa"); returns both paths."""
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        certificate = self._folder / f"{name}.pem"
        extensions.write_text(f"subjectAltName={sans}\nextendedKeyUsage={usage}\n")
        self._openssl("req", *self._new_key(name, key), "-out", request, "-subj", f"/CN={name}")
        self._openssl(
            *("x509", "-req", "-in", request, "-out", certificate, "-days", 2),
            *("-CA", self.pem, "-CAkey", self._folder / f"{self._name}.key"),
            *("-CAcreateserial", "-extfile", extensions),
        )
        return certificate, self._folder / f"{name}.key"

    def _new_key(self, name, kind="ec"):
        how = {"ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("rsa:2048",)}[kind]
        return ("-newkey", *how, "-nodes", "-keyout", self._folder / f"{name}.key")

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(
            ["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30
        )
