"""Programs beside pods, for tests: they answer as they are told and remember what they were asked."""
import http.server
import socket
import threading
import time


class Program:
    """A program at a port of 127.0.0.1. `behave(request)` says what to answer: (status, body); None: nothing, for ever."""

    def __init__(self, behave=lambda request: (200, b""), port=0):
        self.behave = behave
        self.asked = []
        self.over = threading.Event()
        program = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = {"method": self.command, "path": self.path, "body": body,
                           "headers": {name.lower(): value for name, value in self.headers.items()}}
                program.asked.append(request)
                said = program.behave(request)
                if said is None:
                    program.over.wait()
                    return
                status, text = said
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass  # the peer has given up

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a peer that was killed

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/take"

    def ids(self):
        return [request["headers"].get("ce-podringid") for request in self.asked]

    def stop(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class RawProgram:
    """Accepts connections and does with each what `serve(socket, over)` says."""

    def __init__(self, serve):
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/take"

        def accept():
            while not self.over.is_set():
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection, self.over), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def stop(self):
        self.over.set()
        self.listener.close()


def drip(connection, over):
    """A slow loris: a byte of the answer's head each 100 ms."""
    with connection:
        connection.recv(65536)
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000:
                if over.is_set():
                    return
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass


def pour(connection, over):
    """A yes with a body that never ends."""
    with connection:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not over.is_set():
                connection.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        except OSError:
            pass
