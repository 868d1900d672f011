"""Bytes <-> frames and envelopes, from proto-docs/wire-protocol.md alone, with python3-msgpack.

A frame is a dict of its fields, with "type", "version" and "session"; an envelope is a dict as well.
What breaks a bound of the document is a BadFrame.
"""

import ipaddress
import struct

import msgpack

MAGIC = 0x706F6472
U32 = 2**32 - 1
U64 = 2**64 - 1
FRAME_MAX = 320 * 1024
ENVELOPE_MAX = 256 * 1024
NAME_MAX = 253
RANGES_MAX = 4096
TRACE_FIRST, TRACE_LAST = 16, 496

HELLO, RELAY, ACK, SEED, SEEDED, REFUSE, LEAVING, PING, PONG, STATUS = range(1, 11)
RECEIVED, SAFE, FINAL = range(3)
ACCEPTED, STAGE_SAFE, COMPLETED, EXPIRED = range(4)
REFUSALS = ["", "wrong_ring", "no_common_version", "wrong_address", "no_session", "ring_full", "leaving",
            "too_large", "bad_request", "too_many"]


class BadFrame(Exception):
    pass


def require(condition, why):
    if not condition:
        raise BadFrame(why)


class Reader:
    """Items of one msgpack array after another, each with its type."""

    def __init__(self, data, bound):
        require(len(data) <= bound, "too long")
        self.data = data
        self.unpacker = msgpack.Unpacker(
            raw=False, unicode_errors="surrogateescape", strict_map_key=False, max_buffer_size=FRAME_MAX + 1,
            max_ext_len=0)
        self.unpacker.feed(data)
        self.begin_array()

    def begin_array(self):
        try:
            self.count = self.unpacker.read_array_header()
        except Exception as error:
            raise BadFrame("not an array") from error
        require(self.count <= len(self.data), "an array that claims too much")

    def item(self):
        try:
            return self.unpacker.unpack()
        except Exception as error:  # of many kinds, for anything that is not well formed
            raise BadFrame(str(error)) from error

    def uint(self, most=U64):
        item = self.item()
        require(type(item) is int and 0 <= item <= most, "not an unsigned integer, or too large")
        return item

    def boolean(self):
        item = self.item()
        require(type(item) is bool, "not a boolean")
        return item

    def text(self, most):
        item = self.item()
        require(type(item) is str and len(item.encode(errors="surrogateescape")) <= most, "not a text, or too long")
        return item

    def address(self):
        item = self.item()
        require(type(item) is bytes and len(item) in (4, 16), "not an address")
        address = ipaddress.ip_address(item)
        return str(getattr(address, "ipv4_mapped", None) or address)

    def optional_address(self):
        item = self.item()
        require(type(item) is bytes and len(item) in (0, 4, 16), "not an address")
        return str(ipaddress.ip_address(item)) if item else ""

    def array(self, most=None):
        item = self.item()
        require(type(item) is list and (most is None or len(item) <= most), "not an array, or too long")
        return item

    def ext(self):
        begin = self.unpacker.tell()
        item = self.item()
        end = self.unpacker.tell()
        require(type(item) is dict and len(item) <= 64, "not a map, or too many keys")
        require(end - begin <= 4096, "ext too long")
        for key, value in item.items():
            require(type(key) is str, "a key that is not a text")
            require(levels_of(value) <= 8, "nested too deep")
        return self.data[begin:end]

    def finish(self):
        require(self.unpacker.tell() == len(self.data), "something follows")


def levels_of(item):
    if type(item) is list:
        return 1 + max((levels_of(part) for part in item), default=0)
    if type(item) is dict:
        return 1 + max((max(levels_of(key), levels_of(value)) for key, value in item.items()), default=0)
    return 0


def numbers(items, least, most=None):
    """A list of unsigned integers, with bounds on how many."""
    require(type(items) is list and least <= len(items) <= (most or least), "wrong length")
    require(all(type(item) is int and 0 <= item <= U64 for item in items), "not unsigned integers")
    return items


def entries_of(items):
    """Trace entries; BadFrame at the first that is not well formed."""
    for entry in items:
        require(type(entry) is list and len(entry) == 2, "not an entry")
        name, micros = entry
        require(type(name) is str and len(name.encode(errors="surrogateescape")) <= NAME_MAX, "no name")
        require(type(micros) is int and 0 <= micros < 2**63, "no time")
    return items


# ---- frames --------------------------------------------------------------------------------------


def read_hello(reader):
    frame = dict(answer=reader.boolean(), version_min=reader.uint(255), version_max=reader.uint(255),
                 role=reader.uint(1), ring=reader.text(NAME_MAX), pod=reader.text(NAME_MAX), uid=reader.text(128),
                 node=reader.text(NAME_MAX), address=reader.address(), dialled=reader.address(),
                 boot=reader.uint(), leaving=reader.boolean(), room_envelopes=reader.uint(),
                 room_bytes=reader.uint())
    require(frame["boot"] > 0 and frame["pod"], "nobody")
    require(1 <= frame["version_min"] <= frame["version_max"], "versions")
    return frame


def read_relay(reader):
    frame = dict(floor=reader.uint(), first=reader.uint(U64 - FRAME_MAX), envelopes=reader.array())
    require(frame["floor"] <= frame["first"], "floor above first")
    require(all(type(envelope) is bytes for envelope in frame["envelopes"]), "an envelope that is not bin")
    return frame


def read_ack(reader):
    frame = dict(room_envelopes=reader.uint(), room_bytes=reader.uint(), ranges=reader.array(RANGES_MAX))
    for item in frame["ranges"]:
        word, first, last = numbers(item, 3, 4)[:3]
        require(word <= FINAL and first <= last, "a range that is none")
    return frame


def read_seed(reader):
    return dict(request=reader.uint(), count=reader.uint(U32), message=reader.text(ENVELOPE_MAX),
                limit_kind=reader.uint(1), limit=reader.uint(U32), ttl_ms=reader.uint(), wait=reader.uint(2))


def read_seeded(reader):
    frame = dict(request=reader.uint(), stage=reader.uint(3), boot=reader.uint(), counter=reader.uint(),
                 count=reader.uint(U32), trace_omitted=reader.uint(U32), trace=reader.array())
    entries_of(frame["trace"])
    return frame


def read_refuse(reader):
    frame = dict(code=reader.uint(9), reason=reader.text(512), request=reader.uint())
    require(frame["code"] > 0, "code")
    return frame


def read_ping(reader):
    frame = dict(token=reader.uint(), floor=reader.uint(), asks=reader.array(RANGES_MAX))
    for item in frame["asks"]:
        first, last = numbers(item, 2)
        require(first <= last, "a range that is none")
    return frame


def read_pong(reader):
    return dict(token=reader.uint(), room_envelopes=reader.uint(), room_bytes=reader.uint())


def unpacked(ext):
    return msgpack.unpackb(ext, raw=False, unicode_errors="surrogateescape", strict_map_key=False)


def takes_status(ext):
    return unpacked(ext).get("status") is True


def read_status(reader):
    told = reader.item()
    require(type(told) is bytes and len(told) <= 64 * 1024, "not bin, or too long")
    return dict(told=told)


READERS = {HELLO: (14, read_hello), RELAY: (3, read_relay), ACK: (3, read_ack), SEED: (7, read_seed),
           SEEDED: (7, read_seeded), REFUSE: (3, read_refuse), LEAVING: (0, lambda reader: {}),
           PING: (3, read_ping), PONG: (3, read_pong), STATUS: (1, read_status)}


def read_frame(data):
    reader = Reader(data, FRAME_MAX)
    require(reader.uint() == MAGIC, "magic")
    version = reader.uint(255)
    kind = reader.uint(10)
    session = reader.uint()
    require(kind in READERS, "type")
    fields, read = READERS[kind]
    require(reader.count == 4 + fields + 1, "number of fields")
    require(kind not in (HELLO, REFUSE) or version == 1, "version")
    frame = read(reader)
    ext = reader.ext()
    reader.finish()
    if kind == HELLO:
        frame["takes_status"] = takes_status(ext)
    return dict(type=kind, version=version, session=session, **frame)


def packed(item):
    return msgpack.packb(item, use_bin_type=True, unicode_errors="surrogateescape")


def address_bytes(text):
    return ipaddress.ip_address(text).packed


def write_frame(kind, session, fields, version=1, takes_status=False):
    """`fields`: the type's own, in the document's order; addresses are bytes already."""
    ext = {"status": True} if takes_status else {}
    return packed([MAGIC, 1 if kind in (HELLO, REFUSE) else version, kind, session, *fields, ext])


# ---- envelopes -----------------------------------------------------------------------------------

HEAD = ["boot", "counter", "origin", "hop", "lap", "limit_kind", "limit", "copies", "copies_on", "flags", "ended",
        "time_left_ms", "detours", "trace_omitted", "message"]


def read_envelope(data):
    reader = Reader(data, ENVELOPE_MAX)
    require(reader.count >= 16, "number of fields")
    envelope = dict(boot=reader.uint(), counter=reader.uint(), origin=reader.address(), hop=reader.uint(U32 - 2),
                    lap=reader.uint(U32 - 2), limit_kind=reader.uint(1), limit=reader.uint(10000),
                    copies=reader.uint(3), copies_on=reader.uint(1), flags=reader.uint(255) & 1,
                    ended=reader.uint(2), time_left_ms=reader.uint(U32), detours=reader.array(32),
                    trace_omitted=reader.uint(2**31 - 1), message=reader.text(ENVELOPE_MAX), ext=reader.ext())
    for detour in envelope["detours"]:
        require(all(number <= U32 for number in numbers(detour, 2)), "a detour that is none")
    require(envelope["boot"] > 0 and envelope["counter"] > 0, "id")
    require(envelope["copies"] > 0 and envelope["limit"] > 0, "copies or limit")
    require(envelope["limit_kind"] == 0 or envelope["limit"] <= 1000, "laps")
    require(int(ipaddress.ip_address(envelope["origin"])) != 0, "origin")
    entries = reader.count - 16
    begin = reader.unpacker.tell()
    require(entries <= (len(data) - begin) // 3 and (entries == 0) == (begin == len(data)), "entries")
    envelope["trace_count"] = entries
    envelope["trace_bytes"] = data[begin:]  # unread on the way
    return envelope


def trace_of(envelope):
    """The trace up to the first entry that is not well formed."""
    unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape")
    unpacker.feed(envelope["trace_bytes"])
    trace = []
    try:
        for _ in range(envelope["trace_count"]):
            trace.extend(entries_of([unpacker.unpack()]))
    except Exception:  # unpack() raises many kinds
        pass
    return trace


def array_header(count):
    return msgpack.Packer().pack_array_header(count)


def write_envelope(envelope, entry=None):
    """As handed on: with the sender's own entry behind the others, the middle cut where it must be."""
    trace_bytes, count, omitted = envelope["trace_bytes"], envelope["trace_count"], envelope["trace_omitted"]
    own = packed(list(entry)) if entry else b""
    most = TRACE_FIRST + TRACE_LAST
    grown = len(trace_bytes) + len(own) + 512 + len(envelope["message"].encode(errors="surrogateescape"))
    if entry and count + 1 > most and (envelope["limit_kind"] == 1 or grown > ENVELOPE_MAX):
        cut = count + 1 - most
        parts = [packed(item) for item in trace_of(envelope)]
        trace_bytes = b"".join(parts[:TRACE_FIRST] + parts[TRACE_FIRST + cut:])
        count -= cut
        omitted += cut
    fields = {**envelope, "origin": address_bytes(envelope["origin"]), "trace_omitted": omitted}
    head = b"".join(packed(fields[name]) for name in HEAD)
    return array_header(16 + count + bool(entry)) + head + envelope["ext"] + trace_bytes + own


# ---- rules ---------------------------------------------------------------------------------------


def order(address):
    """Addresses compare as numbers, IPv4 as v4-mapped."""
    number = ipaddress.ip_address(address)
    return int(number) + (0xFFFF << 32 if number.version == 4 else 0)


def passes(x, y, origin):
    """Is the origin in (x, y], going upward from x and wrapping round?"""
    x, y, origin = order(x), order(y), order(origin)
    if x < y:
        return x < origin <= y
    return origin > x or origin <= y


def fnv1a(data):
    number = 0xCBF29CE484222325
    for byte in data:
        number = (number ^ byte) * 0x100000001B3 & U64
    return number


def place_of(boot, node, copies_on):
    if copies_on == 0:
        return boot
    return fnv1a(node.encode() if node else struct.pack(">Q", boot))
