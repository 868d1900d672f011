"""Sessions: those that came in, with the words their diallers are to be told, and those that go out
(proto-docs/wire-protocol.md sections 3, 4, 6 and 8; proto-docs/delivery.md section 4)."""

import time

import zmq
import zmq.utils.monitor

import frames

PING_EVERY, SILENT_AFTER, HELLO_TIMEOUT, HELLO_AGAIN = 0.5, 2.0, 0.7, 0.2
RTO_MIN, RTO_MAX = 0.2, 5.0
BATCH_BYTES, GAP_MOST = 64 * 1024, 20_000


class Inbound:
    """A session that came in. `words`: sequence number -> (word, places), for those that have one."""

    def __init__(self, route, hello, session):
        self.route, self.session, self.remote = route, session, hello
        self.is_peer = hello["role"] == 0
        self.alive = True
        self.last_heard = time.monotonic()
        self.floor, self.newest = 0, -1
        self.known, self.words, self.dirty = set(), {}, set()
        self.told_no_room = False

    def raise_floor(self, floor):
        if floor <= self.floor:
            return
        self.floor = floor
        self.known = {number for number in self.known if number >= floor}
        self.words = {number: word for number, word in self.words.items() if number >= floor}

    def say(self, sequence, word, places=()):
        if not self.alive or sequence < self.floor:
            return
        before = self.words.get(sequence)
        if before is not None and (before[0] != frames.RECEIVED or before == (word, tuple(places))):
            return  # safe and final stay
        self.words[sequence] = word, tuple(places)
        self.dirty.add(sequence)

    def say_again(self, sequence):
        if sequence in self.words:
            self.dirty.add(sequence)

    def on_relay(self, frame, accept):
        self.raise_floor(frame["floor"])
        if frame["first"] > self.newest + GAP_MOST:
            return
        for number, data in enumerate(frame["envelopes"], frame["first"]):
            self.newest = max(self.newest, number)
            if number < self.floor:
                continue
            if number in self.known:
                self.say_again(number)
            else:
                self.known.add(number)
                if not accept(data, self.remote["address"], self, number):
                    self.known.discard(number)

    def on_ping(self, frame):
        self.raise_floor(frame["floor"])
        for first, last in frame["asks"]:
            for number in list(self.words) if last - first > len(self.words) else range(first, last + 1):
                if first <= number <= last:
                    self.say_again(number)

    def ranges(self):
        """What is to be said, at most a frame's worth; the rest stays dirty."""
        made = []
        for number in sorted(self.dirty):
            if number not in self.words:
                self.dirty.discard(number)
                continue
            word, places = self.words[number]
            if made and made[-1][2] + 1 == number and made[-1][0] == word and tuple(made[-1][3:]) == places:
                made[-1][2] = number
            elif len(made) == frames.RANGES_MAX:
                break
            else:
                made.append([word, number, number, *places])
            self.dirty.discard(number)
        return made


class Link:
    """A session that goes out, over a DEALER of its own. `window`: sequence number -> Held, until it is let go."""

    def __init__(self, context, source, address, port):
        self.address = address
        self.socket = context.socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.IMMEDIATE, 1), (zmq.RECONNECT_IVL, -1),
                              (zmq.MAXMSGSIZE, frames.FRAME_MAX)):
            self.socket.setsockopt(option, value)
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        self.socket.connect(f"tcp://{source}:0;{address}:{port}")  # a hello is believed for its source alone
        now = time.monotonic()
        self.give_up_at, self.hello_at = now + HELLO_TIMEOUT, None
        self.session, self.remote = 0, None  # remote: the answer to hello
        self.window, self.next_number = {}, 0
        self.sent_at, self.resent = {}, set()
        self.room = self.room_bytes = 0
        self.smoothed, self.variation = None, 0.0
        self.resend_at = self.ask_at = None
        self.resends = self.asks = 0
        self.token, self.ping_at, self.last_heard, self.idle_since = 0, now, now, now

    def close(self):
        self.socket.disable_monitor()
        self.monitor.close()
        self.socket.close()

    def events(self):
        """True: connected; False: broken; None: no news."""
        news = None
        while self.monitor.poll(0):
            event = zmq.utils.monitor.recv_monitor_message(self.monitor)["event"]
            news = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if not news:
                return False
        return news

    @property
    def is_up(self):
        return self.remote is not None

    @property
    def floor(self):
        return min(self.window, default=self.next_number)

    @property
    def unreceived(self):
        return [number for number, held in self.window.items() if not held.received]

    def rto(self, expiries):
        base = 1.0 if self.smoothed is None else self.smoothed + max(4 * self.variation, 0.001)
        return min(max(base, RTO_MIN) * 2**expiries, RTO_MAX)

    def sample(self, seconds):
        """RFC 6298."""
        if self.smoothed is None:
            self.smoothed, self.variation = seconds, seconds / 2
        else:
            self.variation += (abs(self.smoothed - seconds) - self.variation) / 4
            self.smoothed += (seconds - self.smoothed) / 8

    def on_ack(self, frame, custody, me):
        now = time.monotonic()
        self.room, self.room_bytes = frame["room_envelopes"], frame["room_bytes"]
        let_go = received = False
        for word, first, last, *places in frame["ranges"]:
            numbers = range(first, last + 1) if last - first < len(self.window) else sorted(self.window)
            for number in numbers:
                held = self.window.get(number)
                if held is None or not first <= number <= last:
                    continue
                if not held.received:
                    if number not in self.resent and not received:
                        self.sample(now - self.sent_at[number])
                    custody.on_received(held)
                    self.sent_at[number] = now
                    received = True
                if word == frames.RECEIVED:
                    own = frames.place_of(self.remote["boot"], self.remote["node"], held.envelope["copies_on"])
                    custody.on_places(held, {own, *places})
                else:
                    custody.let_go(held, final=word == frames.FINAL)
                    let_go = True
        for number in [number for number in self.sent_at if number not in self.window]:
            del self.sent_at[number]
            self.resent.discard(number)
        waiting = self.unreceived
        if received:
            self.resends = 0
            self.resend_at = None
        if not waiting:
            self.resend_at = None
        elif self.resend_at is None:
            self.resend_at = now + self.rto(0)
        if let_go:
            self.asks = 0
        if len(waiting) == len(self.window):
            self.ask_at = None
        elif let_go or self.ask_at is None:
            self.ask_at = now + self.rto(self.asks)

    def to_ask(self):
        now = time.monotonic()
        asks = []
        for number in sorted(self.window):
            if not self.window[number].received or now - self.sent_at[number] < RTO_MIN / 2:
                continue
            if asks and asks[-1][1] + 1 == number:
                asks[-1][1] = number
            elif len(asks) < frames.RANGES_MAX:
                asks.append([number, number])
        return asks
