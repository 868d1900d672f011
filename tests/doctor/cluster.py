"""Pods without Kubernetes: peers in namespaces on a bridge, and the name server that lists them."""
import json
import pathlib
import socket
import struct
import subprocess
import time
import urllib.request

from support.network import HUB, HUB_6, SERVICE, NameServer, Port, add_ipv6, run
from support.waiting import eventually

WITHIN = 30  # seconds for anything that is awaited; the machine may be busy


def address_of(number):
    return f"10.77.0.{number}"


def count_records(hub, type_):
    """How many records of this type the name server has."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in SERVICE.split("."))
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00" + struct.pack(">HH", type_, 1)
    with socket.create_connection((hub, 53), timeout=WITHIN) as server:
        server.sendall(struct.pack(">H", len(question)) + question)
        answer = b""
        while len(answer) < 10:
            answer += server.recv(65536)
    return struct.unpack(">H", answer[8:10])[0]


class Cluster:
    def __init__(self, podring, folder, ipv6=False):
        self.podring, self.folder = podring, pathlib.Path(folder)
        self.ports, self.peers = {}, {}
        self.ipv6, self.hub = ipv6, HUB_6 if ipv6 else HUB
        if ipv6:
            add_ipv6()
        self.names = NameServer(self.folder, self.hub)

    def close(self):
        for process in self.peers.values():
            process.kill()
            process.wait()
        self.names.stop()
        for port in self.ports.values():
            port.remove()
        run("ip", "neighbour", "flush", "all")  # the next cluster has the same addresses

    def address(self, number):
        return f"fd00:77::{number:x}" if self.ipv6 else address_of(number)

    def pod(self, number):
        self.ports[number] = Port(self.address(number))

    def inside(self, number, *command):
        return self.ports[number].inside(*command)

    def start(self, number, *flags, program=None, before=()):
        with open(self.folder / f"{number}.log", "wb") as log:
            self.peers[number] = subprocess.Popen(
                self.inside(number, *before, program or self.podring, "--name", f"pod-{number}", "--address", self.address(number),
                            "--service", SERVICE, "--dns-server", self.hub, "--poll-ms", "200", "--seed-on-start", "0", "--insecure", *flags),
                stdout=log, stderr=log)

    def stop(self, number):
        process = self.peers.pop(number)
        process.kill()
        process.wait()

    def serve(self, *numbers, more=()):
        """The name's addresses; known when it returns."""
        addresses = [*map(self.address, numbers), *more]
        self.names.serve(addresses)
        # Of more than 4,093 records it says 4,093: that is all that 64 KiB hold.
        count = min(4093, sum((":" in address) == self.ipv6 for address in addresses))
        eventually(lambda: count_records(self.hub, 28 if self.ipv6 else 1) == count, f"{count} records of the name server")

    def fetch(self, number, port, path):
        try:
            host = f"[{self.address(number)}]" if self.ipv6 else self.address(number)
            with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            return {}

    def peer(self, number, to):
        """What one pod says of another."""
        peers = self.fetch(number, 8080, "/ring").get("peers", [])
        return next((peer for peer in peers if peer["address"] == self.address(to)), {})

    def state(self, number, to):
        return self.peer(number, to).get("state")

    def lane(self, number, to):
        """Of the UDP lane from one to the other."""
        return (self.peer(number, to).get("udp_to") or {}).get("state")

    def filter(self, number, way, rule):
        """A rule of nft for what goes `in` or `out` at a pod; Port.heal() ends it."""
        run(*self.inside(number, "nft", f"add table inet doctor; add chain inet doctor {way} {{ type filter hook {way}put priority 0; }}; "
                         f"add rule inet doctor {way} {rule}"))
