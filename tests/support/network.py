"""A network of its own: a bridge, a namespace for every pod, packet filters, and a name server.

All of it lives in namespaces that enter() makes. They go when the command ends, however it ends, and so do all its
processes: there is nothing to clean up, and runs beside each other do not meet.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HUB, HUB_6 = "10.77.255.254", "fd00:77::ffff"  # the bridge: clients and the name server are here
SERVICE = "ring.faults.test"
TOOLS = {"unshare": "util-linux", "ip": "iproute2", "tc": "iproute2", "nft": "nftables", "dnsmasq": "dnsmasq-base"}  # command: Debian package
IN_NAMESPACES = "--in-namespaces"
SKIPPED = 77
# Any name's address; the answer is REFUSED, which is an answer.
QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x04test\x00\x00\x01\x00\x01"


class Trouble(Exception):
    """Something that a check needs did not happen; the text says what."""


def run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def enter():
    """Starts this program again inside; the second time, makes the bridge. Exit code 77, with the reason, where that is not possible."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # which a user's PATH may lack
    missing = sorted(TOOLS[tool] for tool in TOOLS if not shutil.which(tool))
    if missing:
        skip("these Debian packages are missing: " + ", ".join(missing))
    if IN_NAMESPACES in sys.argv:
        sys.argv.remove(IN_NAMESPACES)
        try:
            make_bridge()
        except Trouble as trouble:
            skip(f"this kernel or container does not allow it: {trouble}")
        return
    inside = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        inside.append("--map-root-user")
    probe = subprocess.run([*inside, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        skip("needs root, or the right to make namespaces: " + probe.stderr.strip())
    os.execvp(inside[0], [*inside, sys.executable, "-B", *sys.argv, IN_NAMESPACES])


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def make_bridge():
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "faults", "/run/netns")  # the names that `ip netns` gives are seen in here alone
    run("ip", "link", "set", "lo", "up")
    # Of its own: without one it takes the lowest of its ports', and the pods lose it for half a minute when that changes.
    run("ip", "link", "add", "hub", "address", "02:00:00:00:00:01", "type", "bridge")
    run("ip", "addr", "add", f"{HUB}/16", "dev", "hub")
    run("ip", "link", "set", "hub", "up")


def add_ipv6():
    """The hub has an address of IPv6 as well. Trouble, with the reason, where there is none."""
    if HUB_6 not in run("ip", "-6", "addr", "show", "dev", "hub"):
        run("ip", *address_words(HUB_6, "hub"))


def address_words(address, device):
    """Of `ip`. Nobody looks for a double of an IPv6 address first: it would not be usable for a second."""
    return "addr", "add", *((f"{address}/64", "nodad") if ":" in address else (f"{address}/16",)), "dev", device


class Port:
    """A pod's own namespace: an address on the bridge, and a packet filter."""

    made = 0

    def __init__(self, address):
        Port.made += 1
        self.address, self.name, self.removed = address, f"pod{Port.made}", False
        self.doubles = self.reorders = False
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.name, "master", "hub", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "link", "set", self.name, "up")
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, *address_words(address, "eth0"))
        run("ip", "-n", self.name, "link", "set", "eth0", "up")

    def inside(self, *words):
        """The command line that runs this one in here, as the same process."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def drop(self, *rules):
        """Drops packets. A rule is `in` or `out` and a condition, in the words of nft."""
        chains = "".join(f"add chain inet faults {way} {{ type filter hook {way}put priority 0; }}; " for way in ("in", "out"))
        rules = "; ".join(f"add rule inet faults {rule} drop" for rule in rules)
        run(*self.inside("nft", f"add table inet faults; {chains}{rules}"))

    def double(self, percent, ports):
        """Of the UDP packets from here to those ports so many come twice."""
        rules = "; ".join(f"add rule netdev {self.name} out ip protocol udp ip daddr {port.address} numgen random mod 100 < {percent} "
                          f"dup to {port.name}" for port in ports)
        run("nft", f"add table netdev {self.name}; "
                   f"add chain netdev {self.name} out {{ type filter hook ingress device {self.name} priority 0; }}; {rules}")
        self.doubles = True

    def reorder(self, percent, rate="4mbit"):
        """Of the UDP packets from here so many stand in a queue of this rate, and are overtaken by the others."""
        tc = ("tc", "-n", self.name)
        run(*tc, "qdisc", "add", "dev", "eth0", "root", "handle", "1:", "htb", "default", "10")
        run(*tc, "class", "add", "dev", "eth0", "parent", "1:", "classid", "1:10", "htb", "rate", "10gbit", "quantum", "60000")
        run(*tc, "class", "add", "dev", "eth0", "parent", "1:", "classid", "1:20", "htb", "rate", rate, "burst", "1500", "quantum", "1500")
        run(*self.inside("nft", "add table ip faults; add chain ip faults late { type route hook output priority 0; }; add rule ip faults "
                                f"late ip protocol udp numgen random mod 100 < {percent} meta priority set 1:20"))
        self.reorders = True

    def set_mtu(self, bytes_):
        """Of both ends of this hop. What is larger is dropped, and nobody is told."""
        run("ip", "link", "set", self.name, "mtu", bytes_)
        run("ip", "-n", self.name, "link", "set", "eth0", "mtu", bytes_)

    def heal(self):
        """Ends all of the above but the MTU."""
        run(*self.inside("nft", "flush ruleset"))
        if self.doubles:
            run("nft", f"delete table netdev {self.name}")
        if self.reorders:
            run("tc", "-n", self.name, "qdisc", "del", "dev", "eth0", "root")
        self.doubles = self.reorders = False

    def remove(self):
        """Its address is free again, for a pod to come. It may be called twice."""
        if not self.removed:
            self.removed = True
            run("ip", "netns", "del", self.name)


class NameServer:
    """dnsmasq, which knows one name. It answers at the hub's address, or the one of IPv6 (add_ipv6())."""

    def __init__(self, folder, at=HUB):
        self.at = at
        self.hosts = folder / "hosts"
        self.hosts.write_text("")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
             "--bind-interfaces", f"--listen-address={self.at}", f"--addn-hosts={self.hosts}", f"--local=/{SERVICE}/", "--local-ttl=5",
             "--edns-packet-max=1232", "--log-facility=/dev/null"], stdin=subprocess.DEVNULL)
        with socket.socket(socket.AF_INET6 if ":" in self.at else socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.1)
            for _ in range(100):
                try:
                    client.sendto(QUESTION, (self.at, 53))
                    client.recv(512)
                    return
                except OSError:
                    time.sleep(0.02)
        raise Trouble("dnsmasq does not answer")

    def serve(self, addresses):
        new = self.hosts.with_suffix(".new")
        new.write_text("".join(f"{address} {SERVICE}\n" for address in addresses))
        new.replace(self.hosts)
        self.signal(signal.SIGHUP)

    def signal(self, number):
        if self.process:
            self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
