#!/usr/bin/env python3
"""Real caches behind podring: one request purges Varnish, or refreshes nginx, in every pod, and a cache that is stopped is told."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from deliver.programs import Program  # noqa: E402
from deliver.ring_test import DeliveringRing, outcomes  # noqa: E402
from support.waiting import eventually  # noqa: E402

VCL = """vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "%d"; }
sub vcl_recv {
  if (req.method == "PURGE") { return (purge); }
}
"""
NGINX = """daemon off; error_log %(folder)s/error.log; pid %(folder)s/pid;
events {}
http {
  access_log off;
  proxy_cache_path %(folder)s/cache keys_zone=c:1m;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fcgi;
  uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://127.0.0.1:%(origin)d; proxy_cache c; proxy_cache_valid 200 1h; proxy_cache_key $uri;
      proxy_cache_bypass $http_x_refresh;  # nginx without its purge module: fetched anew, and kept
    }
  }
}
"""


def free_port():
    program = Program()
    program.stop()
    return program.port


class Cache:
    """A cache of the program `origin`, at a port of its own."""

    def __init__(self, kind, origin):
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        conf = pathlib.Path(self.folder.name) / "conf"
        if kind == "varnish":
            conf.write_text(VCL % origin.port, encoding="utf-8")
            command = ["varnishd", "-F", "-a", f"127.0.0.1:{self.port}", "-f", conf, "-n", f"{self.folder.name}/n", "-s",
                       "malloc,16m", "-j", "none"]
        else:
            conf.write_text(NGINX % {"folder": self.folder.name, "port": self.port, "origin": origin.port}, encoding="utf-8")
            command = ["nginx", "-c", conf]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: self.get("/alive"), f"{kind} answers")

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path.lstrip("/"), timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Caches(unittest.TestCase):
    def one_kind(self, first, kind, request):
        version = [b"old"]
        origin = Program(lambda _: (200, version[0]))
        caches = [Cache(kind, origin) for _ in range(3)]
        try:
            with DeliveringRing(first, caches, "--deliver-allow", "PURGE /*", "--deliver-allow", "GET /news", "--deliver-timeout-ms", "500") as ring:
                self.assertEqual([cache.get("/news") for cache in caches], [b"old"] * 3)
                version[0] = b"new"
                self.assertEqual([cache.get("/news") for cache in caches], [b"old"] * 3)  # they do cache
                status, answer = ring.broadcast(0, {"request": request})
                self.assertEqual((status, answer["delivered"]), (200, 3), answer)
                self.assertEqual([cache.get("/news") for cache in caches], [b"new"] * 3)
                caches[2].process.terminate()
                caches[2].process.wait()
                for cache in caches[:2]:
                    cache.get("/news")
                status, answer = ring.broadcast(0, {"request": request, "timeout_ms": 2500})
                self.assertEqual(status, 504, answer)
                self.assertEqual(outcomes(answer), {"pod-1": "delivered", "pod-2": "delivered", "pod-3": "no_program"})
        finally:
            for cache in caches:
                cache.stop()
            origin.stop()

    @unittest.skipUnless(shutil.which("varnishd"), "varnish is not installed")
    def test_varnish(self):
        self.one_kind(61, "varnish", {"method": "PURGE", "path": "/news"})

    @unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
    def test_nginx(self):
        self.one_kind(65, "nginx", {"method": "GET", "path": "/news", "headers": {"X-Refresh": "1"}})


if __name__ == "__main__":
    if not shutil.which("varnishd") and not shutil.which("nginx"):
        print("skipped: neither varnish nor nginx is installed")
        sys.exit(77)
    unittest.main(verbosity=2)
