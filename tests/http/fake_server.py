"""Starts http_fake_server and speaks raw HTTP to it. No library between test and socket."""

import json
import os
import socket
import subprocess


class FakeServer:
    def __init__(self, **options):
        program = os.path.join(os.environ["PODRING_BIN"], "http_fake_server")
        self.process = subprocess.Popen(
            [program] + [f"{name}={value}" for name, value in options.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.address = ready["address"]
        self.port = ready["port"]
        self.admin_port = ready["admin_port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait(timeout=20) != 0:
            raise AssertionError(f"the server ended with {self.process.returncode}")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise AssertionError(f"{command}: {answer}")

    def connect(self, admin=False):
        port = self.admin_port if admin else self.port
        return socket.create_connection((self.address, port), timeout=20)

    def ask(self, request, admin=False):
        """Sends bytes, reads until the server closes."""
        with self.connect(admin) as client:
            try:
                client.sendall(request)
            except OSError:
                pass  # refused before all was sent
            return parse(read_all(client))

    def open_stream(self):
        client = self.connect()
        client.sendall(b"GET /events HTTP/1.1\r\nHost: test\r\n\r\n")
        text = b""
        while b"event: snapshot" not in text:
            piece = client.recv(65536)
            if not piece:
                raise AssertionError(f"no stream: {text}")
            text += piece
        return client, text


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


def read_all(client):
    text = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return text
        if not piece:
            return text
        text += piece


def parse(text):
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        raise AssertionError(f"no HTTP answer: {text[:200]!r}")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return Reply(int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, body)


def request(method, path, body=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *headers]
    data = b""
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data
