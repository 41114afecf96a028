"""A real headless Chromium in a namespace, driven through chromedriver (W3C WebDriver)."""

import base64
import http.client
import json
import shutil
import tempfile

from programs import Process

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key WebDriver gives elements
PORT = 9515


class Browser(Process):
    """One browser window. What it logs and requests from its start on is kept."""

    FLAGS = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    )

    def __init__(self, namespace, width=1280, height=900):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._session = None
        super().__init__(namespace, shutil.which("chromedriver"), f"--port={PORT}")
        try:
            self.wait_until(lambda: self.get(PORT, "/status")[0] == 200, "chromedriver", 30)
            flags = [*self.FLAGS, f"--user-data-dir={self._profile.name}",
                     f"--window-size={width},{height}"]  # fmt: skip
            self._session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": flags, "binary": shutil.which("chromium")},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }}})["sessionId"]  # fmt: skip
        except BaseException:
            self.stop()
            raise

    def stop(self, *arguments, **keywords):
        try:
            if self._session:
                self._call("DELETE", f"/session/{self._session}")
                self._session = None
        finally:
            status = super().stop(*arguments, **keywords)
            self._profile.cleanup()
        return status

    def _call(self, method, path, body=None):
        with self._namespace.entered():
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
            connection.connect()
        try:
            text = json.dumps(body) if method == "POST" else None
            connection.request(method, path, text, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def _ask(self, method, path, body=None):
        return self._call(method, f"/session/{self._session}{path}", body)

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def script(self, code, *arguments):
        """What `code`, the body of a function, returns."""
        return self._ask("POST", "/execute/sync", {"script": code, "args": arguments})

    def devtools(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def keys(self, text):
        """Presses keys, one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def click(self, selector):
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def point_at(self, x, y):
        """Moves the pointer there."""
        move = {"type": "pointerMove", "duration": 0, "x": x, "y": y}
        self._ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "p", "actions": [move]}]})

    def screen(self, width, height, dark=False, mobile=False):
        """The window's size and the system's theme, as the page sees them."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=2 if mobile else 1, mobile=mobile)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path, whole=True):
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def log(self, kind):
        """What was logged since the last time it was asked for; "browser" or "performance"."""
        return self._ask("POST", "/se/log", {"type": kind})

    def requests(self):
        """The addresses asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
