#!/usr/bin/env python3
"""`podring doctor`: each mistake is made for real, and found; a ring without one is left in peace.

    doctor_test.py PODRING PODRING_2 PODRING_3

The others are podring, built as later releases that speak protocol 1 and 2, and 2 and 3. Needs network namespaces (root, or users
that may make them), nft, ip and dnsmasq; exit code 77 without.
"""
import glob
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from doctor.cluster import Cluster, address_of  # noqa: E402
from support import network  # noqa: E402
from support.network import SERVICE, run  # noqa: E402
from support.waiting import eventually  # noqa: E402

DOCTOR, ABSENT = 9, 4  # numbers of pods: where the doctor runs, and one in which nothing runs
RING = (1, 2, 3)
NOT_THERE = 200
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
NO_SUCH = f"no-such.{SERVICE}"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PODRING_") and name != "NO_COLOR"}
ACCEPTS_ALL = """
import socket
proxy = socket.create_server(("0.0.0.0", 15001))
print("up", flush=True)
kept = []
while True:
    kept.append(proxy.accept())
"""


TAKES_THE_PORT = """
import os, socket, sys
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken.bind(("0.0.0.0", 5570))
taken.set_inheritable(True)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class DoctorCase(unittest.TestCase):
    FLAGS = ()  # of the ring's pods, and of the doctor
    IPV6 = False
    guests = 0

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="podring-doctor-")
        cls.addClassCleanup(folder.cleanup)
        cls.pods = Cluster(PODRING, folder.name, cls.IPV6)
        cls.addClassCleanup(cls.pods.close)
        for number in (*RING, ABSENT, DOCTOR):
            cls.pods.pod(number)
        cls.pods.serve(*RING)
        for number in RING:
            cls.pods.start(number, *cls.FLAGS)
        cls.await_ring()

    @classmethod
    def await_ring(cls):
        for number, successor in zip(RING, (*RING[1:], RING[0])):
            eventually(lambda: cls.pods.state(number, successor) == "up", f"the link from {number} to {successor}")
            if "zmq" not in cls.FLAGS:
                eventually(lambda: cls.pods.lane(number, successor) == "open", f"datagrams from {number} to {successor}")

    def command(self, *flags, at=DOCTOR, name=SERVICE):
        return self.pods.inside(at, PODRING, "doctor", "--service", name, "--ring", SERVICE, "--dns-server", self.pods.hub,
                                "--address", self.pods.address(at), *self.FLAGS, *flags)

    def look(self, *flags, code=1, environment=None, **where):
        """{id: finding}"""
        done = subprocess.run(self.command("--json", *flags, **where), capture_output=True, text=True, timeout=60,
                              env={**ENVIRONMENT, **(environment or {})})
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        for finding in report["findings"]:
            self.assertTrue(all(finding[key] for key in ("seen", "means", "change")), finding)
        return {finding["id"]: finding for finding in report["findings"]}

    def found_alone(self, id, *flags, **where):
        found = self.look(*flags, **where)
        self.assertEqual([id], list(found), found)
        return found[id]["seen"]

    def guest(self, *flags, also=None, mtu=None, rule=None, **how):
        """One more pod, listed, that makes the mistake. Each has an address of its own: the others know the last one for a while."""
        type(self).guests += 1
        number = self.last_guest()
        self.pods.pod(number)
        if mtu:
            self.pods.ports[number].set_mtu(mtu)
        if rule:
            self.pods.filter(number, "in", rule)
        if also:
            run(*self.pods.inside(number, "ip", *network.address_words(address_of(also), "eth0")))
        self.pods.start(number, *flags, **how)
        self.addCleanup(self.leave, number)
        eventually(lambda: self.pods.fetch(number, 8081, "/healthz"), "the guest runs")
        self.list(*RING, also or number)
        return self.pods.address(number)

    def await_guest(self):
        """Until the ring has tried a guest that it cannot hear."""
        eventually(lambda: self.pods.state(3, self.last_guest()) not in (None, "up"), "the ring knows the guest")

    def last_guest(self):
        return 20 + type(self).guests

    def leave(self, number):
        self.pods.serve(*RING)
        self.pods.stop(number)
        self.await_ring()

    def list(self, *numbers, more=()):
        self.pods.serve(*numbers, more=more)
        self.addCleanup(self.pods.serve, *RING)

    def filter(self, number, way, rule):
        self.pods.filter(number, way, rule)
        self.addCleanup(self.pods.ports[number].heal)

    def block(self, to, *, rule="udp dport 5570", of):
        """What one pod sends to another is dropped, where such datagrams come in, until its lane has failed."""
        self.addCleanup(self.await_ring)
        self.filter(to, "in", f"{'ip6' if self.IPV6 else 'ip'} saddr {self.pods.address(of)} {rule} drop")
        eventually(lambda: self.pods.lane(of, to) == "failed", f"the lane from {of} to {to} fails")


class Doctor(DoctorCase):
    def test_a_ring_without_a_mistake(self):
        self.assertEqual({}, self.look(code=0))
        self.assertEqual({}, self.look(code=0, at=RING[0]))

    def test_the_name_does_not_resolve(self):
        self.assertIn(NO_SUCH, self.found_alone("name_empty", name=NO_SUCH))

    def test_tcp_to_the_name_server_is_blocked(self):
        self.filter(DOCTOR, "in", "tcp sport 53 drop")
        self.found_alone("dns_tcp_blocked")

    def test_udp_to_the_name_server_is_blocked(self):
        self.filter(DOCTOR, "in", "udp sport 53 drop")
        self.found_alone("dns_udp_blocked")

    def test_the_name_server_is_silent(self):
        self.found_alone("dns_no_answer", "--dns-server", address_of(NOT_THERE))

    def test_more_pods_than_an_answer_holds(self):
        # SERVICE must not be 14 bytes long: then dnsmasq 2.89 would make an answer of 65,536 bytes, one too many for TCP.
        self.list(more=[f"10.78.{n >> 8}.{n & 255}" for n in range(1, 4300)])
        self.found_alone("answer_too_large")

    def test_both_families(self):
        self.list(*RING, more=["fd00:77::1"])
        self.assertIn("fd00:77::1", self.found_alone("mixed_families"))

    def test_a_pod_that_is_not_listed(self):
        self.list(1, 3)
        self.assertIn(address_of(2), self.found_alone("own_address_missing", at=2))

    def test_a_listed_pod_that_is_not_ready(self):
        self.guest("--dns-server", address_of(NOT_THERE), "--ring", SERVICE)
        self.assertIn("503", self.found_alone("not_ready_listed"))

    def test_a_listed_pod_in_which_nothing_listens(self):
        self.list(*RING, ABSENT)
        self.assertIn(address_of(ABSENT), self.found_alone("nobody_listens"))

    def test_a_fixed_list_is_advised_without_kubernetes(self):
        done = subprocess.run([PODRING, "doctor", "--json", "--address", "127.0.0.1", "--peers", "127.0.0.1,127.77.0.9"],
                              capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
        change = {finding["id"]: finding["change"] for finding in json.loads(done.stdout)["findings"]}["nobody_listens"]
        self.assertIn("--peers", change)
        self.assertNotIn("Service", change)

    def test_a_listed_pod_that_is_gone(self):
        self.list(*RING, NOT_THERE)
        self.assertIn(address_of(NOT_THERE), self.found_alone("peer_unreachable"))

    def test_the_ring_s_port_is_blocked(self):
        self.filter(2, "in", f"ip saddr {address_of(DOCTOR)} tcp dport 5570 drop")
        self.assertIn(address_of(2), self.found_alone("ring_port_blocked"))

    def test_the_ring_s_port_is_closed_by_a_reset(self):
        self.filter(2, "in", f"ip saddr {address_of(DOCTOR)} tcp dport 5570 reject with tcp reset")
        self.assertIn("refused", self.found_alone("ring_port_blocked"))

    def test_udp_between_two_pods_is_blocked_one_way_while_tcp_flows(self):
        self.block(2, of=1)
        for at in (DOCTOR, 1, 2):  # from outside, and from either end of the link
            with self.subTest(at=at):
                self.assertIn(f"from {address_of(1)} to {address_of(2)}:", self.found_alone("udp_blocked", at=at))

    def test_udp_is_blocked_the_other_way(self):
        # The acks of the second pod do not reach the first one.
        self.addCleanup(self.await_ring)
        self.filter(1, "in", f"ip saddr {address_of(2)} udp dport 5570 drop")
        eventually(lambda: self.pods.lane(1, 2) == "failed", "the first pod's lane fails")
        self.assertIn(f"from {address_of(1)} to {address_of(2)}:", self.found_alone("udp_blocked"))

    def test_udp_to_a_pod_is_blocked_from_the_beginning(self):
        guest = self.guest(rule="udp dport 5570 drop")
        eventually(lambda: self.pods.state(3, self.last_guest()) == "up", "the guest is in the ring")
        seen = self.found_alone("udp_blocked")
        self.assertIn(f"{address_of(3)} to {guest}", seen)
        self.assertIn(f"{guest} to {address_of(1)}", seen)

    def test_the_doctor_s_own_flag_does_not_say_who_reads_datagrams(self):
        # Nor does the admin port have to be open.
        self.filter(DOCTOR, "out", "tcp dport 8081 reject with tcp reset")
        self.assertEqual({}, self.look("--lanes", "zmq", code=0))

    def test_something_else_has_a_pod_s_udp_port(self):
        guest = self.guest(before=(sys.executable, "-c", TAKES_THE_PORT))
        self.assertIn(guest, self.found_alone("udp_port_taken"))
        self.assertIn(guest, self.found_alone("udp_port_taken", at=self.last_guest()))

    def test_a_pod_with_a_ring_key_among_others(self):
        guest = self.guest("--ring-key-file", key_file("b"))
        self.await_guest()
        seen = self.found_alone("ring_keys_differ")
        self.assertRegex(seen, f"no ring key: {address_of(1)}.*; ring key [0-9a-f]{{16}}: {guest}|"
                               f"ring key [0-9a-f]{{16}}: {guest}; no ring key: {address_of(1)}")

    def test_the_way_between_two_pods_swallows_full_datagrams(self):
        self.block(1, of=3, rule="udp dport 5570 udp length > 1000")
        self.assertIn(f"{address_of(3)} to {address_of(1)}", self.found_alone("udp_blocked"))

    def test_udp_to_a_pod_that_reads_none_is_blocked(self):
        guest = self.guest("--lanes", "zmq")
        self.filter(self.last_guest(), "in", "udp dport 5570 drop")
        seen = self.found_alone("udp_blocked")
        self.assertIn(guest, seen)
        self.assertIn("no sign", seen)

    def test_udp_is_rejected_while_tcp_flows(self):
        # Said by another host than the peer; here it is the doctor's own.
        self.filter(DOCTOR, "out", "udp dport 5570 reject")
        self.assertIn("rejected", self.found_alone("udp_blocked"))

    def test_a_pod_without_datagrams_among_others_is_no_mistake(self):
        self.guest("--lanes", "zmq")
        self.assertEqual({}, self.look(code=0))

    def test_the_way_swallows_full_datagrams(self):
        guest = self.guest("--lanes", "zmq")
        self.filter(self.last_guest(), "in", "udp dport 5570 udp length > 1000 drop")
        self.assertIn(guest, self.found_alone("mtu_small"))

    def test_the_mtu_is_too_small(self):
        set_mtu = self.pods.inside(DOCTOR, "ip", "link", "set", "eth0", "mtu")
        self.addCleanup(run, *set_mtu, 1500)
        run(*set_mtu, 1000)
        self.assertIn("1000 bytes", self.found_alone("mtu_small"))

    def test_the_mtu_of_a_pod_is_too_small(self):
        guest = self.guest(mtu=1000)
        eventually(lambda: self.pods.state(3, self.last_guest()) == "up", "the guest is in the ring")
        seen = self.found_alone("mtu_small")
        self.assertIn(f"{address_of(3)} to {guest}", seen)
        self.assertIn(f"{guest} to {address_of(1)}", seen)

    def test_an_mtu_that_datagrams_just_fit(self):
        guest = self.guest(mtu=1228)
        eventually(lambda: self.pods.lane(3, self.last_guest()) == "open", f"datagrams to {guest}")
        self.assertEqual({}, self.look(code=0))

    def test_the_ring_s_port_is_blocked_one_way(self):
        self.addCleanup(self.await_ring)
        self.filter(2, "in", f"ip saddr {address_of(1)} tcp dport 5570 drop")
        eventually(lambda: self.pods.state(1, 2) == "suspected", "the first pod suspects the second")
        self.assertIn(f"{address_of(1)} to {address_of(2)}", self.found_alone("blocked_one_way"))

    def test_a_proxy_takes_every_connection(self):
        proxy = subprocess.Popen(self.pods.inside(DOCTOR, sys.executable, "-c", ACCEPTS_ALL), stdout=subprocess.PIPE)
        self.addCleanup(lambda: (proxy.kill(), proxy.wait(), proxy.stdout.close()))
        proxy.stdout.readline()
        run(*self.pods.inside(DOCTOR, "nft", "add table ip mesh; add chain ip mesh out { type nat hook output priority -100; }; "
                              "add rule ip mesh out tcp dport != 53 redirect to :15001"))
        self.addCleanup(self.pods.ports[DOCTOR].heal)
        self.found_alone("service_mesh")

    def test_something_else_listens_at_the_port(self):
        self.assertIn("does not answer hello", self.found_alone("no_hello", "--port", "8080", "--http-port", "5570"))

    def test_a_second_ring_under_the_same_name(self):
        self.guest("--ring", "another")
        self.assertIn("another", self.found_alone("two_rings"))

    def test_a_pod_that_says_another_address(self):
        guest = self.guest(also=NOT_THERE + 1)
        self.assertIn(f"this is {guest}", self.found_alone("wrong_address"))

    def test_a_later_release(self):
        self.guest(program=PODRING_2)
        self.assertIn("protocol 2 0.2.0", self.found_alone("version_skew"))

    def test_a_release_that_is_too_far_away(self):
        guest = self.guest(program=PODRING_3)
        seen = self.found_alone("version_skew")
        self.assertIn(guest, seen)
        self.assertIn("versions 2 to 3", seen)

    @unittest.skipUnless(FAKETIME, "faketime is not installed")
    def test_a_clock_is_far_off(self):
        # Only the time of day: the monotonic clock of a real machine with this mistake is right.
        # AddressSanitizer would rather be the first library; faketime comes before whatever is linked.
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.guest(before=("env", f"LD_PRELOAD={FAKETIME[0]}", "FAKETIME=+1h", "FAKETIME_DONT_FAKE_MONOTONIC=1",
                           f"ASAN_OPTIONS={asan}"))
        self.assertIn("ahead", self.found_alone("clock_off"))

    def test_variables_of_service_links(self):
        seen = self.found_alone("service_links", environment={"PODRING_PORT": "tcp://10.96.0.1:5570"})
        self.assertIn("PODRING_PORT", seen)

    def test_a_variable_that_is_a_slip(self):
        self.assertIn("PODRING_COPYS", self.found_alone("configuration", environment={"PODRING_COPYS": "3"}))

    def test_wrong_flags(self):
        done = subprocess.run([PODRING, "doctor", "--jsonn"], capture_output=True, text=True)
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertIn("--jsonn", done.stderr)

    def test_text_has_colour_on_a_terminal_alone(self):
        command = self.command(name=NO_SUCH)
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
        self.assertIn("name_empty\n  seen    ", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            reader, writer = pty.openpty()
            subprocess.run(command, stdout=writer, env={**ENVIRONMENT, "TERM": "xterm", **extra})
            os.close(writer)
            said = os.read(reader, 65536)
            os.close(reader)
            self.assertTrue(all(len(re.sub(rb"\x1b\[[0-9;]*m", b"", row)) <= 80 for row in said.splitlines()), said)
            self.assertEqual(coloured, b"\x1b[31mname_empty" in said, said)


class DoctorOfASealedRing(DoctorCase):
    """Every pod must have datagrams, and seals them."""

    @classmethod
    def setUpClass(cls):
        cls.FLAGS = ("--lanes", "udp", "--ring-key-file", key_file("a"))
        super().setUpClass()

    def test_a_ring_without_a_mistake(self):
        self.assertEqual({}, self.look(code=0))
        self.assertEqual({}, self.look(code=0, at=RING[0]))

    def test_udp_between_two_pods_is_blocked_one_way_while_tcp_flows(self):
        self.block(3, of=2)
        self.assertIn(f"from {address_of(2)} to {address_of(3)}:", self.found_alone("udp_blocked"))
        self.assertIn(f"from {address_of(2)} to {address_of(3)}:", self.found_alone("udp_blocked", at=2))

    def test_a_pod_with_another_ring_key(self):
        guest = self.guest(*self.FLAGS[:2], "--ring-key-file", key_file("b"))
        self.await_guest()
        self.assertIn(guest, self.found_alone("ring_keys_differ"))
        self.assertIn(guest, self.found_alone("ring_keys_differ", "--ring-key-file", key_file("b"), at=self.last_guest()))


class DoctorOfARingWithoutDatagrams(DoctorCase):
    FLAGS = ("--lanes", "zmq")

    def test_udp_blocked_or_not(self):
        self.assertEqual({}, self.look(code=0))
        self.assertEqual({}, self.look(code=0, at=RING[0]))
        self.filter(2, "in", "udp dport 5570 drop")
        self.assertIn(address_of(2), self.found_alone("udp_blocked"))

    def test_a_pod_with_datagrams_among_others_is_no_mistake(self):
        self.guest("--lanes", "udp")
        self.assertEqual({}, self.look(code=0))


class DoctorOfAnIPv6Ring(DoctorCase):
    IPV6 = True

    def test_a_ring_without_a_mistake(self):
        self.assertEqual({}, self.look(code=0))
        self.assertEqual({}, self.look(code=0, at=RING[0]))

    def test_udp_between_two_pods_is_blocked_one_way_while_tcp_flows(self):
        self.block(2, of=1)
        self.assertIn("from fd00:77::1 to fd00:77::2:", self.found_alone("udp_blocked"))

    def test_an_mtu_that_ipv6_just_carries(self):
        guest = self.guest(mtu=1280)
        eventually(lambda: self.pods.lane(3, self.last_guest()) == "open", f"datagrams to {guest}")
        self.assertEqual({}, self.look(code=0))


def key_file(digit):
    """The path of a file with a ring key of this digit."""
    path = pathlib.Path(tempfile.gettempdir()) / f"podring-doctor-key-{os.getpid()}-{digit}"
    path.write_text(64 * digit)
    path.chmod(0o600)
    unittest.addModuleCleanup(path.unlink, missing_ok=True)
    return path


if __name__ == "__main__":
    network.enter()
    PODRING, PODRING_2, PODRING_3 = map(os.path.abspath, sys.argv[1:4])
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
