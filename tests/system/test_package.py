"""The Debian package, through its life on a Debian of its own: installed, used, upgraded, purged.

It is made of a release build, not of the program that the other system tests run.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from netlab import Namespace, run
from programs import SOURCE, Lossgazer

BUILDS = [SOURCE / "build" / preset for preset in ("bench", "release")]
DEBIAN = SOURCE / "build/tools/debian.tar"
CONFIGURATION = "/etc/lossgazer/lossgazer.yml"
WANTED_BY = "/etc/systemd/system/multi-user.target.wants/lossgazer.service"

FILES = """/usr/bin/lossgazer /usr/bin/lossgazer-report /lib/systemd/system/lossgazer.service
/lib/systemd/system/lossgazer.socket /usr/share/man/man8/lossgazer.8.gz
/usr/share/man/man8/lossgazer-report.8.gz /usr/share/bash-completion/completions/lossgazer
/usr/share/zsh/vendor-completions/_lossgazer /usr/share/lossgazer/grafana/overview.json
/usr/share/lossgazer/prometheus/rules/lossgazer-alerts.yml /usr/share/doc/lossgazer/README.Debian
/usr/share/doc/lossgazer/changelog.gz /usr/share/doc/lossgazer/changelog.Debian.gz
/usr/share/doc/lossgazer/copyright /usr/share/doc/lossgazer/lossgazer.spdx.json""".split()


def checked(*command, seconds=150, **keywords):
    """What a command prints on both its outputs; raises with it if the command fails."""
    done = subprocess.run(
        list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, timeout=seconds, **keywords,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def packaged(build, folder, umask=0o022):
    """Makes the package in this folder, as its user would, and returns its path."""
    checked("cpack", "-G", "DEB", "-B", folder, cwd=build, umask=umask)
    (package,) = folder.glob("*.deb")
    return package


class Debian:
    """A fresh Debian in a folder. What runs in it has this machine's network, or a namespace's."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="lossgazer-debian-"))
        self.root.chmod(0o755)
        checked("tar", "--extract", "--file", DEBIAN, "--directory", self.root)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def remove(self):
        shutil.rmtree(self.root)

    def command(self, *command):
        """The command line that runs `command` in it, as root, with no process in between."""
        enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", enter, self.root, *command]

    def run(self, *command):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        environment |= {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
        environment |= {"LC_ALL": "C.UTF-8"}
        return checked(*self.command(*command), env=environment)

    def apt(self, *arguments):
        return self.run("apt-get", "--yes", "--quiet=2", "--no-install-recommends", *arguments)

    def install(self, package):
        shutil.copy(package, self.root / "root")
        return self.apt("install", f"/root/{package.name}")

    def at(self, path):
        return self.root / path.lstrip("/")

    def has(self, path):
        return os.path.lexists(self.at(path))


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        builds = [build for build in BUILDS if (build / "app/lossgazer").exists()]
        if not builds:
            raise unittest.SkipTest(f"no release was built in {BUILDS[0]} (packaging/test does)")
        tools = ("cpack", "dpkg-shlibdeps", "lintian", "unshare")
        missing = [tool for tool in tools if shutil.which(tool) is None]
        missing += [] if DEBIAN.exists() else [DEBIAN]
        if missing:
            raise unittest.SkipTest(f"no {missing} (packaging/install-dependencies test)")
        cls.build = builds[0]
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.package = packaged(cls.build, cls.folder)
        cls.version = run("dpkg-deb", "--field", str(cls.package), "Version").strip()

    def test_lintian_finds_nothing_to_mend(self):
        found = checked(
            "lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", 0,
            self.package,
        )  # fmt: skip
        self.assertEqual(found, "")

    def test_same_build_makes_the_same_package(self):
        with tempfile.TemporaryDirectory() as folder:
            again = packaged(self.build, Path(folder), umask=0o077).read_bytes()
            # The umask shows in what the outer archive says of its three members, and there alone.
            again = again.replace(b" 100600  ", b" 100644  ", 3)
            self.assertTrue(again == self.package.read_bytes())

    def test_it_says_what_it_is_made_of(self):
        with tempfile.TemporaryDirectory() as folder:
            checked("dpkg-deb", "--extract", self.package, folder)
            sbom = json.loads(
                Path(folder, "usr/share/doc/lossgazer/lossgazer.spdx.json").read_text()
            )
        self.assertEqual(sbom["spdxVersion"], "SPDX-2.3")
        made_of = {package["name"]: package for package in sbom["packages"]}
        depends = run("dpkg-deb", "--field", str(self.package), "Depends")
        linked = set(re.findall(r"\b(?:lib[\w.+-]+|zlib1g)", depends)) - {"libcap2-bin"}
        # A package may depend on a name that another provides.
        self.assertLessEqual(linked - {"libspdlog1.10-fmt9"}, set(made_of))
        self.assertLessEqual({"lossgazer", "libcli11-dev", "libconcurrentqueue-dev"}, set(made_of))
        self.assertEqual(made_of["libpcap0.8"]["versionInfo"], run(
            "dpkg-query", "--show", "--showformat=${Version}", "libpcap0.8"))  # fmt: skip
        ids = {package["SPDXID"] for package in sbom["packages"]} | {"SPDXRef-DOCUMENT"}
        for relation in sbom["relationships"]:
            self.assertLessEqual(
                {relation["spdxElementId"], relation["relatedSpdxElement"]}, ids
            )

    def test_life(self):
        self.debian = Debian()
        self.addCleanup(self.debian.remove)
        self.debian.apt("update")
        self.debian.install(self.package)
        self.check_installed()
        self.check_report()
        self.check_capture()
        self.check_upgrade()
        self.check_purge()

    def check_installed(self):
        debian = self.debian
        debian.run("ls", "--dereference", *FILES)
        self.assertEqual(
            debian.run("dpkg-query", "--show", "--showformat=${Conffiles}", "lossgazer").split()[0],
            CONFIGURATION,
        )
        self.assertRegex(
            debian.run("getent", "passwd", "lossgazer"),
            r"^lossgazer:x:[1-9]\d{2}:\d+:[^:]*:/nonexistent:/usr/sbin/nologin\n$",
        )
        self.assertIn("lossgazer", debian.run("getent", "group", "lossgazer"))
        self.check_capability()
        # Enabled for the next start: no systemd runs here.
        self.assertTrue(debian.has(WANTED_BY))
        told = debian.run("lossgazer", "--version")
        self.assertEqual(told, run(str(self.build / "app/lossgazer"), "--version"))
        self.assertEqual(told.split()[1].replace("-", "~"), self.version.rsplit("-", 1)[0])
        debian.run("lossgazer", "check-config", CONFIGURATION)
        self.assertEqual(debian.run("dpkg", "--verify", "lossgazer"), "")

    def check_capability(self):
        self.assertEqual(
            self.debian.run("getcap", "/usr/bin/lossgazer"), "/usr/bin/lossgazer cap_net_raw=p\n"
        )

    def check_report(self):
        golden = SOURCE / "tests/golden/egress_loss.pcap"
        shutil.copy(golden, self.debian.at("/root"))
        told = self.debian.run("lossgazer", "report", "--format", "json", f"/root/{golden.name}")
        self.assertGreater(json.loads(told)["capture"]["packets"], 0)
        # As tcpdump -z calls it.
        table = self.debian.run("lossgazer-report", f"/root/{golden.name}")
        self.assertEqual(table, self.debian.run("lossgazer", "report", f"/root/{golden.name}"))

    def check_capture(self):
        """Whoever is not root captures by the file's capability alone."""
        namespace = Namespace(f"lgsys{os.getpid()}deb")
        self.addCleanup(namespace.remove)
        as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
        lossgazer = Lossgazer(
            namespace, "-i", "lo", "--peers.exclude", "192.0.2.0/24",
            program=self.debian.command(*as_nobody, "/usr/bin/lossgazer"),
        )  # fmt: skip
        self.addCleanup(lossgazer.stop)
        lossgazer.wait_until(
            lambda: lossgazer.metrics().sum("packets_total", peer="127.0.0.1") > 0, "packets"
        )
        ((_, labels),) = lossgazer.metrics().select("build_info")
        self.assertEqual(
            dict(labels)["version"].replace("-", "~"), self.version.rsplit("-", 1)[0]
        )
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def check_upgrade(self):
        """A higher version keeps what the administrator changed, and chose."""
        debian = self.debian
        configuration = debian.at(CONFIGURATION)
        edited = configuration.read_text() + "peers.max: 77\n"
        configuration.write_text(edited)
        debian.at(WANTED_BY).unlink()  # as systemctl disable does
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            checked("dpkg-deb", "--raw-extract", self.package, tree)
            control = tree / "DEBIAN/control"
            version = f"99+{self.version}"
            control.write_text(
                control.read_text().replace(f"Version: {self.version}", f"Version: {version}")
            )
            higher = Path(folder, "lossgazer_higher.deb")
            checked("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, higher)
            debian.install(higher)
        self.assertEqual(
            debian.run("dpkg-query", "--show", "--showformat=${Version}", "lossgazer"), version
        )
        self.assertEqual(configuration.read_text(), edited)
        self.check_capability()
        self.assertFalse(debian.has(WANTED_BY))

    def check_purge(self):
        """Removed, it leaves its configuration and user; purged, nothing."""
        debian = self.debian
        debian.at("/etc/lossgazer/web.yml").write_text("")
        debian.apt("remove", "lossgazer")
        self.assertFalse(debian.has("/usr/bin/lossgazer"))
        self.assertTrue(debian.has(CONFIGURATION))
        self.assertIn("lossgazer", debian.run("getent", "passwd", "lossgazer"))
        debian.apt("purge", "lossgazer")
        for path in (*FILES, "/etc/lossgazer", WANTED_BY, "/usr/share/lossgazer"):
            self.assertFalse(debian.has(path), path)
        for what in ("passwd", "group"):
            self.assertNotRegex(debian.at(f"/etc/{what}").read_text(), "(?m)^lossgazer:")
        left = debian.run("find", "/etc", "/var/lib/systemd", "-name", "*lossgazer*")
        self.assertEqual(left, "")
