"""A program in a terminal, by tmux: its screen is read, keys are pressed, the window is resized."""

import shlex
import subprocess
import tempfile
from pathlib import Path

from netlab import run, wait_until


class Terminal:
    """A program of a namespace in a terminal of its own. What it leaves behind stays on screen."""

    def __init__(self, namespace, *command, columns=80, lines=24, environment=None):
        self._folder = tempfile.TemporaryDirectory()
        # Where tmux has its socket; the program sees no more of the caller's terminal than that.
        self._tmux = ["tmux", "-S", f"{self._folder.name}/tmux", "-f", "/dev/null"]
        self._status = Path(self._folder.name, "status")
        variables = {"LC_ALL": "C.UTF-8", "NO_COLOR": ""} | (environment or {})
        words = shlex.join(
            ["env", *(f"{name}={value}" for name, value in variables.items()), *map(str, command)]
        )
        self._pid = Path(self._folder.name, "pid")
        words = shlex.join(["sh", "-c", f"echo $$ >{self._pid}; exec {words}"])
        self.tmux(
            "new-session", "-d", "-x", str(columns), "-y", str(lines),
            shlex.join(
                namespace.command("sh", "-c", f"{words}; echo $? >{self._status}; exec sleep 120")
            ),
        )  # fmt: skip

    def close(self):
        """As its user would close the window; that there is none any more is no fault."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=30)
        self._folder.cleanup()

    def tmux(self, *arguments):
        return run(*self._tmux, *arguments)

    def screen(self, *how):
        """What is on it; `-e`: with escapes for colours."""
        return self.tmux("capture-pane", "-p", *how)

    def press(self, *keys):
        for key in keys:
            self.tmux("send-keys", key)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def wait_for(self, shown, what, seconds=30):
        """Until `shown`, a text or a condition, holds of the screen; returns that."""

        def look():
            screen = self.screen()
            good = shown(screen) if callable(shown) else shown in screen
            return screen if good else None

        try:
            return wait_until(look, what, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; on the screen:\n{self.screen()}") from None

    def process(self):
        """The program's process number."""
        return int(wait_until(lambda: self._pid.exists() and self._pid.read_text(), "its start"))

    def status(self, seconds=30):
        """With what the program ended."""
        wait_until(
            lambda: self._status.exists() and self._status.read_text(), "its end", seconds
        )
        return int(self._status.read_text())
