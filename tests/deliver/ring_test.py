#!/usr/bin/env python3
"""Rings of real processes with real programs beside them: each message reaches every program, what is told of it is what the programs
said, and a program that is slow, away or worse stands no ring still."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from deliver.programs import Program, RawProgram, drip, pour  # noqa: E402
from support.ring import Ring  # noqa: E402
from support.waiting import eventually  # noqa: E402

BIN = pathlib.Path(os.environ["PODRING_BIN"])


def post(url, body, headers=None, timeout=70):
    """Status and JSON answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def get(url, timeout=70):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return json.load(answer)


class DeliveringRing(Ring):
    """A peer beside each of `programs` (None: that peer delivers to nobody)."""

    def __init__(self, first, programs, *flags):
        self.programs = programs
        super().__init__(BIN, first, len(programs), "--broadcast", "on", *flags)

    def flags_of(self, i):
        program = self.programs[i]
        if program is None:
            return []
        return ["--deliver", "pull"] if program == "pull" else ["--deliver-to", program.url]

    def broadcast(self, i, body, **more):
        return post(self.url(i) + "broadcast", body, **more)

    def app(self, i, path):
        return f"http://{self.addresses[i]}:8082/{path}"

    def stop(self):
        super().stop()
        for program in self.programs:
            if isinstance(program, (Program, RawProgram)):
                program.stop()


def outcomes(answer):
    return {pod["pod"]: pod["outcome"] for pod in answer["pods"]}


class Broadcasts(unittest.TestCase):
    def test_every_program_takes_it_once_and_says_so(self):
        with DeliveringRing(1, [Program(lambda request, i=i: (200, f"v{i}".encode())) for i in range(3)]) as ring:
            status, answer = ring.broadcast(0, {"message": "reload", "key": "r1", "answers": True,
                                                "content_type": "text/plain",
                                                "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
            self.assertEqual(status, 200, answer)
            self.assertEqual({pod["pod"]: pod["answer"] for pod in answer["pods"]},
                             {"pod-1": "v0", "pod-2": "v1", "pod-3": "v2"})
            for program in ring.programs:
                self.assertEqual(len(program.asked), 1)
                asked = program.asked[0]
                self.assertEqual((asked["method"], asked["path"], asked["body"]), ("POST", "/take", b"reload"))
                self.assertEqual(asked["headers"]["ce-subject"], "r1")
                self.assertEqual(asked["headers"]["content-type"], "text/plain")
                self.assertTrue(asked["headers"]["traceparent"].startswith("00-4bf9"))
                self.assertEqual(asked["headers"]["ce-podringorigin"], "pod-1")
            # The same key elsewhere: told again, and nobody is asked again.
            status, answer = ring.broadcast(2, {"message": "reload", "key": "r1"})
            self.assertEqual((status, answer["delivered"]), (200, 3))
            self.assertEqual([len(program.asked) for program in ring.programs], [1, 1, 1])
            # The log tells of each.
            for i in range(3):
                delivered = [line for line in ring.lines(i) if line["event"] == "delivered" and not line.get("known")]
                self.assertEqual(len(delivered), 1)
                self.assertEqual(delivered[0]["status"], 200)

    def test_who_refuses_who_is_away_and_who_has_no_program_is_told(self):
        gone = Program()
        gone.stop()
        with DeliveringRing(5, [Program(), Program(lambda _: (404, b"")), gone, None],
                            "--deliver-timeout-ms", "300") as ring:
            status, answer = ring.broadcast(0, {"message": "x", "timeout_ms": 3000})
            self.assertEqual(status, 504, answer)
            self.assertEqual(outcomes(answer), {"pod-1": "delivered", "pod-2": "refused", "pod-3": "no_program",
                                                "pod-4": "visited"})
            self.assertEqual((answer["delivered"], answer["refused"]), (1, 1))
            self.assertEqual(len(ring.programs[0].asked), 1)
            self.assertEqual(len(ring.programs[1].asked), len(answer["ids"]))  # a no is asked again with each lap

    def test_a_program_that_comes_back_within_the_time_gets_it(self):
        late = Program()
        port = late.port
        late.stop()
        with DeliveringRing(9, [Program(), late, Program()], "--deliver-timeout-ms", "200") as ring:
            began = time.monotonic()
            back = []

            def come_back():
                time.sleep(1.0)
                back.append(Program(port=port))
            threading.Thread(target=come_back).start()
            status, answer = ring.broadcast(0, {"message": "x", "timeout_ms": 20_000})
            self.assertEqual(status, 200, answer)
            self.assertGreater(time.monotonic() - began, 0.9)
            self.assertEqual([len(program.asked) for program in (ring.programs[0], back[0], ring.programs[2])], [1, 1, 1])
            back[0].stop()

    def test_a_request_is_made_where_a_rule_lets_it(self):
        with DeliveringRing(13, [Program(), Program()], "--deliver-allow", "PURGE /news/*", "--deliver-allow",
                            "GET /version") as ring:
            status, answer = ring.broadcast(0, {"request": {"method": "PURGE", "path": "/news/*", "headers": {"X-Tag": "7"}}})
            self.assertEqual(status, 200, answer)
            for program in ring.programs:
                self.assertEqual([(r["method"], r["path"], r["headers"]["x-tag"]) for r in program.asked],
                                 [("PURGE", "/news/*", "7")])
            status, answer = ring.broadcast(0, {"request": {"method": "DELETE", "path": "/news/1"}})
            self.assertEqual((status, answer["refused"]), (502, 2))
            status, answer = ring.broadcast(0, {"request": {"method": "GET", "path": "/a/../version"}})
            self.assertEqual((status, answer["error"]), (400, "bad_request"))

    def test_cloud_events_in_both_modes(self):
        with DeliveringRing(17, [Program(), Program()]) as ring:
            status, answer = post(ring.url(0) + "broadcast", b"\x00\xff", {
                "Content-Type": "application/octet-stream", "ce-specversion": "1.0", "ce-id": "7", "ce-source": "/shop",
                "ce-type": "shop.order"})
            self.assertEqual((status, answer.get("key")), (200, "/shop 7"))
            status, answer = post(ring.url(0) + "broadcast",
                                  {"specversion": "1.0", "id": "8", "source": "/shop", "type": "shop.order", "subject": "s",
                                   "data": {"a": 1}}, {"Content-Type": "application/cloudevents+json"})
            self.assertEqual((status, answer.get("key")), (200, "s"))
            for program in ring.programs:
                first, second = program.asked
                self.assertEqual((first["body"], first["headers"]["ce-id"], first["headers"]["ce-type"]),
                                 (b"\x00\xff", "7", "shop.order"))
                self.assertEqual((json.loads(second["body"]), second["headers"]["ce-id"]), ({"a": 1}, "8"))
            status, answer = post(ring.url(0) + "broadcast", b"x", {"ce-specversion": "1.0", "ce-id": "7"})
            self.assertEqual(status, 400)
            self.assertIn("source", answer["detail"])

    def test_the_front_port_takes_broadcasts_only_when_it_is_told_to(self):
        with DeliveringRing(21, [Program(), Program()], "--broadcast", "off") as ring:
            status, answer = ring.broadcast(0, {"message": "x"})
            self.assertEqual((status, answer["error"]), (403, "broadcast_off"))
            status, answer = post(ring.app(0, "broadcast"), {"message": "x"})
            self.assertEqual(status, 200, answer)


class Pulling(unittest.TestCase):
    def test_a_program_pulls_and_acknowledges(self):
        with DeliveringRing(25, ["pull", "pull"]) as ring:
            status, answer = post(ring.url(0) + "messages", {
                "data_base64": base64.b64encode(b"\xff\x00").decode(), "key": "k", "laps": 1})
            self.assertEqual(status, 202, answer)
            taken = get(ring.app(1, "inbox?wait_ms=5000"))["messages"]
            self.assertEqual([(m["id"], m["data_base64"], m["attempt"]) for m in taken],
                             [(answer["ids"][0], base64.b64encode(b"\xff\x00").decode(), 1)])
            again = get(ring.app(1, "inbox?wait_ms=5000"))["messages"]  # not acknowledged: offered again
            self.assertEqual([(m["id"], m["attempt"]) for m in again], [(answer["ids"][0], 2)])
            said = post(ring.app(1, "inbox/acks"), {"delivered": [answer["ids"][0]], "answers": {answer["ids"][0]: "ok"}})
            self.assertEqual(said, (200, {"acknowledged": 1, "unknown": 0}))
            own = get(ring.app(0, "inbox?wait_ms=5000"))["messages"]
            self.assertEqual(len(own), 1)
            post(ring.app(0, "inbox/acks"), {"refused": [answer["ids"][0]]})
            eventually(lambda: get(ring.url(0) + "messages/" + answer["ids"][0])["state"] == "completed", "it completes")
            shown = get(ring.url(0) + "messages/" + answer["ids"][0])
            self.assertEqual([visit.get("outcome") for visit in shown["journey"]], ["refused", "delivered", "refused"])

    def test_bad_acknowledgements_say_what_to_send(self):
        with DeliveringRing(29, ["pull", "pull"]) as ring:
            for body in ({"delivered": "x"}, {"taken": []}, {"delivered": ["no id"]}, [], {"delivered": [1]}):
                status, answer = post(ring.app(0, "inbox/acks"), body)
                self.assertEqual((status, answer["error"]), (400, "bad_request"), body)

    def test_the_application_port_is_on_loopback_alone(self):
        with DeliveringRing(33, ["pull", "pull"]) as ring:
            sockets = subprocess.run(["ss", "-Hltn", "sport = :8082"], capture_output=True, text=True, check=True).stdout
            ours = [line.split()[3] for line in sockets.splitlines()]
            self.assertTrue(all(address.startswith(("127.", "[::1]")) for address in ours), ours)
            self.assertIn(f"{ring.addresses[0]}:8082", ours)


class Faults(unittest.TestCase):
    def test_killed_between_the_programs_yes_and_the_hand_over_it_is_delivered_elsewhere(self):
        holder = {}

        def yes_then_die(_):
            holder["ring"].processes[1].kill()  # before the answer is on its way
            return 200, b""
        with DeliveringRing(41, [Program(), Program(yes_then_die), Program()]) as ring:
            holder["ring"] = ring
            status, answer = post(ring.url(0) + "messages", {"message": "x", "laps": 1, "wait": "completed",
                                                             "wait_ms": 20_000})
            self.assertEqual(status, 200, answer)
            visits = answer["traces"][0]["journey"]
            self.assertEqual([visit["pod"] for visit in visits], ["pod-1", "pod-3", "pod-1"])
            self.assertEqual(len(ring.programs[2].asked), 1)
            ring.programs[1].behave = lambda _: (200, b"")
            ring.start(1)
            eventually(ring.closed, "the ring closes again")
            status, answer = ring.broadcast(0, {"message": "y", "timeout_ms": 20_000})
            self.assertEqual((status, answer["delivered"]), (200, 3))

    def test_a_program_that_hangs_stands_no_ring_still(self):
        with DeliveringRing(45, [Program(), Program(lambda _: None), Program()], "--deliver-timeout-ms", "500") as ring:
            began = time.monotonic()
            status, answer = post(ring.url(0) + "messages", {"message": "x", "laps": 1, "count": 200, "wait": "safe",
                                                             "wait_ms": 10_000})
            self.assertEqual(status, 202, answer)
            self.assertLess(time.monotonic() - began, 3)  # safe waits for no program
            eventually(lambda: len(ring.programs[2].asked) == 200, "all go on", 60)


            def away():
                post(ring.url(0) + "messages", {"message": "y", "laps": 1, "wait": "accepted"})
                return [line["away"] for line in ring.lines(1) if line["event"] == "program"] == [True]
            eventually(away, "the breaker opens", 30)
            status, answer = ring.broadcast(2, {"message": "z", "timeout_ms": 200})
            self.assertEqual(outcomes(answer), {"pod-1": "delivered", "pod-2": "no_program", "pod-3": "delivered"}, answer)
            failed = [line for line in ring.lines(1) if line["event"] == "delivery_failed"]
            self.assertLessEqual({line["outcome"] for line in failed}, {"timed_out", "no_program"})

    def test_answers_that_drip_or_never_end(self):
        with DeliveringRing(49, [RawProgram(drip), RawProgram(pour), Program()], "--deliver-timeout-ms", "600") as ring:
            status, answer = ring.broadcast(2, {"message": "x", "timeout_ms": 3000})
            self.assertEqual(status, 504, answer)
            self.assertEqual(outcomes(answer), {"pod-1": "timed_out", "pod-2": "delivered", "pod-3": "delivered"})

    def test_the_flags_say_what_is_wrong(self):
        for flags, words in ((["--deliver-to", "http://10.1.1.1/"], "--deliver-to-other-hosts"),
                             (["--deliver-to", "http://127.0.0.1:8080/"], "port of podring itself"),
                             (["--deliver-to", "nothing"], "http"),
                             (["--deliver-to", "http://127.0.0.1:1/", "--deliver", "pull"], "both given"),
                             (["--deliver-allow", "PURGE /*"], "needs --deliver-to"),
                             (["--deliver-to", "http://127.0.0.1:1/", "--deliver-allow", "PURGE"], "PURGE /*")):
            done = subprocess.run([BIN / "podring", "--address", "127.0.0.1", *flags], capture_output=True, text=True,
                                  check=False, timeout=20)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIn(words, done.stderr, flags)


if __name__ == "__main__":
    unittest.main(verbosity=2)
