"""What peers tell one another about themselves: proto-docs/wire-protocol.md section 9.

An entry is a dict of the document's fields. `Statuses` is a peer's part in it: nothing here sends.
"""

import ipaddress
import time

import frames

TOLD_MAX = 64 * 1024
BRIEF, FULL, SUSPECTS = 7, 22, 16
ROUND, KEPT = 5.0, 60.0  # seconds
AT_A_GLANCE = ["flags", "suspect_count", "suspects", "view_size", "digest", "successor", "predecessor"]


def read_entry(reader):
    fields = reader.count
    frames.require(fields in (BRIEF, FULL), "number of fields")
    entry = dict(boot=reader.uint(), version=reader.uint(), age_ms=reader.uint(frames.U32), address=reader.address(),
                 flags=reader.uint(255) & 1, suspect_count=reader.uint(frames.U32))
    suspects = reader.array(SUSPECTS)
    frames.require(all(type(one) is bytes and len(one) in (4, 16) for one in suspects), "a suspect that is no address")
    entry["suspects"] = [str(ipaddress.ip_address(one)) for one in suspects]
    frames.require(entry["boot"] > 0 and int(ipaddress.ip_address(entry["address"])) != 0, "boot or address")
    if fields == BRIEF:
        return entry
    entry.update(pod=reader.text(frames.NAME_MAX), uid=reader.text(128), node=reader.text(frames.NAME_MAX),
                 release=reader.text(64), uptime_s=reader.uint(frames.U32), view_size=reader.uint(frames.U32),
                 digest=reader.uint(), queue=reader.uint(frames.U32), held=reader.uint(frames.U32),
                 successor=reader.optional_address(), predecessor=reader.optional_address(),
                 round_trip_us=reader.uint(frames.U32), handed_on=reader.uint(frames.U32),
                 retries=reader.uint(frames.U32))
    frames.require(entry["pod"] != "", "no name")
    lanes = frames.unpacked(reader.ext()).get("lanes")
    if are_lanes(lanes):
        entry["lanes"] = lanes
    return entry


def are_lanes(told):
    """zmq's and udp's: nothing, or state, sent, lost, round_trip_us, jitter_us, path_mtu."""
    return isinstance(told, list) and len(told) == 2 and all(
        lane == [] or isinstance(lane, list) and len(lane) == 6 and all(type(one) is int for one in lane)
        and 0 <= lane[0] <= 2 and all(0 <= one <= frames.U32 for one in lane[1:]) for lane in told)


def read_statuses(told):
    entries = []
    reader = frames.Reader(told, TOLD_MAX) if told else None
    while reader:
        entries.append(read_entry(reader))
        if reader.unpacker.tell() == len(told):
            break
        reader.begin_array()
    return entries


def write_status(entry):
    """Brief when the entry has no more than that."""
    items = []
    ext = {"lanes": entry["lanes"]} if "lanes" in entry else {}
    for name, field in entry.items():
        if name == "lanes":
            continue
        if name == "suspects":
            field = [frames.address_bytes(one) for one in field]
        elif name in ("address", "successor", "predecessor"):
            field = frames.address_bytes(field) if field else b""
        items.append(field)
    return frames.packed(items if len(items) == BRIEF else [*items, ext])


class Statuses:
    """The newest entry of each address, and what each neighbour is still to hear."""

    def __init__(self, address):
        self.address = address
        self.known = {}  # address -> (entry, when its peer told it)
        self.waiting = {}  # (boot, session) of a neighbour -> addresses
        self.version = 0

    def tell(self, **fields):
        """This peer's own, when something in it others should hear at once, or every round."""
        before, told_at = self.known.get(self.address, ({}, 0.0))
        same = all(before.get(name) == fields[name] for name in AT_A_GLANCE)
        if same and time.monotonic() - told_at < ROUND:
            return
        self.version += 1
        entry = dict(boot=fields.pop("boot"), version=self.version, age_ms=0, address=self.address, **fields)
        self.keep(entry, time.monotonic(), None)

    def take(self, boot, told):
        now = time.monotonic()
        for entry in read_statuses(told):
            told_at = now - entry["age_ms"] / 1000
            known, known_at = self.known.get(entry["address"], ({}, 0.0))
            same = known.get("boot") == entry["boot"]
            newer = entry["version"] > known["version"] if same else told_at > known_at
            if entry["address"] != self.address and entry["age_ms"] < KEPT * 1000 and newer:
                # The order of the fields is the wire's: a brief entry of a known peer changes some of them.
                self.keep({**known, **entry} if same else entry, told_at, boot)

    def keep(self, entry, told_at, but_not):
        self.known[entry["address"]] = entry, told_at
        for boot, session in self.waiting:
            if boot not in (but_not, entry["boot"]):
                self.waiting[boot, session].add(entry["address"])

    def next_for(self, neighbours):
        """Yields (neighbour, bytes) for those of the (boot, session) that have something to hear."""
        self.waiting = {one: self.waiting.get(one, set(self.known)) for one in neighbours}
        now = time.monotonic()
        for one, addresses in self.waiting.items():
            told = b""
            for address in sorted(addresses, key=frames.order):
                entry, told_at = self.known[address]
                told += write_status({**entry, "age_ms": int((now - told_at) * 1000)})
                addresses.discard(address)
                if len(told) > 16 * 1024:
                    break
            if told:
                yield one, told
