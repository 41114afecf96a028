#!/usr/bin/env python3
"""Writes what a built program is made of, as SPDX 2.3 JSON.

    sbom.py [--version V] PROGRAM OUTPUT

That is the program, the Debian packages of the libraries that ldd names, and those whose headers
are compiled in. The same files and packages give the same text: its date is SOURCE_DATE_EPOCH.
Licences are told where Debian's copyright file is machine-readable and names them for all files.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

# Of these, code is compiled into the program: ldd does not name them.
COMPILED_IN = (
    "libbpf-dev", "libcli11-dev", "libconcurrentqueue-dev", "libfmt-dev", "libspdlog-dev",
    "nlohmann-json3-dev", "prometheus-cpp-dev",
)  # fmt: skip

# Debian's short names of licences that are others in SPDX, in small letters.
SPDX_NAMES = {
    "0bsd": "0BSD", "apache-2.0": "Apache-2.0", "boost": "BSL-1.0", "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause", "cc0-1.0": "CC0-1.0", "expat": "MIT", "zlib": "Zlib",
}  # fmt: skip


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def libraries(program):
    """The files that the dynamic linker loads for it."""
    return re.findall(r"(/\S+) \(0x", run("ldd", str(program)))


def package_of(file):
    """The Debian package, as name:architecture, that a file belongs to."""
    path = Path(file)
    # Its paths may be from before /lib became a link.
    for candidate in (path, path.resolve(), Path("/usr" + file), Path(str(path.resolve())[4:])):
        found = subprocess.run(
            ["dpkg-query", "--search", str(candidate)], text=True, capture_output=True
        )
        if found.returncode == 0:
            return found.stdout.splitlines()[0].rsplit(": ", 1)[0].split(", ")[0]
    raise SystemExit(f"sbom.py: no package has {file}")


def spdx_name(name):
    """Debian's name of one licence, as SPDX has it; None if it does not."""
    if gnu := re.fullmatch(r"(L?GPL)-(\d)(\.\d)?(\+?)", name):
        return f"{gnu[1]}-{gnu[2]}{gnu[3] or '.0'}-{'or-later' if gnu[4] else 'only'}"
    return SPDX_NAMES.get(name.lower())


def spdx_expression(text):
    """Debian's words for a licence, as SPDX has them; None if it does not."""
    words = []
    for word in re.split(r"\s+(and|or)\s+", text.strip()):
        name = word.upper() if word in ("and", "or") else spdx_name(word)
        if name is None:
            return None
        words.append(name)
    return " ".join(words)


def licence(copyright_file):
    """(the licence of all files, what Debian's file names), where it is machine-readable."""
    text = copyright_file.read_text(errors="replace") if copyright_file.exists() else ""
    if not re.match(r"Format:.*copyright-format", text):
        return "NOASSERTION", []
    stanzas = re.split(r"\n\s*\n", text)
    names = sorted({
        name.strip() for stanza in stanzas
        for name in re.findall(r"^License:(.+)$", stanza, re.MULTILINE)
    })  # fmt: skip
    for stanza in stanzas:
        found = re.search(r"^License:(.+)$", stanza, re.MULTILINE)
        if found and re.search(r"^Files:\s*\*\s*$", stanza, re.MULTILINE):
            return spdx_expression(found[1]) or "NOASSERTION", names
    return "NOASSERTION", names


def debian_package(name):
    """An installed package, as SPDX has it."""
    fields = "${Package}\t${Version}\t${Architecture}\t${source:Package}"
    package, version, architecture, source = run(
        "dpkg-query", "--show", f"--showformat={fields}", name
    ).split("\t")
    declared, names = licence(Path("/usr/share/doc", package, "copyright"))
    entry = {
        "SPDXID": f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', package)}",
        "name": package,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "sourceInfo": f"built from the Debian source package {source}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": declared,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator":
                f"pkg:deb/debian/{quote(package)}@{quote(version)}?arch={architecture}",
        }],
    }  # fmt: skip
    if names:
        entry["licenseComments"] = f"Debian's copyright file names: {', '.join(names)}"
    return entry


def document(program, version):
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    linked = {package_of(file) for file in libraries(program)}
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-lossgazer")]
    packages = []
    for kind, names in (("DYNAMIC_LINK", linked), ("STATIC_LINK", COMPILED_IN)):
        for name in sorted(names):
            packages.append(debian_package(name))
            relations.append(("SPDXRef-lossgazer", kind, packages[-1]["SPDXID"]))
    created = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"lossgazer-{version}",
        "documentNamespace": f"https://lossgazer.example/spdx/{version}/{digest}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: lossgazer-sbom"],
        },
        "packages": [
            {
                "SPDXID": "SPDXRef-lossgazer",
                "name": "lossgazer",
                "versionInfo": version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "primaryPackagePurpose": "APPLICATION",
                "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
                "licenseConcluded": "Apache-2.0",
                "licenseDeclared": "Apache-2.0",
                "copyrightText": "NOASSERTION",
            },
            *sorted(packages, key=lambda package: package["name"]),
        ],
        "relationships": [
            {"spdxElementId": left, "relationshipType": kind, "relatedSpdxElement": right}
            for left, kind, right in relations
        ],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default="NOASSERTION")
    parser.add_argument("program", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    text = json.dumps(document(arguments.program, arguments.version), indent=1, ensure_ascii=True)
    arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
