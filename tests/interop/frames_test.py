#!/usr/bin/python3
"""proto-docs/vectors.json against frames.py, in both directions, as tests/core/vectors_test.cc does it for C++."""

import json
import pathlib
import unittest

import frames
import statuses

VECTORS = json.loads((pathlib.Path(__file__).resolve().parents[2] / "proto-docs" / "vectors.json").read_text("utf-8"))
KINDS = {"hello": frames.HELLO, "relay": frames.RELAY, "ack": frames.ACK, "seed": frames.SEED,
         "seeded": frames.SEEDED, "refuse": frames.REFUSE, "leaving": frames.LEAVING, "ping": frames.PING,
         "pong": frames.PONG, "status": frames.STATUS}


def bytes_of(parts):
    if isinstance(parts, str):
        return bytes.fromhex(parts)
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes.fromhex(part[0]) * part[1]
                    for part in parts)


def value_of(field):
    if isinstance(field, dict) and "repeat" in field:
        return field["repeat"] * field["times"] if isinstance(field["repeat"], str) else [field["repeat"]] * field["times"]
    if isinstance(field, dict):
        return bytes.fromhex(field["hex"]).decode(errors="surrogateescape")
    return field


class Vectors(unittest.TestCase):
    def each(self, section, check):
        self.assertGreater(len(VECTORS[section]), 5)
        for vector in VECTORS[section]:
            with self.subTest(vector["name"]):
                check(vector)

    def test_frames(self):
        def check(vector):
            data = bytes_of(vector["bytes"])
            fields = {name: value_of(field) for name, field in vector["fields"].items()}
            if "envelopes" in fields:
                fields["envelopes"] = [bytes.fromhex(text) for text in fields["envelopes"]]
            if "told" in fields:
                fields["told"] = fields["told"].encode(errors="surrogateescape")
            told = dict(type=KINDS[vector["type"]], version=vector["version"], session=vector["session"], **fields)
            if vector["type"] == "hello":
                told["takes_status"] = vector.get("takes_status", False)
            self.assertEqual(frames.read_frame(data), told)
            if vector["canonical"]:
                items = [frames.address_bytes(item) if name in ("address", "dialled") else item
                         for name, item in fields.items()]
                self.assertEqual(frames.write_frame(told["type"], told["session"], items, told["version"],
                                                    vector.get("takes_status", False)), data)
            with self.assertRaises(frames.BadFrame):
                frames.read_frame(data + b"\0")
            for size in range(0, len(data), 1 if len(data) < 1000 else 997):
                with self.assertRaises(frames.BadFrame):
                    frames.read_frame(data[:size])

        self.each("frames", check)

    def test_invalid_frames(self):
        def check(vector):
            if vector.get("may_be_read"):
                return
            with self.assertRaises(frames.BadFrame, msg=vector["why"]):
                frames.read_frame(bytes_of(vector["bytes"]))

        self.each("invalid_frames", check)

    def test_envelopes(self):
        def check(vector):
            data = bytes_of(vector["bytes"])
            envelope = frames.read_envelope(data)
            fields = {name: value_of(field) for name, field in vector["fields"].items()}
            self.assertEqual({name: envelope[name] for name in fields}, fields)
            self.assertEqual(envelope["trace_count"], vector["trace_count"])
            if "trace" in vector:
                self.assertEqual(frames.trace_of(envelope), vector["trace"])
            if vector["canonical"]:
                self.assertEqual(frames.write_envelope(envelope), data)

        self.each("envelopes", check)

    def test_invalid_envelopes(self):
        def check(vector):
            with self.assertRaises(frames.BadFrame, msg=vector["why"]):
                frames.read_envelope(bytes_of(vector["bytes"]))

        self.each("invalid_envelopes", check)

    def test_statuses(self):
        def check(vector):
            data = bytes_of(vector["bytes"])
            entry = {name: value_of(field) for name, field in vector["fields"].items()}
            self.assertEqual(statuses.read_statuses(data), [entry])
            self.assertEqual(statuses.read_statuses(data * 3), [entry] * 3)
            self.assertEqual(statuses.write_status(entry), data)
            for size in range(1, len(data)):
                with self.assertRaises(frames.BadFrame):
                    statuses.read_statuses(data + data[:size])

        self.each("statuses", check)

    def test_hand_overs(self):
        def check(vector):
            envelope = frames.read_envelope(bytes_of(vector["received"]))
            envelope.update(hop=vector["hop"], lap=vector["lap"], time_left_ms=vector["time_left_ms"])
            entry = (vector["pod"], vector["arrived"]) if "pod" in vector else None
            self.assertEqual(frames.write_envelope(envelope, entry), bytes_of(vector["sent"]))

        self.each("hand_overs", check)

    def test_places_and_laps(self):
        for place in VECTORS["places"]:
            self.assertEqual(frames.place_of(place["boot"], place["node"], 0), place["peers"])
            self.assertEqual(frames.place_of(place["boot"], place["node"], 1), place["nodes"])
        for x, y, origin, passed in VECTORS["laps"]:
            self.assertEqual(frames.passes(x, y, origin), passed, (x, y, origin))


if __name__ == "__main__":
    unittest.main(verbosity=2)
