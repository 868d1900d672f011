"""Seeds through the ingress at a steady rate, and keeps account: confirmed ids, failed requests, waiting times."""
import http.client
import json
import ssl
import threading
import time
import urllib.parse


def connection(url, timeout=15):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # the ingress controller's own certificate
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)


def seed(url, message, wait="safe", timeout=40, **more):
    """(status, answer) of one POST /messages."""
    link = connection(url, timeout)
    try:
        body = json.dumps({"message": message, "wait": wait, **more})
        link.request("POST", "/messages", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else {"error": text.decode(errors="replace")}
    finally:
        link.close()


def get(url, path, timeout=10):
    link = connection(url, timeout)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read()
    finally:
        link.close()


class Load:
    """with Load(url, rate=20) as load: ... ; afterwards load.ids, load.failed, load.requests, load.slowest."""

    THREADS = 4

    def __init__(self, url, rate=20, hops=10, wait="safe"):
        self.url, self.rate, self.hops, self.wait = url, rate, hops, wait
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.ids, self.failed, self.requests, self.slowest = [], [], 0, 0.0
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(self.THREADS)]

    def __enter__(self):
        self.begin = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.begin

    def work(self, number):
        link, turn = None, number
        while not self.stopping.wait(max(0.0, self.begin + turn / self.rate - time.monotonic())):
            turn += self.THREADS
            sent = time.monotonic()
            try:
                link = link or connection(self.url, timeout=20)
                body = json.dumps({"message": f"load {number}-{turn}", "hops": self.hops, "wait": self.wait, "wait_ms": 15000})
                link.request("POST", "/messages", body, {"Content-Type": "application/json"})
                answer = link.getresponse()
                text = answer.read()
                outcome = None if answer.status in (200, 202) else f"{answer.status} {text[:120].decode(errors='replace')}"
            except (OSError, http.client.HTTPException) as error:
                outcome, link = f"{type(error).__name__}: {error}", None
            with self.lock:
                self.requests += 1
                self.slowest = max(self.slowest, time.monotonic() - sent)
                if outcome is None:
                    self.ids += json.loads(text)["ids"]
                else:
                    self.failed.append(outcome)

    def figure(self):
        return f"{self.requests} requests, {len(self.failed)} failed, slowest {self.slowest * 1000:.0f} ms"


class Events:
    """GET /events through the ingress, in the background: when each event came."""

    def __init__(self, url):
        self.link = connection(url, timeout=30)
        self.link.request("GET", "/events", headers={"Accept": "text/event-stream"})
        self.answer = self.link.getresponse()
        self.status, self.came = self.answer.status, []
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while line := self.answer.readline():
                with self.changed:
                    self.came.append((time.time(), line.decode(errors="replace").rstrip("\n")))
                    self.changed.notify_all()
        except (OSError, ValueError, http.client.HTTPException):
            pass

    def wait(self, text, timeout):
        """When the first line with `text` came; None when none did."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for when, line in self.came:
                    if text in line:
                        return when
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(left)

    def close(self):
        if self.link.sock:
            self.link.sock.close()
