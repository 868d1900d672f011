#!/usr/bin/python3
"""Writes proto-docs/vectors.json: the frames of proto-docs/wire-protocol.md as fields and bytes.

Made from the documents alone with python3-msgpack and python3-cryptography, so that a mistake of the C++ codec cannot hide in
its own tests: tests/core/vectors_test.cc and tests/interop/frames_test.py read the file.

    make_vectors.py            writes proto-docs/vectors.json
    make_vectors.py --check    fails when the file is not what this program would write
"""

import hashlib
import json
import pathlib
import struct
import sys

import msgpack
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MAGIC = 0x706F6472
U32 = 2**32 - 1
U64 = 2**64 - 1
HELLO, RELAY, ACK, SEED, SEEDED, REFUSE, LEAVING, PING, PONG, STATUS = range(1, 11)
TYPES = ["", "hello", "relay", "ack", "seed", "seeded", "refuse", "leaving", "ping", "pong", "status"]
FIELDS = {
    "hello": ["answer", "version_min", "version_max", "role", "ring", "pod", "uid", "node", "address",
              "dialled", "boot", "leaving", "room_envelopes", "room_bytes"],
    "relay": ["floor", "first", "envelopes"],
    "ack": ["room_envelopes", "room_bytes", "ranges"],
    "seed": ["request", "count", "message", "limit_kind", "limit", "ttl_ms", "wait"],
    "seeded": ["request", "stage", "boot", "counter", "count", "trace_omitted", "trace"],
    "refuse": ["code", "reason", "request"],
    "leaving": [],
    "ping": ["token", "floor", "asks"],
    "pong": ["token", "room_envelopes", "room_bytes"],
    "status": ["told"],
}
STATUS_FIELDS = ["boot", "version", "age_ms", "address", "flags", "suspect_count", "suspects", "pod", "uid", "node",
                 "release", "uptime_s", "view_size", "digest", "queue", "held", "successor", "predecessor",
                 "round_trip_us", "handed_on", "retries"]
STATUS_BRIEF = 7  # so many of them make a brief entry
ENVELOPE_FIELDS = ["boot", "counter", "origin", "hop", "lap", "limit_kind", "limit", "copies",
                   "copies_on", "flags", "ended", "time_left_ms", "detours", "trace_omitted",
                   "message"]
ADDRESSES = {"address", "dialled", "origin"}

ABOUT = (
    "Frames and envelopes of proto-docs/wire-protocol.md, written by tests/interop/make_vectors.py. "
    "bytes: hex text, or a list of parts, each hex text or [hex text, times]. A field value may be "
    "{repeat, times}: a string or a list of equal items. Addresses are text; envelopes inside a relay "
    "are hex; a text that is not UTF-8 is {hex}. canonical: a writer makes exactly these bytes from "
    "the fields; otherwise a reader still takes them for these fields. may_be_read: a reader may also take it, where its "
    "msgpack library cannot tell. Integers go up to 2^64 - 1. sealed_datagrams: datagrams.md, section 8.")


class Repeat:
    """A string or a list of equal items, kept short in the file."""

    def __init__(self, item, times):
        self.item, self.times = item, times

    def value(self):
        return self.item * self.times if isinstance(self.item, str) else [self.item] * self.times

    def shown(self):
        return {"repeat": self.item, "times": self.times}


def value_of(field):
    return field.value() if isinstance(field, Repeat) else field


def address_bytes(text):
    import ipaddress
    return ipaddress.ip_address(text).packed


def pack(item):
    return msgpack.packb(item, use_bin_type=True)


def text_item(message):
    """Message bytes that need not be UTF-8 as a msgpack str."""
    raw = message if isinstance(message, bytes) else message.encode()
    if len(raw) < 32:
        return bytes([0xA0 | len(raw)]) + raw
    if len(raw) < 256:
        return bytes([0xD9, len(raw)]) + raw
    if len(raw) < 65536:
        return b"\xda" + struct.pack(">H", len(raw)) + raw
    return b"\xdb" + struct.pack(">I", len(raw)) + raw


def array_header(count):
    return msgpack.Packer().pack_array_header(count)


def wire_item(name, field):
    field = value_of(field)
    if name in ADDRESSES:
        return pack(address_bytes(field))
    if name == "envelopes":
        return array_header(len(field)) + b"".join(pack(envelope) for envelope in field)
    if name == "told":
        return pack(field)
    if isinstance(field, bytes):
        return text_item(field)
    return pack(field)


def frame_bytes(kind, fields, session=7, version=1, ext=None):
    names = FIELDS[TYPES[kind]]
    assert list(fields) == names, (kind, list(fields))
    items = [pack(MAGIC), pack(version), pack(kind), pack(session)]
    items += [wire_item(name, fields[name]) for name in names]
    items.append(pack(ext or {}))
    return array_header(len(items)) + b"".join(items)


def envelope_bytes(fields, trace=(), ext=None):
    items = [wire_item(name, fields[name]) for name in ENVELOPE_FIELDS]
    items.append(pack(ext or {}))
    items += [pack(list(entry)) for entry in trace]
    return array_header(len(items)) + b"".join(items)


def compact(data):
    """Hex, with long runs of the same 1 to 4 bytes as [hex, times]."""
    parts, at, plain = [], 0, 0
    while at < len(data):
        run = 0
        for period in (1, 2, 3, 4):
            end = at + period
            while end < len(data) and data[end] == data[end - period]:
                end += 1
            run = (end - at) // period * period
            if run >= 64:
                break
        if run < 64:
            at += 1
            continue
        if plain < at:
            parts.append(data[plain:at].hex())
        parts.append([data[at:at + period].hex(), run // period])
        at = plain = at + run
    if plain < len(data):
        parts.append(data[plain:].hex())
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def shown(name, field):
    if isinstance(field, Repeat):
        return field.shown()
    if name == "envelopes":
        return [envelope.hex() for envelope in field]
    if isinstance(field, bytes):
        return {"hex": field.hex()}
    return field


# ---- the fields that the vectors vary -----------------------------------------------------------

HELLO_FIELDS = dict(answer=False, version_min=1, version_max=1, role=0, ring="podring",
                    pod="pod-1", uid="5f0c9d1e", node="node-a", address="10.42.0.9",
                    dialled="10.42.0.10", boot=0x1122334455667788, leaving=False,
                    room_envelopes=1024, room_bytes=16777216)
ENVELOPE = dict(boot=0x1122334455667788, counter=1, origin="10.42.0.9", hop=1, lap=0, limit_kind=0,
                limit=10, copies=2, copies_on=0, flags=0, ended=0, time_left_ms=600000, detours=[],
                trace_omitted=0, message="hello")
ENTRY = ["pod-1", 1700000000000000]
SEED_FIELDS = dict(request=1, count=1, message="hello", limit_kind=0, limit=0, ttl_ms=0, wait=0)
SEEDED_FIELDS = dict(request=1, stage=0, boot=0x1122334455667788, counter=1, count=1,
                     trace_omitted=0, trace=[])


def hello(**changes):
    return {**HELLO_FIELDS, **changes}


def envelope(**changes):
    return {**ENVELOPE, **changes}


def seed(**changes):
    return {**SEED_FIELDS, **changes}


def seeded(**changes):
    return {**SEEDED_FIELDS, **changes}


STATUS_ENTRY = dict(boot=0x1122334455667788, version=3, age_ms=1200, address="10.42.0.9", flags=0, suspect_count=0,
                    suspects=[], pod="pod-1", uid="5f1c", node="node-a", release="1.0.0", uptime_s=60, view_size=3,
                    digest=0xfedcba9876543210, queue=2, held=5, successor="10.42.0.10", predecessor="10.42.0.8",
                    round_trip_us=180, handed_on=1000, retries=1)


def status_bytes(fields, brief=False):
    def item(name):
        field = fields[name]
        if name == "suspects":
            return [address_bytes(address) for address in field]
        if name in ("address", "successor", "predecessor"):
            return address_bytes(field) if field else b""
        return value_of(field)

    names = STATUS_FIELDS[:STATUS_BRIEF] if brief else STATUS_FIELDS
    ext = {"lanes": fields["lanes"]} if "lanes" in fields else {}
    return pack([item(name) for name in names] + ([] if brief else [ext]))


def statuses():
    made = []

    def add(name, brief=False, **changes):
        fields = {**STATUS_ENTRY, **changes}
        told = {key: shown(key, fields[key]) for key in STATUS_FIELDS[:STATUS_BRIEF if brief else None]}
        if "lanes" in fields:
            told["lanes"] = fields["lanes"]
        made.append(dict(name=name, section=9, brief=brief, fields=told, bytes=compact(status_bytes(fields, brief))))

    add("whole")
    add("brief", brief=True)
    add("leaving_and_suspecting", flags=1, suspect_count=2, suspects=["10.42.0.10", "10.42.0.11"])
    add("brief_suspecting", brief=True, suspect_count=17, suspects=[f"10.42.1.{n}" for n in range(1, 17)])
    add("alone", successor="", predecessor="", round_trip_us=0, view_size=1, uid="", node="")
    add("ipv6", address="fd00::9", successor="fd00::a", predecessor="fd00::8", suspects=["fd00::a"], suspect_count=1)
    add("largest", boot=U64, version=U64, age_ms=U32, pod=Repeat("p", 253), uid=Repeat("u", 128),
        node=Repeat("n", 253), release=Repeat("r", 64), uptime_s=U32, view_size=U32, digest=U64, queue=U32, held=U32,
        round_trip_us=U32, handed_on=U32, retries=U32)
    zmq, udp = [1, 120, 2, 180, 40, 65483], [1, 900, 200, 150, 30, 8972]
    add("lanes", lanes=[zmq, udp])
    add("lanes_zmq_alone", lanes=[zmq, []])
    add("lanes_failed", lanes=[zmq, [2, 12, 12, 0, 0, 1200]])
    return made


def nested(levels):
    item = 1
    for _ in range(levels):
        item = [item]
    return item


def trace_of(count):
    return [[f"pod-{i % 3 + 1}", 1700000000000000 + i] for i in range(count)]


# ---- valid ---------------------------------------------------------------------------------------


def frames():
    made = []

    def add(name, section, kind, fields, data=None, session=7, version=1, note=None, ext=None):
        takes_status = ext == {"status": True}
        canonical = data is None and (ext is None or takes_status)
        data = data or frame_bytes(kind, fields, session, version, ext)
        entry = dict(name=name, section=section, type=TYPES[kind], canonical=canonical,
                     version=version, session=session,
                     fields={key: shown(key, field) for key, field in fields.items()})
        if takes_status:
            entry["takes_status"] = True
        if note:
            entry["note"] = note
        entry["bytes"] = compact(data)
        made.append(entry)

    add("hello", 3, HELLO, hello())
    add("hello_takes_status", 3, HELLO, hello(), ext={"status": True})
    add("hello_answer", 3, HELLO,
        hello(answer=True, pod="pod-2", node="node-b", address="10.42.0.10", boot=2, room_envelopes=0))
    add("hello_client", 3, HELLO,
        hello(role=1, pod="inject", uid="", node="", address="0.0.0.0", room_envelopes=0, room_bytes=0),
        note="a client has no ring address; the receiver takes where it is connected from")
    add("hello_leaving", 3, HELLO, hello(leaving=True))
    add("hello_ipv6", 3, HELLO, hello(address="fd00::9", dialled="fd00::a"))
    add("hello_two_versions", 3, HELLO, hello(version_min=1, version_max=2))
    add("hello_longest_names", 3, HELLO,
        hello(ring=Repeat("r", 253), pod=Repeat("p", 253), uid=Repeat("u", 128), node=Repeat("n", 253)))
    add("hello_largest_numbers", 3, HELLO,
        hello(version_max=255, boot=U64, room_envelopes=U64, room_bytes=U64), session=U64)

    first = envelope_bytes(envelope(), [ENTRY])
    second = envelope_bytes(envelope(counter=2, message="two"), [ENTRY])
    third = envelope_bytes(envelope(counter=3, hop=5, lap=1, message=""), trace_of(5))
    add("relay", 4, RELAY, dict(floor=0, first=0, envelopes=[first]))
    add("relay_batch", 4, RELAY, dict(floor=250, first=300, envelopes=[first, second, third]))
    add("relay_empty", 4, RELAY, dict(floor=9, first=9, envelopes=[]),
        note="tells a new floor and nothing else")
    add("relay_late_numbers", 4, RELAY, dict(floor=2**40, first=2**40 + 1, envelopes=[second]))
    add("relay_of_a_bad_envelope", 4, RELAY, dict(floor=0, first=0, envelopes=[b"\xc1", first]),
        note="the frame is well formed; the envelope that is not is counted, the other one taken")

    add("ack_received", 6, ACK, dict(room_envelopes=1020, room_bytes=16000000, ranges=[[0, 0, 3]]))
    add("ack_received_with_place", 6, ACK,
        dict(room_envelopes=1, room_bytes=1, ranges=[[0, 4, 4, 0xDDCE99A4BBBD7FB5]]))
    add("ack_safe", 6, ACK, dict(room_envelopes=5, room_bytes=70000, ranges=[[1, 0, 127]]))
    add("ack_final", 6, ACK, dict(room_envelopes=5, room_bytes=70000, ranges=[[2, 128, 65536]]))
    add("ack_several", 6, ACK,
        dict(room_envelopes=0, room_bytes=0, ranges=[[0, 9, 9], [1, 3, 4], [2, 5, 5], [0, 6, 8, 1]]))
    add("ack_room_only", 6, ACK, dict(room_envelopes=1024, room_bytes=16777216, ranges=[]))
    add("ack_largest_range", 6, ACK, dict(room_envelopes=0, room_bytes=0, ranges=[[1, 0, U64]]))
    add("ack_most_ranges", 6, ACK,
        dict(room_envelopes=0, room_bytes=0, ranges=Repeat([1, 5, 5], 4096)))

    add("seed", 7, SEED, seed())
    add("seed_hops", 7, SEED, seed(request=2, count=1000, limit=10000, ttl_ms=60000, wait=1))
    add("seed_laps", 7, SEED, seed(limit_kind=1, limit=1000, wait=2))
    add("seed_utf8", 7, SEED, seed(message="Grüße, 世界 🌍"))
    add("seed_empty", 7, SEED, seed(message=""))
    add("seed_longest_message", 7, SEED, seed(message=Repeat("m", 256 * 1024)),
        note="the frame is well formed; the peer refuses it as too_large, as no trace would fit")
    add("seed_not_utf8", 7, SEED, seed(message=b"a\xff\xfeb"),
        note="nothing on the way looks into the text; whoever prints it replaces what is no UTF-8")
    add("seed_count_out_of_bounds", 7, SEED, seed(count=1001),
        note="well formed; refused as bad_request with a sentence for the client")

    add("seeded_accepted", 7, SEEDED, seeded(count=1000))
    add("seeded_safe", 7, SEEDED, seeded(stage=1, counter=17))
    add("seeded_completed", 7, SEEDED, seeded(stage=2, counter=17, trace=trace_of(10)))
    add("seeded_expired", 7, SEEDED, seeded(stage=3, trace=[ENTRY]))
    add("seeded_trace_omitted", 7, SEEDED, seeded(stage=2, trace_omitted=70000, trace=trace_of(3)))

    reasons = ["this is the ring 'a', not 'b'", "versions 1 to 1 are spoken here",
               "this is 10.42.0.10, not 10.42.0.11", "say hello first", "try again later",
               "this peer is leaving", "with its trace it could grow too large",
               "hops must be from 1 to 10000", "too many sessions"]
    for code, reason in enumerate(reasons, 1):
        add(f"refuse_{code}", 8, REFUSE, dict(code=code, reason=reason, request=5 if code > 4 else 0))
    add("refuse_longest_reason", 8, REFUSE, dict(code=8, reason=Repeat("x", 512), request=U64))
    add("leaving", 8, LEAVING, {})
    add("ping", 8, PING, dict(token=1, floor=0, asks=[]))
    add("ping_asks", 8, PING, dict(token=2, floor=77, asks=[[77, 80], [90, 90], [1000, 70000]]))
    add("ping_most_asks", 8, PING, dict(token=3, floor=5, asks=Repeat([5, 5], 4096)))
    add("pong", 8, PONG, dict(token=2, room_envelopes=1000, room_bytes=16000000))

    add("status_empty", 9, STATUS, dict(told=b""))
    add("status", 9, STATUS, dict(told=status_bytes(STATUS_ENTRY) + status_bytes(STATUS_ENTRY, brief=True)))

    # What writers of this release do not make and readers take all the same.
    add("pong_of_version_2", 2, PONG, dict(token=1, room_envelopes=2, room_bytes=3), version=2)
    long_form = b"".join(b"\xcf" + struct.pack(">Q", n) for n in [MAGIC, 1, PONG, 7, 2, 1000, 99])
    add("integers_in_longest_form", 2, PONG, dict(token=2, room_envelopes=1000, room_bytes=99),
        data=b"\xdd\x00\x00\x00\x08" + long_form + b"\xdf\x00\x00\x00\x00")
    add("text_in_longest_form", 2, REFUSE, dict(code=4, reason="x", request=0),
        data=b"\x98" + pack(MAGIC) + b"\x01\x06\x07\x04\xdb\x00\x00\x00\x01x\x00\xde\x00\x00")
    pong = dict(token=1, room_envelopes=2, room_bytes=3)
    add("ext_unknown_keys", 2, PONG, pong,
        ext={"later": True, "much": {"later": [1, -2, 3.5, None, "x", b"y"]}})
    add("ext_64_keys", 2, PONG, pong, ext={f"k{i}": i for i in range(64)})
    add("ext_4096_bytes", 2, PONG, pong, ext={"k": "x" * (4096 - 6)})
    add("ext_value_of_8_levels", 2, PONG, pong, ext={"k": nested(8)})
    return made


def envelopes():
    made = []

    def add(name, fields, trace=(), ext=None, data=None, note=None, trace_ok=True):
        canonical = data is None
        data = data or envelope_bytes(fields, trace, ext)
        entry = dict(name=name, section=5, canonical=canonical,
                     fields={key: shown(key, field) for key, field in fields.items()},
                     trace_count=len(trace))
        if trace_ok:
            entry["trace"] = [list(item) for item in trace]
        if note:
            entry["note"] = note
        entry["bytes"] = compact(data)
        made.append(entry)

    add("first_hop", envelope(), [ENTRY])
    add("tenth_hop", envelope(hop=10, lap=3, time_left_ms=1), trace_of(10))
    add("most_of_everything",
        envelope(boot=U64, counter=U64, hop=U32 - 2, lap=U32 - 2, limit=10000, copies=3, copies_on=1,
                 flags=1, ended=2, time_left_ms=U32, detours=[[U32, U32]] * 32,
                 trace_omitted=2**31 - 1), [["p" * 253, 2**63 - 1]])
    add("laps", envelope(limit_kind=1, limit=1000), [ENTRY])
    add("ipv6", envelope(origin="fd00::9"), [ENTRY])
    add("receipt", envelope(flags=1), [ENTRY])
    add("ended_on_its_way_home", envelope(hop=10, flags=1, ended=1, time_left_ms=60000), trace_of(10))
    add("expired_on_its_way_home", envelope(hop=4, flags=1, ended=2, time_left_ms=59000), trace_of(4))
    add("detours", envelope(hop=6, detours=[[5, 2], [6, 2], [6, 3]]), trace_of(6))
    add("three_copies_on_nodes", envelope(copies=3, copies_on=1), [ENTRY])
    add("empty_message", envelope(message=""), [ENTRY])
    add("utf8", envelope(message="Grüße, 世界 🌍"), [ENTRY])
    add("message_not_utf8", envelope(message=b"a\xff\xfeb"), [ENTRY])
    add("message_of_40000_bytes", envelope(message=Repeat("m", 40000)), [ENTRY])
    add("ext_is_passed_on", envelope(), [ENTRY], ext={"later": [1, {"much": "later"}]})
    add("trace_of_20", envelope(hop=20), trace_of(20))
    add("no_trace", envelope(hop=0), note="never on the wire while it runs, and well formed")
    add("other_flags_are_ignored", envelope(flags=1), [ENTRY],
        data=envelope_bytes(envelope(flags=0x7F), [ENTRY]))
    add("trace_not_well_formed", envelope(hop=2), [ENTRY, ENTRY], trace_ok=False,
        data=envelope_bytes(envelope(hop=2), [ENTRY, ["pod-2"]]),
        note="a trace is for people: it travels on unread, and readers stop at the entry that is wrong")
    return made


def hand_overs():
    """An envelope as it was received, what its holder knows, and what it sends."""
    made = []

    def add(name, before, trace, after, pod=None, arrived=0, ext=None, sent_trace=None, omitted=0):
        sent = list(trace) if sent_trace is None else sent_trace
        if pod is not None:
            sent = sent + [[pod, arrived]]
        after = {**before, **after, "trace_omitted": before["trace_omitted"] + omitted}
        entry = dict(name=name, section=5, received=envelope_bytes(before, trace, ext).hex(),
                     hop=after["hop"], lap=after["lap"], time_left_ms=after["time_left_ms"])
        if pod is not None:
            entry.update(pod=pod, arrived=arrived)
        entry["sent"] = envelope_bytes(after, sent, ext).hex()
        made.append(entry)

    at = 1700000000123456
    add("appends_its_name", envelope(), [ENTRY], dict(hop=2, time_left_ms=599990), "pod-2", at)
    add("counts_the_lap", envelope(hop=2), trace_of(2), dict(hop=3, lap=1, time_left_ms=5), "pod-3", at)
    add("keeps_unknown_keys", envelope(detours=[[1, 2]]), [ENTRY], dict(hop=2), "pod-2", at,
        ext={"later": b"\x00\x01"})
    add("three_hundred_entries", envelope(hop=300), trace_of(300),
        dict(hop=301), "pod-2", at)
    home = envelope(hop=10, flags=1, ended=1, time_left_ms=60000)
    add("a_receipt_is_no_visit", home, trace_of(10), dict(lap=1, time_left_ms=59999))
    laps = envelope(hop=511, limit_kind=1, limit=1000)
    add("laps_511_entries_are_kept", laps, trace_of(511), dict(hop=512), "pod-x", at)
    long = trace_of(512)
    laps = envelope(hop=512, limit_kind=1, limit=1000)
    add("laps_the_middle_is_cut_beyond_512", laps, long, dict(hop=513), "pod-x", at,
        sent_trace=long[:16] + long[17:], omitted=1)
    laps = envelope(hop=900, limit_kind=1, limit=1000, trace_omitted=388)
    add("laps_and_cut_again", laps, long, dict(hop=901), "pod-x", at,
        sent_trace=long[:16] + long[17:], omitted=1)
    return made


# ---- not valid -----------------------------------------------------------------------------------


def invalid_frames():
    made = []

    def add(name, why, data, **more):
        made.append(dict(name=name, why=why, **more, bytes=compact(data)))

    def frame(kind, fields, **header):
        return frame_bytes(kind, fields, **header)

    def raw(*items):
        return array_header(len(items)) + b"".join(item if isinstance(item, bytes) else pack(item)
                                                   for item in items)

    pong = [MAGIC, 1, PONG, 7, 1, 2, 3]
    hello_items = list(value_of(field) for field in hello().values())
    hello_items[8], hello_items[9] = address_bytes("10.42.0.9"), address_bytes("10.42.0.10")

    def hello_with(name, item):
        items = list(hello_items)
        items[FIELDS["hello"].index(name)] = item
        return pack([MAGIC, 1, HELLO, 7, *items, {}])

    add("empty", "no bytes at all", b"")
    add("not_an_array", "a frame is an array", pack({"magic": MAGIC}))
    add("not_msgpack", "0xc1 is never used", b"\xc1")
    add("http", "somebody speaks HTTP to the ring port", b"GET / HTTP/1.1\r\n\r\n")
    add("other_magic", "magic", pack([MAGIC + 1, *pong[1:], {}]))
    add("type_0", "types go from 1 to 10", pack([MAGIC, 1, 0, 7, {}]))
    add("type_11", "types go from 1 to 10", pack([MAGIC, 1, 11, 7, {}]))
    add("version_256", "versions go up to 255", pack([MAGIC, 256, *pong[2:], {}]))
    add("hello_of_version_2", "hello is always of version 1", frame(HELLO, hello(), version=2))
    add("refuse_of_version_2", "refuse is always of version 1",
        frame(REFUSE, dict(code=4, reason="", request=0), version=2))
    add("field_missing", "pong has three fields", pack([*pong[:-1], {}]))
    add("field_extra", "new fields go into ext", pack([*pong, 4, {}]))
    add("ext_missing", "ext is always there", pack(pong))
    add("ext_nil", "ext is a map", pack([*pong, None]))
    add("ext_array", "ext is a map", pack([*pong, []]))
    add("ext_key_not_text", "keys of ext are strings", pack([*pong, {1: 2}]))
    add("ext_65_keys", "at most 64 keys", pack([*pong, {f"k{i}": i for i in range(65)}]))
    add("ext_4097_bytes", "at most 4 KiB", pack([*pong, {"k": "x" * (4097 - 6)}]))
    add("ext_value_of_9_levels", "values nest at most 8 deep", pack([*pong, {"k": nested(9)}]))
    add("ext_value_of_9_levels_the_last_empty", "values nest at most 8 deep",
        pack([*pong, {"k": [[[[[[[[[]]]]]]]]]}]))
    add("ext_msgpack_extension", "extension types are not used",
        raw(*pong, b"\x81\xa1k" + pack(msgpack.ExtType(5, b"x"))))
    add("trailing_byte", "one message part holds one frame", pack([*pong, {}]) + b"\x00")
    add("signed_integer", "integers are of msgpack's unsigned forms",
        raw(*pong[:-1], b"\xd3" + struct.pack(">q", 3), {}), may_be_read=True)
    add("negative_integer", "integers are unsigned", pack([*pong[:-1], -1, {}]))
    add("float", "integers are integers", pack([*pong[:-1], 3.0, {}]))
    add("boolean_for_integer", "integers are integers", pack([*pong[:-1], True, {}]))
    add("array_claims_too_much", "an array of 2^32 - 1 items in 5 bytes", b"\xdd\xff\xff\xff\xff")
    add("text_claims_too_much", "a text of 2^32 - 1 bytes in 9",
        b"\x98" + pack(MAGIC) + b"\x01\x06\x07\x04\xdb\xff\xff\xff\xffxxxx")
    add("longer_than_320_KiB", "the bound of a frame",
        frame(RELAY, dict(floor=0, first=0, envelopes=[b"\x00" * (320 * 1024)])))

    add("hello_role_2", "roles are 0 and 1", hello_with("role", 2))
    add("hello_answer_as_integer", "answer is a boolean", hello_with("answer", 1))
    add("hello_pod_empty", "a pod has a name", hello_with("pod", ""))
    add("hello_pod_254", "names have at most 253 bytes", hello_with("pod", "p" * 254))
    add("hello_uid_129", "uids have at most 128 bytes", hello_with("uid", "u" * 129))
    add("hello_node_254", "names have at most 253 bytes", hello_with("node", "n" * 254))
    add("hello_ring_254", "names have at most 253 bytes", hello_with("ring", "r" * 254))
    add("hello_ring_as_bin", "names are strings", hello_with("ring", b"podring"))
    add("hello_address_as_text", "addresses are bin", hello_with("address", "10.42.0.9"))
    add("hello_address_empty", "4 or 16 bytes", hello_with("address", b""))
    add("hello_address_5", "4 or 16 bytes", hello_with("dialled", b"\x0a\x2a\x00\x09\x00"))
    add("hello_boot_0", "0 is nobody", hello_with("boot", 0))
    add("hello_version_min_0", "versions begin at 1", hello_with("version_min", 0))
    add("hello_versions_crossed", "version_max is not below version_min", hello_with("version_min", 2))

    first = envelope_bytes(envelope(), [ENTRY])
    add("relay_floor_above_first", "what is sent was not let go",
        frame(RELAY, dict(floor=1, first=0, envelopes=[first])))
    add("relay_first_too_high", "first + the number of envelopes must not wrap",
        frame(RELAY, dict(floor=0, first=U64, envelopes=[first])))
    add("relay_envelope_not_bin", "envelopes are bin",
        pack([MAGIC, 1, RELAY, 7, 0, 0, [[1, 2]], {}]))

    def ack(*ranges):
        return pack([MAGIC, 1, ACK, 7, 0, 0, list(ranges), {}])

    add("ack_word_3", "words are 0, 1, 2", ack([3, 0, 0]))
    add("ack_range_backwards", "first is not above last", ack([0, 5, 4]))
    add("ack_range_of_2", "word, first, last", ack([0, 5]))
    add("ack_two_places", "at most copies - 2 places, and copies is at most 3", ack([0, 5, 5, 1, 2]))
    add("ack_4097_ranges", "at most 4,096 ranges", ack(*[[1, 5, 5]] * 4097))

    add("seed_count_of_33_bits", "count has 32 bits", frame(SEED, seed(count=U32 + 1)))
    add("seed_limit_kind_2", "0 hops, 1 laps", frame(SEED, seed(limit_kind=2)))
    add("seed_wait_3", "accepted, safe or completed", frame(SEED, seed(wait=3)))
    add("seed_message_too_long", "longer than any envelope",
        frame(SEED, seed(message=Repeat("m", 256 * 1024 + 1))))
    add("seed_message_as_bin", "the message is a string",
        pack([MAGIC, 1, SEED, 7, 1, 1, b"hello", 0, 0, 0, 0, {}]))
    add("seeded_stage_4", "stages are 0 to 3", frame(SEEDED, seeded(stage=4)))
    add("seeded_entry_of_1", "name, microseconds", frame(SEEDED, seeded(stage=2, trace=[["pod-1"]])))
    add("seeded_entry_of_3", "name, microseconds", frame(SEEDED, seeded(stage=2, trace=[[*ENTRY, 1]])))
    add("seeded_entry_name_254", "names have at most 253 bytes",
        frame(SEEDED, seeded(stage=2, trace=[["p" * 254, 1]])))
    add("seeded_entry_time_negative", "microseconds since 1970",
        frame(SEEDED, seeded(stage=2, trace=[["pod-1", -1]])))
    add("refuse_code_0", "codes are 1 to 9", frame(REFUSE, dict(code=0, reason="", request=0)))
    add("refuse_code_10", "codes are 1 to 9", frame(REFUSE, dict(code=10, reason="", request=0)))
    add("refuse_reason_513", "at most 512 bytes",
        frame(REFUSE, dict(code=1, reason=Repeat("x", 513), request=0)))
    add("ping_ask_of_3", "first, last", frame(PING, dict(token=1, floor=0, asks=[[0, 1, 2]])))
    add("ping_ask_backwards", "first is not above last", frame(PING, dict(token=1, floor=0, asks=[[2, 1]])))
    add("ping_4097_asks", "at most 4,096 ranges", frame(PING, dict(token=1, floor=0, asks=[[5, 5]] * 4097)))
    return made


def invalid_envelopes():
    made = []

    def add(name, why, data):
        made.append(dict(name=name, why=why, bytes=compact(data)))

    def changed(**changes):
        return envelope_bytes(envelope(**changes), [ENTRY])

    good = changed()
    items = msgpack.unpackb(good, raw=False)
    add("empty", "no bytes at all", b"")
    add("not_an_array", "an envelope is an array", pack({"boot": 1}))
    add("array_of_15", "16 fields at least", pack(items[:14] + [{}]))
    add("boot_0", "0 is nobody", changed(boot=0))
    add("counter_0", "counters begin at 1", changed(counter=0))
    add("origin_unspecified", "0.0.0.0 is never a peer's", changed(origin="0.0.0.0"))
    add("origin_unspecified_ipv6", ":: is never a peer's", changed(origin="::"))
    add("origin_of_5_bytes", "4 or 16 bytes", pack([*items[:2], b"\x01\x02\x03\x04\x05", *items[3:]]))
    add("hop_too_high", "at most 2^32 - 3", changed(hop=U32 - 1))
    add("lap_too_high", "at most 2^32 - 3", changed(lap=U32 - 1))
    add("limit_kind_2", "0 hops, 1 laps", changed(limit_kind=2))
    add("limit_0", "at least 1", changed(limit=0))
    add("hops_10001", "at most 10,000 hops", changed(limit=10001))
    add("laps_1001", "at most 1,000 laps", changed(limit_kind=1, limit=1001))
    add("copies_0", "1 to 3", changed(copies=0))
    add("copies_4", "1 to 3", changed(copies=4))
    add("copies_on_2", "0 peers, 1 nodes", changed(copies_on=2))
    add("flags_256", "flags are one byte", changed(flags=256))
    add("ended_3", "0 to 2", changed(ended=3))
    add("time_left_of_33_bits", "32 bits", changed(time_left_ms=U32 + 1))
    add("detours_33", "at most 32", changed(detours=[[1, 2]] * 33))
    add("detour_of_1", "hop, attempt", changed(detours=[[1]]))
    add("detour_of_3", "hop, attempt", changed(detours=[[1, 2, 3]]))
    add("trace_omitted_too_high", "at most 2^31 - 1", changed(trace_omitted=2**31))
    add("message_as_bin", "the message is a string", pack([*items[:14], b"hello", *items[15:]]))
    add("ext_key_not_text", "keys of ext are strings", pack([*items[:15], {1: 2}, *items[16:]]))
    add("ext_65_keys", "at most 64 keys",
        pack([*items[:15], {f"k{i}": i for i in range(65)}, *items[16:]]))
    add("entries_claimed_and_missing", "an entry has at least 3 bytes",
        b"\xdc\x00\xff" + good[3:])
    add("bytes_without_entries", "nothing follows the last entry", b"\xdc\x00\x10" + good[3:])
    add("longer_than_256_KiB", "the bound of an envelope", changed(message="m" * (256 * 1024)))
    return made


# ---- rules that travel as numbers ----------------------------------------------------------------


def fnv1a(data):
    number = 0xCBF29CE484222325
    for byte in data:
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return number


def places():
    made = []
    for boot, node in [(1, ""), (0x1122334455667788, ""), (1, "node-a"), (2, "node-a"), (3, "Knoten-ü")]:
        made.append(dict(boot=boot, node=node, peers=boot,
                         nodes=fnv1a(node.encode() if node else struct.pack(">Q", boot))))
    return made


def laps():
    """From x to y: is the origin's address in (x, y], going upward and wrapping round?"""
    ring = ["10.42.0.9", "10.42.0.10", "10.42.1.1", "fd00::1"]
    made = []
    for x in ring:
        for y in ring:
            for origin in [*ring, "10.42.0.11", "10.41.0.0", "fd00::2"]:
                def place(text):
                    packed = address_bytes(text)
                    return int.from_bytes(packed, "big") + (0xFFFF00000000 if len(packed) == 4 else 0)
                a, b, o = place(x), place(y), place(origin)
                passed = a < o <= b if a < b else o > a or o <= b
                made.append([x, y, origin, passed])
    return made


# ---- datagrams.md, section 8 ---------------------------------------------------------------------


def sealed_datagrams():
    def keyed_hash(key, data, size):
        return hashlib.blake2b(data, key=key, digest_size=size).digest()

    made = []
    key, other_key = bytes(range(32)), bytes(range(0xE0, 0x100))
    to, sender = bytes(range(0x10, 0x20)), bytes(range(0xA0, 0xB0))
    probe = b"\x02" + bytes(range(8))
    for name, ring_key, token, number, payload in [
            ("probe", key, to, 0, probe),
            ("the_same_number_of_another_key", other_key, to, 0, probe),
            ("the_same_number_of_another_session", key, bytes(range(0x30, 0x40)), 0, probe),
            ("the_next_number", key, to, 1, probe),
            ("nothing", key, to, 2, b""),
            ("frame", key, to, 2**40, b"\x04" + struct.pack(">H", 5) + b"hello"),
            ("large", key, to, U64, b"\x00" * 1168)]:
        before, after = struct.pack(">2sBBI", b"pd", 2, 0, 7), struct.pack(">Q", number)
        lane_key = keyed_hash(ring_key, b"podring lane" + token + sender, 32)
        sealed = ChaCha20Poly1305(lane_key).encrypt(bytes(4) + after, payload, before + after)
        encrypted, proof = sealed[:-16], sealed[-16:]
        made.append(dict(name=name, ring_key=ring_key.hex(),
                         key_id=keyed_hash(ring_key, b"podring ring key id", 16)[:8].hex(),
                         token=token.hex(), sender_token=sender.hex(), lane=7, number=number,
                         payload=payload.hex(), bytes=(before + proof + after + encrypted).hex()))
    return made


def document():
    return dict(about=ABOUT, protocol="podring", version=1, frames=frames(), envelopes=envelopes(),
                statuses=statuses(),
                hand_overs=hand_overs(), invalid_frames=invalid_frames(),
                invalid_envelopes=invalid_envelopes(), places=places(), laps=laps(),
                sealed_datagrams=sealed_datagrams())


def text_of(made):
    """One vector a line, so that a difference shows which one changed."""
    lines = ["{"]
    for number, (key, section) in enumerate(made.items()):
        comma = "," if number + 1 < len(made) else ""
        if isinstance(section, list):
            rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in section)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]{comma}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(section, ensure_ascii=False)}{comma}")
    lines.append("}")
    return "\n".join(lines) + "\n"


def main():
    path = pathlib.Path(__file__).resolve().parents[2] / "proto-docs" / "vectors.json"
    text = text_of(document())
    if sys.argv[1:] == ["--check"]:
        if path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what {sys.argv[0]} writes; run it without --check and look at the difference")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
