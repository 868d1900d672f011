"""Chromium by the WebDriver protocol, over its own HTTP: no library between test and driver."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 30  # for what must come; a busy machine may take a while


def missing():
    """What has to be installed, or None."""
    wanted = {"chromium": "chromium", "chromedriver": "chromium-driver"}
    absent = [package for program, package in wanted.items() if not shutil.which(program)]
    return " ".join(absent) or None


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="podring-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self.base = f"http://127.0.0.1:{found[1]}"
                break
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--window-size=1280,1100",
                     f"--user-data-dir={self.folder}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox does not work for root
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = f"/session/{answer['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)
            self.driver.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        call = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(call, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as wrong:
            raise AssertionError(f"{method} {path}: {wrong.read().decode()[:500]}") from None

    def cdp(self, command, **parameters):
        return self.call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e && e.textContent", selector)

    def count(self, selector):
        """How many there are."""
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def click(self, selector):
        """A live page may draw the element anew between finding and clicking it: then once more."""
        start = time.monotonic()
        while True:
            try:
                return self.call("POST", f"{self.session}/element/{self.find(selector)}/click")
            except AssertionError as wrong:
                if "stale element" not in str(wrong) or time.monotonic() - start > PATIENCE_S:
                    raise

    def type(self, selector, text):
        element = self.find(selector)
        self.call("POST", f"{self.session}/element/{element}/clear")
        self.call("POST", f"{self.session}/element/{element}/value", {"text": text})

    def keys(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def find(self, selector):
        found = self.call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def figures(self):
        """Of the page since it was opened, by name: seconds of work (TaskDuration), bytes (JSHeapUsedSize)."""
        return {one["name"]: one["value"] for one in self.cdp("Performance.getMetrics")["metrics"]}

    def log(self, kind):
        """What came since the last call."""
        return self.call("POST", f"{self.session}/se/log", {"type": kind})

    def wait(self, what, condition, patience_s=PATIENCE_S, instead=lambda: ""):
        """The first true value of the condition, and how long it took; else it fails and tells what there was `instead`."""
        start = time.monotonic()
        while True:
            value = condition()
            if value:
                return value, time.monotonic() - start
            if time.monotonic() - start > patience_s:
                raise AssertionError(f"not within {patience_s} s: {what} {instead()}")
            time.sleep(0.02)

    def screenshot(self, name):
        """Kept when PODRING_SCREENSHOTS names a folder."""
        folder = os.environ.get("PODRING_SCREENSHOTS")
        if folder:
            os.makedirs(folder, exist_ok=True)
            data = self.call("GET", f"{self.session}/screenshot")
            with open(os.path.join(folder, name + ".png"), "wb") as picture:
                picture.write(base64.b64decode(data))


KEY = {"right": "\ue014", "left": "\ue012", "enter": "\ue007", "end": "\ue010", "home": "\ue011", "tab": "\ue004"}
