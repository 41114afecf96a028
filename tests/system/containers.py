"""Containers and images in a storage of their own, made without an image registry.

Nothing of the user's is touched, and all is removed in the end.
"""

import json
import shutil
import subprocess
from contextlib import contextmanager

from programs import SOURCE, Lossgazer, Process

DEBIAN = SOURCE / "build/tools/debian.tar"
FOLDER = SOURCE / "build/containers"


class Engine:
    """buildah and podman on one storage. Containers run by runc, without systemd."""

    def __init__(self):
        self._names = []
        # What a run that was killed has left.
        self.remove()
        FOLDER.mkdir(parents=True)

    def remove(self):
        if not FOLDER.exists():
            return
        if (FOLDER / "root").exists():
            self.podman("rm", "--all", "--force", "--time", 0)
        mounts = [line.split()[1] for line in open("/proc/mounts")]
        for mount in reversed(mounts):
            if mount.startswith(f"{FOLDER}/"):
                subprocess.run(["umount", mount], check=True, timeout=30)
        shutil.rmtree(FOLDER)

    def command(self, tool, *arguments):
        storage = ("--root", FOLDER / "root", "--runroot", FOLDER / "run")
        if tool == "podman":
            storage += ("--runtime", "runc", "--cgroup-manager", "cgroupfs")
        return list(map(str, (tool, *storage, *arguments)))

    def run_command(self, image, *arguments, options=()):
        """The command line of a container that goes when it ends."""
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
        return self.command("podman", "run", "--rm", *limits, *options, image, *arguments)

    def podman(self, *arguments, seconds=60):
        return checked(self.command("podman", *arguments), seconds)

    def inspect(self, image):
        (found,) = json.loads(self.podman("image", "inspect", image))
        return found

    def import_debian(self, name):
        self.podman("import", DEBIAN, name, seconds=120)

    def build(self, file, name, seconds, **build_arguments):
        """Builds from the source tree, and returns what that printed."""
        given = [f"--build-arg={key}={value}" for key, value in build_arguments.items()]
        return checked(
            self.command("buildah", "bud", "--isolation", "chroot", "--format", "docker", *given,
                         "--file", file, "--tag", name, SOURCE),
            seconds,
        )  # fmt: skip

    @contextmanager
    def mounted(self, image):
        """The folder where its files are, meanwhile."""
        folder = self.podman("image", "mount", image).strip()
        try:
            yield folder
        finally:
            self.podman("image", "unmount", image)

    def compressed_size(self, image):
        saved = subprocess.Popen(self.command("podman", "save", image), stdout=subprocess.PIPE)
        packed = subprocess.Popen(["gzip"], stdin=saved.stdout, stdout=subprocess.PIPE)
        saved.stdout.close()
        size = sum(map(len, iter(lambda: packed.stdout.read(1 << 20), b"")))
        if (saved.wait(60), packed.wait(60)) != (0, 0):
            raise RuntimeError(f"podman save {image} failed")
        return size


def checked(command, seconds):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=seconds
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


class _Outside:
    """A container is begun outside of the namespace whose network it has."""

    def __init__(self, namespace):
        self.entered = namespace.entered

    @staticmethod
    def command(*command):
        return list(map(str, command))


class Container(Process):
    """A container with the network of a namespace, or of another container there."""

    def __init__(self, engine, name, namespace, image, *arguments, network=None, options=()):
        self.name = name
        self.engine = engine
        network = network or f"ns:/run/netns/{namespace.name}"
        options = ("--name", name, "--network", network, *options)
        command = engine.run_command(image, *arguments, options=options)
        Process.__init__(self, _Outside(namespace), *command)

    def stop(self, *arguments, **keywords):
        status = super().stop(*arguments, **keywords)
        self.engine.podman("rm", "--force", "--ignore", "--time", 0, self.name)
        return status


class ContainedLossgazer(Container, Lossgazer):
    """lossgazer from its image, as the image serves without being told; made when it is ready."""

    port = 10119

    def __init__(self, *arguments, **keywords):
        Container.__init__(self, *arguments, **keywords)
        try:
            self.wait_until(
                lambda: self.get(self.port, "/-/ready")[0] == 200, "lossgazer being ready"
            )
        except BaseException:
            self.stop()
            raise
