"""Custody, words, laps, duplicates and ends: proto-docs/delivery.md sections 2, 3 and 7, and the room of section 6.

Nothing here sends: what is to be handed on waits in `queue`, what clients are to be told in `told`, and a session that
came in is told words by its say().
"""

import collections
import dataclasses
import time

import frames

RECEIPT_MS = 60_000
MEMORY_GRACE_S = 10


@dataclasses.dataclass(eq=False)
class Held:
    envelope: dict
    accepted: float  # time.monotonic()
    arrived: int  # microseconds since 1970, for the trace
    sender: str
    waiters: list = dataclasses.field(default_factory=list)  # (session, sequence number)
    places: set = dataclasses.field(default_factory=set)  # that the successor named, and its own
    link: object = None  # on which it was sent
    sequence: int = 0
    received: bool = False
    attempt: int = 0
    own_seed: bool = False
    counted: bool = False  # takes room: the successor has not got it yet
    gone: bool = False  # let go, or replaced

    @property
    def id(self):
        return self.envelope["boot"], self.envelope["counter"]

    def ms_left(self):
        return max(self.envelope["time_left_ms"] - int((time.monotonic() - self.accepted) * 1000), 0)


@dataclasses.dataclass
class Memory:
    lap: int = -1
    held: Held | None = None
    final: bool = False
    until: float = 0


def text_of(identity):
    return f"{identity[0]:016x}-{identity[1]}"


class Custody:
    def __init__(self, me, log, queue_most):
        self.me, self.log, self.queue_most = me, log, queue_most
        self.memory = {}
        self.held = set()
        self.queue = collections.deque()
        self.not_received = 0  # what the successor has not got yet
        self.clients = {}  # counter of an own id -> (session, request, stage waited for)
        self.told = []  # (session, request, stage, id, trace, omitted): for clients, after the lines are written
        self.counter = 0
        self.duplicates = 0

    def room(self):
        return max(self.queue_most - self.not_received, 0)

    # ---- arriving

    def accept(self, data, sender, session=None, sequence=0):
        """Takes an envelope of a relay; False when it is not acked."""
        try:
            envelope = frames.read_envelope(data)
        except frames.BadFrame:
            return False
        identity = envelope["boot"], envelope["counter"]
        record = self.memory.setdefault(identity, Memory())
        if envelope["lap"] <= record.lap:
            self.duplicates += 1
            self.log.line("duplicate", id=text_of(identity), lap=envelope["lap"], sender_pod_ip=sender,
                          held=record.held is not None)
            if record.held is None:
                session.say(sequence, frames.FINAL if record.final else frames.SAFE)
            else:
                record.held.waiters.append((session, sequence))
                self.update_word(record.held)
            return True
        if record.held is None and self.room() == 0:
            return False
        held = Held(envelope, time.monotonic(), time.time_ns() // 1000, sender)
        if record.held is not None:  # it has come round: the later one takes the place of the earlier one
            held.waiters = record.held.waiters
            self.drop(record.held)
        held.waiters.append((session, sequence))
        record.lap, record.held, record.final = envelope["lap"], held, False
        self.hold(held, record)
        return True

    def seed(self, message, limit_kind, limit, ttl_ms, copies, receipt, sender):
        self.counter += 1
        envelope = dict(boot=self.me.boot, counter=self.counter, origin=self.me.address, hop=0, lap=0,
                        limit_kind=limit_kind, limit=limit, copies=copies, copies_on=0, flags=int(receipt), ended=0,
                        time_left_ms=ttl_ms, detours=[], trace_omitted=0, message=message, ext=b"\x80",
                        trace_count=0, trace_bytes=b"")
        self.log.line("seeded", id=text_of((self.me.boot, self.counter)), count=1, sender_pod_ip=sender,
                      **{"laps" if limit_kind else "hops": limit})
        held = Held(envelope, time.monotonic(), time.time_ns() // 1000, sender, own_seed=True)
        self.memory[held.id] = Memory(lap=0, held=held)
        self.hold(held, self.memory[held.id])
        return held.id

    def hold(self, held, record):
        self.held.add(held)
        envelope = held.envelope
        record.until = time.monotonic() + envelope["time_left_ms"] / 1000 + MEMORY_GRACE_S
        if envelope["ended"]:
            if frames.passes(held.sender, self.me.address, envelope["origin"]):
                return self.come_home(held)
            if envelope["time_left_ms"] == 0:
                return self.let_go(held, final=True)
            return self.enqueue(held)
        self.visit_line("received", held, message=envelope["message"], sender_pod_ip=held.sender)
        done = envelope["lap"] if envelope["limit_kind"] else envelope["hop"]
        if done >= envelope["limit"]:
            self.end(held, 1)
        elif envelope["time_left_ms"] == 0:
            self.end(held, 2)
        else:
            self.enqueue(held)

    def visit_line(self, event, held, **fields):
        envelope = held.envelope
        if envelope["trace_omitted"]:
            fields["trace_omitted"] = envelope["trace_omitted"]
        if envelope["detours"]:
            fields["detours"] = [{"hop": hop, "try": attempt} for hop, attempt in envelope["detours"]]
        self.log.line(event, id=text_of(held.id), hop=envelope["hop"], lap=envelope["lap"],
                      trace=[name for name, _ in frames.trace_of(envelope)], **fields)

    # ---- ends

    def end(self, held, how):
        if held.own_seed and how == 2:
            held.own_seed = False  # it never got as far as safe
        self.visit_line("completed" if how == 1 else "expired", held)
        envelope = held.envelope
        if not envelope["flags"] & 1:
            return self.let_go(held, final=True)
        envelope.update(ended=how, time_left_ms=RECEIPT_MS)
        held.accepted = time.monotonic()
        if envelope["origin"] == self.me.address:
            return self.come_home(held)
        self.memory[held.id].until += RECEIPT_MS / 1000
        return self.enqueue(held)

    def come_home(self, held):
        envelope = held.envelope
        if envelope["boot"] == self.me.boot:
            self.log.line("receipt", id=text_of(held.id), end="completed" if envelope["ended"] == 1 else "expired",
                          hop=envelope["hop"])
            stage = frames.COMPLETED if envelope["ended"] == 1 else frames.EXPIRED
            self.tell(held, stage, frames.trace_of(envelope), envelope["trace_omitted"])
        self.let_go(held, final=True)

    def run_out(self, held):
        """No time is left, and it was not sent."""
        if held.envelope["ended"]:
            self.let_go(held, final=True)
        else:
            self.end(held, 2)

    def expire(self):
        waiting = [held for held in self.queue if not held.gone and held.link is None]
        self.queue = collections.deque(held for held in waiting if held.ms_left() > 0)
        for held in waiting:
            if held.ms_left() == 0:
                self.run_out(held)
        now = time.monotonic()
        for identity in [identity for identity, record in self.memory.items()
                         if record.held is None and record.until < now]:
            del self.memory[identity]

    # ---- custody and words

    def enqueue(self, held, front=False):
        held.link, held.received, held.places = None, False, set()
        if not held.counted:
            held.counted = True
            self.not_received += 1
        (self.queue.appendleft if front else self.queue.append)(held)
        self.update_word(held)

    def next_queued(self):
        while self.queue:
            held = self.queue.popleft()
            if not held.gone and held.link is None:
                if held.ms_left() > 0:
                    return held
                self.run_out(held)
        return None

    def sent(self, held, link, sequence):
        held.link, held.sequence = link, sequence
        held.attempt += 1

    def free_room(self, held):
        if held.counted:
            held.counted = False
            self.not_received -= 1

    def on_received(self, held):
        held.received = True
        self.free_room(held)

    def on_places(self, held, places):
        held.places = places - {self.me.place(held.envelope["copies_on"])}
        self.update_word(held)

    def drop(self, held):
        """Out of the queue or off its session."""
        self.free_room(held)
        if held.link is not None:
            held.link.window.pop(held.sequence, None)
        held.gone = True
        self.held.discard(held)

    def let_go(self, held, final):
        self.drop(held)
        for session, sequence in held.waiters:
            session.say(sequence, frames.FINAL if final else frames.SAFE)
        if held.own_seed:
            self.confirm_safe(held)
        record = self.memory[held.id]
        if record.held is held:
            record.held, record.final = None, final

    def update_word(self, held):
        copies = held.envelope["copies"]
        if len(held.places) + 1 >= copies:
            for session, sequence in held.waiters:
                session.say(sequence, frames.SAFE)
            held.waiters = []
            if held.own_seed:
                self.confirm_safe(held)
            return
        for session, sequence in held.waiters:
            session.say(sequence, frames.RECEIVED, sorted(held.places)[:copies - 2] if copies > 2 else [])

    def confirm_safe(self, held):
        held.own_seed = False
        self.log.line("safe", id=text_of(held.id))
        self.tell(held, frames.STAGE_SAFE, [], 0)

    def tell(self, held, stage, trace, omitted):
        client = self.clients.get(held.id[1])
        if client is not None:
            session, request, wait = client
            self.told.append((session, request, stage, held.id, trace, omitted))
            if stage >= wait:
                del self.clients[held.id[1]]
