#!/usr/bin/python3
"""A peer of a podring in Python, written from proto-docs alone: a second opinion on the documents.

It hands on, keeps custody, acks, retries, reroutes, takes seeds and writes the same log lines. What it has not: DNS
(the peers are a fixed list), being alone in a view, HTTP. --drop plants the loss of frames, both ways.

    peer.py --address 127.0.0.2 --peers 127.0.0.1,127.0.0.2,127.0.0.3 [--drop 0.02]
"""

import argparse
import ipaddress
import random
import secrets
import signal
import sys
import time

import zmq

import frames
from custody import Custody
from lines import Log
from sessions import BATCH_BYTES, HELLO_AGAIN, Inbound, Link, PING_EVERY, SILENT_AFTER
from statuses import Statuses

PROBE_EVERY, IDLE_KEPT, INBOUND_KEPT, TICK = 1.0, 3.0, 60.0, 0.02
ENVELOPES_AT_ONCE = 256
QUEUE, QUEUE_BYTES = 1024, 16 * 1024 * 1024
HOPS, TTL_MS, COPIES = 10, 600_000, 2


class Me:
    def __init__(self, address, pod, node):
        self.address, self.pod, self.node = address, pod, node
        self.boot = secrets.randbits(64) | 1

    def place(self, copies_on):
        return frames.place_of(self.boot, self.node, copies_on)


class Peer:
    def __init__(self, options):
        self.options = options
        self.me = Me(options.address, options.name, options.node)
        self.log = Log(options.name, self.me.boot)
        self.custody = Custody(self.me, self.log, QUEUE)
        self.statuses = Statuses(options.address)
        self.started = time.monotonic()
        self.others = sorted(set(options.peers.split(",")) - {options.address}, key=self.distance)
        self.random = random.Random(options.drop_seed)
        self.dropped = 0
        self.leaving = self.stopping = False
        self.leaving_since = 0.0
        self.links, self.inbound = {}, {}  # by address; by route
        self.suspected, self.leaving_peers, self.told_health = {}, set(), {}  # suspected: address -> probe at
        self.target = None
        self.next_session, self.next_token = 1, 1
        self.expire_at = 0.0
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.setsockopt(zmq.LINGER, 0)
        self.router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.router.setsockopt(zmq.MAXMSGSIZE, frames.FRAME_MAX)
        self.router.bind(f"tcp://{options.address}:{options.port}")
        self.poller = zmq.Poller()
        self.poller.register(self.router, zmq.POLLIN)

    def distance(self, address):
        """Places other addresses in ring order, going upward from here."""
        number, own = frames.order(address), frames.order(self.options.address)
        return number < own, number

    # ---- the loop

    def run(self):
        configuration = {"--log-hops": {"value": "true", "source": "default"}}
        self.log.line("started", address=self.me.address, uid="", node=self.me.node, version="python",
                      ring=self.options.ring, configuration=configuration)
        self.digest = frames.fnv1a(b"".join(frames.order(address).to_bytes(16, "big")
                                       for address in sorted([self.me.address, *self.others], key=frames.order)))
        self.log.line("view", added=sorted(self.others, key=frames.order), removed=[], digest=f"{self.digest:016x}",
                      size=1 + len(self.others))
        self.refresh()
        while not self.may_exit():
            self.turn()
        self.log.line("stopped", reason="SIGTERM", exit_code=0, held=len(self.custody.held), grace_over=False)
        self.log.write()
        print(f"frames dropped: {self.dropped}; duplicates: {self.custody.duplicates}", file=sys.stderr)

    def turn(self):
        self.poller.poll(TICK * 1000)
        self.read_router()
        for link in list(self.links.values()):
            self.read_link(link)
        self.tick()
        self.hand_on()
        self.log.write()  # before anybody is told of what it says
        self.write_acks()
        self.tell_statuses()

    def tell_statuses(self):
        suspects = sorted(self.suspected, key=frames.order)
        self.statuses.tell(
            boot=self.me.boot, flags=int(self.leaving), suspect_count=len(suspects), suspects=suspects[:16],
            pod=self.me.pod, uid="", node=self.me.node, release="python",
            uptime_s=int(time.monotonic() - self.started), view_size=1 + len(self.others), digest=self.digest,
            queue=QUEUE - self.custody.room(), held=len(self.custody.held),
            successor=self.target.address if self.target else "", predecessor=self.others[-1],
            round_trip_us=int((self.target and self.target.smoothed or 0) * 1e6), handed_on=0, retries=0)
        neighbours = {(session.remote["boot"], session.session): session for session in self.inbound.values()
                      if session.is_peer and session.remote["takes_status"]}
        if self.target and self.target.remote["takes_status"]:
            boot = self.target.remote["boot"]
            neighbours = {one: session for one, session in neighbours.items() if one[0] != boot}
            neighbours[boot, self.target.session] = self.target
        for one, told in self.statuses.next_for(neighbours):
            (self.send_link if neighbours[one] is self.target else self.send_route)(
                neighbours[one], frames.STATUS, [told])

    def may_exit(self):
        if self.stopping and not self.leaving:
            self.leaving, self.leaving_since = True, time.monotonic()
            self.log.line("leaving")
            for link in self.links.values():
                if link.is_up:
                    self.send_link(link, frames.LEAVING, [])
            for session in self.inbound.values():
                self.send_route(session, frames.LEAVING, [])
        if not self.leaving or self.custody.held or time.monotonic() - self.leaving_since < self.options.linger:
            return False
        return not any(session.words and time.monotonic() - session.last_heard < SILENT_AFTER
                       for session in self.inbound.values())

    # ---- sending, and the loss that is planted

    def lost(self):
        if self.random.random() >= self.options.drop:
            return False
        self.dropped += 1
        return True

    def send_link(self, link, kind, fields):
        if self.lost():
            return
        try:
            link.socket.send(frames.write_frame(kind, link.session, fields, takes_status=kind == frames.HELLO),
                             zmq.DONTWAIT)
        except zmq.Again:
            self.dropped += 1

    def send_route(self, session, kind, fields):
        self.answer(session.route, session.session, kind, fields)

    def answer(self, route, session, kind, fields):
        if self.lost():
            return
        try:
            frame = frames.write_frame(kind, session, fields, takes_status=kind == frames.HELLO)
            self.router.send_multipart([route, frame], zmq.DONTWAIT)
        except zmq.ZMQError:  # gone, or full
            self.dropped += 1

    def hello(self, answer, dialled):
        me = self.me
        return [answer, 1, 1, 0, self.options.ring, me.pod, "", me.node, frames.address_bytes(me.address),
                frames.address_bytes(dialled), me.boot, self.leaving, self.custody.room(), QUEUE_BYTES]

    # ---- what comes in

    def read_router(self):
        for _ in range(1000):
            try:
                route, *parts = self.router.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(parts) == 1 and not self.lost():
                try:
                    self.on_route_frame(route, frames.read_frame(parts[0]))
                except frames.BadFrame:
                    pass  # it changes nothing

    def on_route_frame(self, route, frame):
        kind = frame["type"]
        if kind == frames.HELLO:
            return self.on_hello(route, frame)
        session = self.inbound.get(route)
        if session is None or session.session != frame["session"]:
            if kind in (frames.RELAY, frames.PING, frames.SEED):
                self.answer(route, frame["session"], frames.REFUSE, [4, "say hello first", frame.get("request", 0)])
            return None
        session.last_heard = time.monotonic()
        if kind == frames.RELAY and session.is_peer:
            session.on_relay(frame, self.custody.accept)
        elif kind == frames.PING:
            session.on_ping(frame)
            self.send_route(session, frames.PONG, [frame["token"], self.custody.room(), QUEUE_BYTES])
        elif kind == frames.SEED:
            self.on_seed(session, frame)
        elif kind == frames.LEAVING and session.is_peer:
            self.on_leaving(session.remote["address"])
        elif kind == frames.STATUS and session.is_peer:
            self.statuses.take(session.remote["boot"], frame["told"])
        return None

    def on_hello(self, route, frame):
        if frame["answer"] or frame["session"] == 0:
            return
        refusal = None
        if frame["ring"] != self.options.ring:
            refusal = [1, f"this is the ring '{self.options.ring}', not '{frame['ring']}'", 0]
        elif not frame["version_min"] <= 1 <= frame["version_max"]:
            refusal = [2, "version 1 is spoken here", 0]
        elif frame["dialled"] != self.me.address or frame["boot"] == self.me.boot:
            refusal = [3, f"this is {self.me.address}", 0]
        if refusal:
            return self.answer(route, frame["session"], frames.REFUSE, refusal)
        for other, session in list(self.inbound.items()):
            if session.remote["boot"] != frame["boot"] and other != route:
                continue
            if session.remote["boot"] == frame["boot"] and frame["session"] < session.session:
                return None  # late, of a session that was given up
            if frame["session"] > session.session or other != route or session.remote["boot"] != frame["boot"]:
                session.alive = False
                del self.inbound[other]
        session = self.inbound.get(route)
        if session is None:
            session = self.inbound[route] = Inbound(route, frame, frame["session"])
        session.last_heard = time.monotonic()
        self.send_route(session, frames.HELLO, self.hello(True, frame["dialled"]))
        if session.is_peer:
            self.suspected = {address: 0.0 if address == frame["address"] else at
                              for address, at in self.suspected.items()}
            if frame["leaving"]:
                self.on_leaving(frame["address"])
            else:
                self.leaving_peers.discard(frame["address"])
        return None

    def on_seed(self, session, frame):
        kind, limit = frame["limit_kind"], frame["limit"]
        if limit == 0:
            kind, limit = 0, HOPS
        bounds = 1 <= frame["count"] <= 1000 and limit <= (1000 if kind else 10000) and frame["ttl_ms"] <= frames.U32
        if not bounds:
            return self.send_route(session, frames.REFUSE, [8, "a field is out of bounds", frame["request"]])
        if len(frame["message"].encode(errors="surrogateescape")) > 100_000 or limit > 1000:
            return self.send_route(session, frames.REFUSE, [7, "too large for this peer", frame["request"]])
        if self.custody.room() < frame["count"] + 1:  # a slot is left free: the bubble
            return self.send_route(session, frames.REFUSE, [5, "no room; try again later", frame["request"]])
        first = self.custody.counter + 1
        for counter in range(first, first + frame["count"]):
            if frame["wait"] > 0:
                self.custody.clients[counter] = session, frame["request"], frame["wait"]
            self.custody.seed(frame["message"], kind, limit, frame["ttl_ms"] or TTL_MS, COPIES, frame["wait"] == 2,
                              session.remote["address"])
        return self.send_route(session, frames.SEEDED,
                               [frame["request"], 0, self.me.boot, first, frame["count"], 0, []])

    def on_leaving(self, address):
        self.leaving_peers.add(address)
        self.refresh()

    def read_link(self, link):
        news = link.events()
        if news is True and link.session == 0:
            link.session = self.next_session
            self.next_session += 1
            link.hello_at = 0.0
        for _ in range(1000):
            try:
                parts = link.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            if len(parts) == 1 and not self.lost():
                try:
                    self.on_link_frame(link, frames.read_frame(parts[0]))
                except frames.BadFrame:
                    pass
            if self.links.get(link.address) is not link:
                return
        if news is False:
            self.lose(link, "broken")

    def on_link_frame(self, link, frame):
        if frame["session"] != link.session:
            return
        link.last_heard = time.monotonic()
        kind = frame["type"]
        if kind == frames.HELLO and frame["answer"] and not link.is_up:
            right = frame["ring"] == self.options.ring and frame["address"] == link.address
            if not right or not frame["version_min"] <= 1 <= frame["version_max"]:
                return self.lose(link, "refused")
            link.remote = frame
            link.room, link.room_bytes = frame["room_envelopes"], frame["room_bytes"]
            link.ping_at = link.idle_since = time.monotonic()
            self.suspected.pop(link.address, None)
            (self.leaving_peers.add if frame["leaving"] else self.leaving_peers.discard)(link.address)
            self.log.line("link_up", peer=link.address, peer_pod=frame["pod"], peer_node=frame["node"],
                          peer_boot=f"{frame['boot']:016x}", session=link.session, version=1)
            self.refresh()
        elif kind == frames.REFUSE and (frame["code"] == 4 or not link.is_up):
            self.lose(link, "no_session" if frame["code"] == 4 else "refused", suspect=frame["code"] != 4)
        elif link.is_up and kind == frames.ACK:
            link.on_ack(frame, self.custody, self.me)
        elif link.is_up and kind == frames.PONG:
            link.room, link.room_bytes = frame["room_envelopes"], frame["room_bytes"]
            if frame["token"] == link.token:
                link.token = 0
        elif link.is_up and kind == frames.LEAVING:
            self.on_leaving(link.address)
        elif link.is_up and kind == frames.STATUS:
            self.statuses.take(link.remote["boot"], frame["told"])

    # ---- links and health

    def dial(self, address):
        link = self.links[address] = Link(self.context, self.options.address, address, self.options.port)
        self.poller.register(link.socket, zmq.POLLIN)
        self.poller.register(link.monitor, zmq.POLLIN)

    def hang_up(self, link):
        self.poller.unregister(link.socket)
        self.poller.unregister(link.monitor)
        link.close()
        del self.links[link.address]
        if self.target is link:
            self.target = None

    def lose(self, link, reason, suspect=True):
        """The session is dead: what was not let go on it is handed over again, received or not."""
        if link.is_up or link.address not in self.suspected:
            self.log.line("link_down", "warn", peer=link.address, reason=reason, handed_back=len(link.window))
        for number in sorted(link.window, reverse=True):
            held = link.window[number]
            hop = held.envelope["hop"] + (not held.envelope["ended"])
            held.envelope["detours"] = [*held.envelope["detours"], [hop, held.attempt + 1]][-32:]
            self.log.line("detour", id=f"{held.id[0]:016x}-{held.id[1]}", hop=hop, **{"try": held.attempt + 1},
                          from_successor=link.address)
            self.custody.enqueue(held, front=True)
        link.window = {}
        self.hang_up(link)
        if suspect:
            self.suspected[link.address] = time.monotonic() + PROBE_EVERY
        self.refresh()

    def refresh(self):
        """Dials the first peer that is not suspected, chooses the best link, and tells whom it passes over."""
        up = [address for address in self.others
              if address in self.links and self.links[address].is_up and address not in self.suspected]
        best = next((address for address in up if address not in self.leaving_peers), up[0] if up else None)
        for address in self.others:
            if address == best:
                break
            if address not in self.suspected and address not in self.leaving_peers:
                if address not in self.links:
                    self.dial(address)
                break
        if best is None:
            for address in self.others:
                if address in self.leaving_peers and address not in self.suspected and address not in self.links:
                    self.dial(address)
                    break
        before, self.target = self.target, self.links.get(best)
        if self.target is None:
            return
        for address in self.others[:self.others.index(best)]:
            self.tell_health(address, "leaving" if address in self.leaving_peers - set(self.suspected) else "down")
        self.tell_health(best, "up")
        if self.target is not before:
            self.log.line("successor", successor=best)
            if before is not None:
                before.idle_since = time.monotonic()

    def tell_health(self, address, state):
        if self.told_health.get(address, "up") != state:
            self.told_health[address] = state
            self.log.line("peer_health", peer=address, state=state)

    def tick(self):
        now = time.monotonic()
        for link in list(self.links.values()):
            if self.links.get(link.address) is not link:
                continue
            if not link.is_up:
                if now >= link.give_up_at:
                    self.lose(link, "silent")
                elif link.hello_at is not None and now >= link.hello_at:
                    link.hello_at = now + HELLO_AGAIN
                    self.send_link(link, frames.HELLO, self.hello(False, link.address))
                continue
            if now - link.last_heard >= SILENT_AFTER:
                self.lose(link, "silent")
                continue
            if link.ask_at is not None and now >= link.ask_at:
                link.asks += 1
                link.ask_at = now + link.rto(link.asks)
                self.ping(link, link.to_ask())
            if now >= link.ping_at:
                self.ping(link, [])
            if link.resend_at is not None and now >= link.resend_at:
                self.resend(link)
            if link is self.target or link.window:
                link.idle_since = now
            elif now - link.idle_since > IDLE_KEPT:
                self.log.line("link_down", peer=link.address, reason="idle", handed_back=0)
                self.hang_up(link)
        for address, at in list(self.suspected.items()):
            if now >= at and address not in self.links:
                self.suspected[address] = now + PROBE_EVERY
                self.dial(address)
        for route, session in list(self.inbound.items()):
            if now - session.last_heard > INBOUND_KEPT:
                session.alive = False
                del self.inbound[route]
        if now >= self.expire_at:
            self.expire_at = now + 1.0
            self.custody.expire()

    def ping(self, link, asks):
        link.token, self.next_token = self.next_token, self.next_token + 1
        link.ping_at = time.monotonic() + PING_EVERY
        self.send_link(link, frames.PING, [link.token, link.floor, asks])

    # ---- handing on

    def written(self, held, to):
        envelope = held.envelope
        running = not envelope["ended"]
        passed = frames.passes(self.me.address, to, envelope["origin"])
        after = {**envelope, "hop": envelope["hop"] + running, "lap": envelope["lap"] + passed,
                 "time_left_ms": held.ms_left()}
        return frames.write_envelope(after, (self.me.pod, held.arrived) if running else None)

    def relay(self, link, first, batch):
        if batch:
            self.send_link(link, frames.RELAY, [link.floor, first, batch])

    def hand_on(self):
        link = self.target
        if link is None or not self.custody.queue:
            return
        waiting = len(link.unreceived)
        first, batch, size = link.next_number, [], 0
        for _ in range(ENVELOPES_AT_ONCE):
            if waiting >= max(link.room, 1):  # with no room, one as an attempt
                break
            held = self.custody.next_queued()
            if held is None:
                break
            data = self.written(held, link.address)
            if batch and size + len(data) > BATCH_BYTES:
                self.relay(link, first, batch)
                first, batch, size = link.next_number, [], 0
            self.custody.sent(held, link, link.next_number)
            link.window[link.next_number] = held
            link.sent_at[link.next_number] = time.monotonic()
            link.next_number += 1
            batch.append(data)
            size += len(data)
            waiting += 1
        self.relay(link, first, batch)
        if link.unreceived and link.resend_at is None:
            link.resend_at = time.monotonic() + link.rto(0)

    def resend(self, link):
        """What the successor does not say it has, oldest first, one frame's worth."""
        first, batch, size = 0, [], 0
        for number in sorted(link.unreceived):
            if batch and number != first + len(batch):
                self.relay(link, first, batch)
                batch = []
            data = self.written(link.window[number], link.address)
            if size and (size + len(data) > BATCH_BYTES or link.room == 0):
                break
            if not batch:
                first = number
            batch.append(data)
            size += len(data)
            link.resent.add(number)
        self.relay(link, first, batch)
        link.resends += 1
        link.resend_at = time.monotonic() + link.rto(link.resends)

    def write_acks(self):
        room = self.custody.room()
        for session in list(self.inbound.values()):
            while session.dirty:
                ranges = session.ranges()
                if not ranges:
                    break
                session.told_no_room = room == 0
                self.send_route(session, frames.ACK, [room, QUEUE_BYTES, ranges])
            if session.told_no_room and room > 0:
                session.told_no_room = False
                self.send_route(session, frames.ACK, [room, QUEUE_BYTES, []])
        told, self.custody.told = self.custody.told, []
        for session, request, stage, (boot, counter), trace, omitted in told:
            if session.alive:
                self.send_route(session, frames.SEEDED, [request, stage, boot, counter, 1, omitted, trace])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True, type=lambda text: str(ipaddress.ip_address(text)))
    parser.add_argument("--peers", required=True, help="ip,ip,...")
    parser.add_argument("--port", type=int, default=5570)
    parser.add_argument("--ring", default="podring")
    parser.add_argument("--name", default="python")
    parser.add_argument("--node", default="")
    parser.add_argument("--linger", type=float, default=0.5, help="seconds that seeds are still taken when leaving")
    parser.add_argument("--drop", type=float, default=0.0, help="part of all frames, sent and received, that is lost")
    parser.add_argument("--drop-seed", type=int, default=1)
    peer = Peer(parser.parse_args())

    def stop(*_):
        peer.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    peer.run()


if __name__ == "__main__":
    main()
