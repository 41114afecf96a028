#!/usr/bin/env python3
"""What a build is called, and what `cmake --install` puts there and takes away again.

    check_install.py ROOT BUILD

The version is asked of repositories made for it; BUILD, all of which is built, is installed.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT, BUILD = Path(), Path()
ASK = 'lossgazer_find_version(9.8.7)\nmessage("${LOSSGAZER_VERSION} ${LOSSGAZER_REVISION}")\n'


def run(*command, cwd=None):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LOSSGAZER_")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=60, env=kept,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}")
    return done.stdout


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()


class Version(InAFolder):
    def git(self, *arguments):
        who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        return run("git", *who, *arguments, cwd=self.folder)

    def commit(self):
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")

    def version(self):
        script = self.folder / ".git" / "ask.cmake"
        script.parent.mkdir(exist_ok=True)
        script.write_text((ROOT / "packaging/version.cmake").read_text() + ASK)
        return run("cmake", "-P", script, cwd=self.folder).strip().splitlines()[-1].split()

    def test_is_the_tags(self):
        self.git("init", "--quiet")
        self.commit()
        revision = self.git("rev-parse", "--short=12", "HEAD").strip()
        self.assertEqual(self.version(), ["9.8.7", revision])
        self.git("tag", "nonesuch-1.0")
        self.assertEqual(self.version()[0], "9.8.7")
        self.git("tag", "v1.2.3")
        self.assertEqual(self.version(), ["1.2.3", revision])
        self.commit()
        self.commit()
        revision = self.git("rev-parse", "--short=12", "HEAD").strip()
        self.assertEqual(self.version(), [f"1.2.3+2.g{revision}", revision])
        self.git("tag", "v2.0.0-rc1")
        self.assertEqual(self.version()[0], "2.0.0-rc1")

    def test_is_the_programs_own_without_a_repository(self):
        self.assertEqual(self.version(), ["9.8.7", "unknown"])


class Install(InAFolder):
    def files(self):
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if not path.is_dir() or path.is_symlink()
        }

    def install(self):
        run("cmake", "--install", BUILD, "--prefix", self.folder)

    def uninstall(self):
        run("cmake", "--build", BUILD, "--target", "uninstall")

    def test_puts_everything_below_the_prefix_and_takes_it_away(self):
        self.install()
        files = self.files()
        for file in (
            "bin/lossgazer",
            "bin/lossgazer-report",
            "etc/lossgazer/lossgazer.yml",
            "lib/systemd/system/lossgazer.service",
            "lib/systemd/system/lossgazer.socket",
            "share/bash-completion/completions/lossgazer",
            "share/lossgazer/events/vector.yaml",
            "share/lossgazer/grafana/overview.json",
            "share/lossgazer/prometheus/rules/lossgazer-alerts.yml",
            "share/man/man8/lossgazer.8",
            "share/zsh/site-functions/_lossgazer",
        ):
            self.assertIn(file, files)
        self.assertIn("lossgazer ", run(self.folder / "bin/lossgazer", "--version"))
        service = (self.folder / "lib/systemd/system/lossgazer.service").read_text()
        configuration = self.folder / "etc/lossgazer/lossgazer.yml"
        self.assertIn(
            f"ExecStart={self.folder}/bin/lossgazer --config.file {configuration}\n", service
        )
        self.uninstall()
        self.assertEqual(self.files(), set())

    def test_a_configuration_that_was_changed_is_never_lost(self):
        self.install()
        configuration = self.folder / "etc/lossgazer/lossgazer.yml"
        configuration.write_text("peers.max: 5\n")
        self.install()
        self.assertEqual(configuration.read_text(), "peers.max: 5\n")
        self.uninstall()
        self.assertEqual(self.files(), {"etc/lossgazer/lossgazer.yml"})


if __name__ == "__main__":
    ROOT, BUILD = map(Path, sys.argv[1:])
    unittest.main(argv=sys.argv[:1])
