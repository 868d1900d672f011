"""What happens to the rings. Each scenario takes options and a folder, yields rows (check, good, figure)."""
import argparse
import contextlib
import signal
import statistics
import threading
import time

from support.network import HUB
from faults.ring import Outcome, Ring, wait_until

ENOUGH = 10  # faults
KILL_TARGET, SILENCE_TARGET, EIGHT_TARGET = 1.0, 3.0, 5.0  # seconds; proto-docs/delivery.md


@contextlib.contextmanager
def ring_under_load(options, folder, size=5, *flags, message=20, **more):
    ring = Ring(options, folder, size, *flags, **more)
    try:
        ring.load(options.rate, size=message)
        wait_until("confirmed message", lambda: ring.confirmed() > 0, 30)
        yield ring
    finally:
        ring.close()


def verdict(what, outcome, *extra):
    wrong = [*outcome.wrong, *extra]
    return what, not wrong, "; ".join([outcome.figure(), *wrong])


def spread(seconds):
    seconds = sorted(seconds)
    return f"p50 {statistics.median(seconds) * 1000:,.0f} ms, max {seconds[-1] * 1000:,.0f} ms of {len(seconds)}"


def reroute_row(what, seconds, target, faults):
    """Of a few faults none may have met an envelope under way; of ENOUGH one must have."""
    if not seconds:
        return what, faults < ENOUGH, f"not measured: nothing was under way at any of {faults}"
    return what, statistics.median(seconds) <= target, f"{spread(seconds)}; target {target:.0f} s"


def replace(ring, pod):
    """A pod that was killed comes back: as another process at the same address, or as another pod elsewhere."""
    if ring.random.random() < 0.5:
        pod.start()
    else:
        ring.remove(pod)
        pod.port.remove()
        ring.add(ring.new_pod())


def kill(options, folder, **ring_options):
    """SIGKILL to one pod after another, each when the ring is whole again."""
    faults, whole = [], []
    with ring_under_load(options, folder, **ring_options) as ring:
        while len(faults) < options.kills or ring.confirmed() < options.messages:
            time.sleep(ring.random.uniform(0, 1))
            victim = ring.random.choice(ring.pods)
            faults.append((time.time(), victim.address))
            victim.kill()
            time.sleep(ring.random.uniform(0, 2))
            replace(ring, victim)
            whole.append(ring.wait_whole())
        outcome = Outcome(ring, faults)
    yield verdict(f"{len(faults)} pods killed by SIGKILL", outcome)
    yield reroute_row("  from SIGKILL to the first rerouted hop", outcome.rerouted, KILL_TARGET, len(faults))
    yield "  from the restart to the whole ring", True, spread(whole)


def pause(options, folder):
    """SIGSTOP for longer and for shorter than the suspicion time in turn, then SIGCONT."""
    faults = []
    with ring_under_load(options, folder) as ring:
        for turn in range(options.rounds):
            victim = ring.random.choice(ring.pods)
            faults.append((time.time(), victim.address))
            victim.process.send_signal(signal.SIGSTOP)
            time.sleep(ring.random.uniform(3, 6) if turn % 2 == 0 else ring.random.uniform(0.2, 2))
            victim.process.send_signal(signal.SIGCONT)
            ring.wait_whole()
        outcome = Outcome(ring, faults)
    yield verdict(f"{len(faults)} pods paused by SIGSTOP, 0.2 to 6 s", outcome)
    yield reroute_row("  from SIGSTOP to the first rerouted hop", outcome.rerouted, SILENCE_TARGET, len(faults))


def cut(options, folder, what, block):
    """block(ring, pod) -> the pods whose filters have changed; the link from its predecessor to `pod` is gone then."""
    faults = []
    with ring_under_load(options, folder) as ring:
        for _ in range(options.rounds):
            victim = ring.random.choice(ring.pods)
            faults.append((time.time(), victim.address))
            changed = block(ring, victim)
            time.sleep(ring.random.uniform(3, 5))
            for pod in changed:
                pod.port.heal()
            ring.wait_whole()
        outcome = Outcome(ring, faults)
    yield verdict(f"{len(faults)} {what}", outcome)
    yield reroute_row("  from the cut to the first rerouted hop", outcome.rerouted, SILENCE_TARGET, len(faults))


def cut_one_way(options, folder):
    def block(ring, victim):
        from_, to = ring.after(victim, -1), victim
        if ring.random.random() < 0.5:
            from_, to = to, from_
        to.port.drop(f"in ip saddr {from_.address}")
        return [to]

    return cut(options, folder, "links cut one way", block)


def cut_both_ways(options, folder):
    def block(ring, victim):
        before = ring.after(victim, -1)
        victim.port.drop(f"in ip saddr {before.address}")
        before.port.drop(f"in ip saddr {victim.address}")
        return [victim, before]

    return cut(options, folder, "links cut both ways", block)


def cut_off(options, folder):
    def block(ring, victim):
        isolate(victim)
        return [victim]

    return cut(options, folder, "pods cut off from all others", block)


def isolate(pod):
    """From everybody but the clients and the name server."""
    pod.port.drop(f"in iifname eth0 ip saddr != {HUB}", f"out oifname eth0 ip daddr != {HUB}")


def eight(options, folder):
    """Eight of eleven fall silent, side by side; the pod before them is seeded."""
    took = []
    with ring_under_load(options, folder, size=11) as ring:
        before = ring.random.choice(ring.pods)
        ring.load(options.rate / 2, to=before)
        for _ in range(max(1, options.rounds // 4)):
            silent = [ring.after(before, steps) for steps in range(1, 9)]
            begin = time.time()
            for pod in silent:
                isolate(pod)
            took.append(begin)
            time.sleep(8)
            for pod in silent:
                pod.port.heal()
            ring.wait_whole()
        outcome = Outcome(ring, [(begin, ring.after(before).address) for begin in took])
    yield verdict(f"eight silent neighbours in a row, {len(took)} times", outcome)
    yield reroute_row("  until the first hop behind the eight", outcome.rerouted, EIGHT_TARGET, len(took))


def drop(options, folder):
    """Of all packets that come in at any pod, 5 % are dropped."""
    with ring_under_load(options, folder) as ring:
        for pod in ring.pods:
            pod.port.drop("in iifname eth0 numgen random mod 100 < 5")
        time.sleep(options.seconds)
        for pod in ring.pods:
            pod.port.heal()
        outcome = Outcome(ring)
    suspected = sum(1 for _ in outcome.lines('"event":"link_down".*"reason":"(silent|broken)"'))
    yield verdict(f"5 % of all packets dropped for {options.seconds} s", outcome)
    yield "  links given up meanwhile", True, str(suspected)


def lanes_open(ring):
    """Of all links, those whose frames go by datagram as well."""
    return sum(peer["udp_to"] is not None and peer["udp_to"]["state"] == "open"
               for pod in ring.pods for peer in (pod.ring_state() or {"peers": []})["peers"])


def of_all_lanes(ring, field):
    """Of every lane to a successor."""
    return [peer["udp_to"][field] for pod in ring.pods for peer in (pod.ring_state() or {"peers": []})["peers"] if peer["udp_to"]]


def datagrams(options, folder, what, hurt, *, path_mtu=None, **ring_options):
    """A ring of three with datagrams; hurt(ring, pod) does what happens at that pod. Lanes may fail, and open again; links do not, and
    nothing is repeated. path_mtu: what the lanes are expected to find before, in ascending order, and one of them meanwhile."""
    with ring_under_load(options, folder, 3, "--lanes", "udp", **ring_options) as ring:
        wait_until("open lanes", lambda: lanes_open(ring) == 3, 30)
        before, meanwhile = path_mtu or (None, None)
        if before:
            wait_until(f"datagrams of {before} bytes", lambda: sorted(of_all_lanes(ring, "path_mtu")) == before, 30)
        open_meanwhile = []
        for _ in range((1 if path_mtu else max(1, options.rounds // 4)) if hurt else 0):
            for pod in ring.pods:
                hurt(ring, pod)
            for _ in range(max(2, options.seconds // 10)):
                time.sleep(1)
                open_meanwhile.append(lanes_open(ring))
            if meanwhile:
                wait_until(f"datagrams of {meanwhile} bytes", lambda: meanwhile in of_all_lanes(ring, "path_mtu"), 30)
            for pod in ring.pods:
                pod.port.heal()
            wait_until("open lanes", lambda: lanes_open(ring) == 3, 60)
        sent, lost = sum(of_all_lanes(ring, "sent")), sum(of_all_lanes(ring, "lost"))
        outcome = Outcome(ring)
    repeated = outcome.found["totals"]["visits_repeated"]
    detours = outcome.found["totals"]["detours"]
    extra = [f"{repeated} visits repeated, {detours} detours"] if repeated or detours else []
    yield verdict(what, outcome, *extra)
    if open_meanwhile:
        yield "  open lanes of 3 meanwhile", True, f"{min(open_meanwhile)} to {max(open_meanwhile)}"
    yield "  datagrams to successors", sent > 0, f"{sent:,} sent, {lost:,} declared lost"
    failed = sum(1 for _ in outcome.lines('"event":"lane".*"open":false'))
    yield "  lanes that failed, and opened again", True, str(failed)


def one_by_one(options, folder, *cases):
    """datagrams() for each (folder, what, hurt, and what else it takes)."""
    for name, what, hurt, more in cases:
        logs = folder / name
        logs.mkdir()
        yield from datagrams(options, logs, what, hurt, **more)


def udp_loss(options, folder):
    def lose(percent):
        return lambda ring, pod: pod.port.drop(f"in iifname eth0 udp dport 5570 numgen random mod 100 < {percent}")

    yield from one_by_one(options, folder, *((str(percent), f"{percent} % of all datagrams dropped", lose(percent), {})
                                             for percent in (1, 5, 20)))


def udp_doubled(options, folder):
    def double(ring, pod):
        pod.port.double(20, [other.port for other in ring.pods if other is not pod])

    yield from datagrams(options, folder, "20 % of all datagrams come twice", double)


def udp_reordered(options, folder):
    yield from datagrams(options, folder, "10 % of all datagrams are overtaken", lambda ring, pod: pod.port.reorder(10))


def udp_mtu(options, folder):
    """1,280 bytes on one hop; larger datagrams vanish on one hop after 1,500 had been found; 9,000 everywhere."""
    def hole(ring, pod):
        if pod is ring.pods[0]:
            pod.port.drop("in iifname eth0 udp dport 5570 meta length > 1280")

    large = {"message": 1150}  # datagrams of more than 1,280 bytes, on most hops
    yield from one_by_one(
        options, folder,
        ("1280", "an MTU of 1,280 on one hop", None, {"mtus": (1280, 1500), "path_mtu": ([1200, 1200, 1452], None), **large}),
        ("hole", "no datagram above 1,280 bytes on one hop, in the middle of it", hole, {"path_mtu": ([1452] * 3, 1200), **large}),
        ("9000", "an MTU of 9,000 on all hops", None, {"mtus": (9000,), "path_mtu": ([8952] * 3, None)}))


def udp_blocked(options, folder):
    def one_way(ring, pod):
        if pod is ring.pods[0]:
            pod.port.drop("in iifname eth0 udp dport 5570")

    def both_ways(ring, pod):
        pod.port.drop("in iifname eth0 udp dport 5570", "out oifname eth0 udp dport 5570")

    yield from one_by_one(options, folder, ("one-way", "datagrams blocked one way, to one pod", one_way, {}),
                          ("both-ways", "datagrams blocked both ways, everywhere", both_ways, {}))


def ipv6(options, folder):
    """A ring of IPv6 addresses, known by AAAA records: datagrams blocked in the middle, ZeroMQ alone, pods killed."""
    def block(ring, pod):
        pod.port.drop("in iifname eth0 udp dport 5570")

    logs = folder / "zmq"
    logs.mkdir()
    yield from one_by_one(options, folder, ("udp", "IPv6: datagrams blocked everywhere, in the middle of it", block,
                                            {"ipv6": True, "path_mtu": ([1452] * 3, None)}))
    with ring_under_load(options, logs, 3, "--lanes", "zmq", ipv6=True) as ring:
        time.sleep(options.seconds)
        found = lanes_open(ring)
        outcome = Outcome(ring)
    yield verdict(f"IPv6: by ZeroMQ alone for {options.seconds} s", outcome)
    yield "  open lanes of 3", found == 0, str(found)
    logs = folder / "kill"
    logs.mkdir()
    fewer = argparse.Namespace(**{**vars(options), "kills": options.rounds, "messages": 0})
    for what, *rest in kill(fewer, logs, ipv6=True):
        yield what if what.startswith(" ") else f"IPv6: {what}", *rest


def lane_counts(pod, link, lane):
    """(sent, lost, expected, received) since the start, as the pod's metrics say."""
    text = pod.get("/metrics", 8081)[1].decode()
    labels = f'{{link="{link}",lane="{lane}"}}'
    found = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("podring_lane_"))}
    return [found.get(f"podring_lane_{what}_total{labels}", 0) for what in ("sent", "lost", "expected", "received")]


def share(part, whole):
    return part / whole if whole else 0.0


def lane_figures(options, folder):
    """What is lost on its way from one pod to the next, of one lane, is told of that lane and that direction."""
    percent = 10
    for lane, match in (("udp", "udp dport 5570"), ("zmq", "tcp dport 5570")):
        logs = folder / lane
        logs.mkdir()
        with ring_under_load(options, logs, 3, "--lanes", lane) as ring:
            wait_until("open lanes", lambda: lane == "zmq" or lanes_open(ring) == 3, 30)
            first, second = ring.pods[:2]
            ends = {(pod, link, one): lane_counts(pod, link, one)
                    for pod, link in ((first, "successor"), (second, "predecessor")) for one in ("udp", "zmq")}
            second.port.drop(f"in ip saddr {first.address} {match} numgen random mod 100 < {percent}")
            time.sleep(max(options.seconds, 10))
            grown = {end: [now - then for now, then in zip(lane_counts(*end), before)] for end, before in ends.items()}
            second.port.heal()
            outcome = Outcome(ring)
        sent, lost, _, _ = grown[first, "successor", lane]
        there = share(lost, sent)
        yield verdict(f"{percent} % of {lane} dropped one way", outcome)
        yield "  lost, as its sender tells", 0.5 < there * 100 / percent < 2, f"{there:.1%} of {sent:.0f}"
        if lane == "udp":
            expected, received = grown[second, "predecessor", lane][2:]
            missing = share(expected - received, expected)
            yield "  missing, as its receiver tells", 0.5 < missing * 100 / percent < 2, f"{missing:.1%} of {expected:.0f}"
            for what, end in (("the other way", (second, "predecessor", "udp")), ("by zmq", (first, "successor", "zmq"))):
                sent, lost, _, _ = grown[end]
                yield f"  lost {what}", sent > 0 and share(lost, sent) < 0.02, f"{share(lost, sent):.1%} of {sent:.0f}"


def slow_dns(options, folder):
    """The name server answers for a moment every 4 s only, while pods are killed and come back."""
    over = threading.Event()

    def pause_and_go_on(ring):
        while not over.is_set():
            ring.dns.signal(signal.SIGSTOP)
            over.wait(4)
            ring.dns.signal(signal.SIGCONT)
            over.wait(0.2)

    with ring_under_load(options, folder) as ring:
        pauses = threading.Thread(target=pause_and_go_on, args=(ring,))
        pauses.start()
        try:
            for _ in range(options.rounds):
                victim = ring.random.choice(ring.pods)
                victim.kill()
                replace(ring, victim)
                ring.wait_whole()
        finally:
            over.set()
            pauses.join()
        outcome = Outcome(ring)
    yield verdict(f"slow name server, {options.rounds} pods killed meanwhile", outcome)


def no_dns(options, folder):
    """No name server; a pod is killed and starts again at its address; then the name server is back."""
    with ring_under_load(options, folder) as ring:
        for _ in range(max(1, options.rounds // 4)):
            ring.dns.stop()
            time.sleep(3)
            victim = ring.random.choice(ring.pods)
            victim.kill()
            time.sleep(1)
            victim.start()
            time.sleep(6)
            ring.dns.start()
            ring.publish()
            ring.wait_whole()
        outcome = Outcome(ring)
    yield verdict(f"no name server for 10 s, a pod restarted meanwhile, {max(1, options.rounds // 4)} times", outcome)


def rolling(options, folder):
    """Every pod in turn: another one is ready before SIGTERM (Deployment), or the same one starts again afterwards (StatefulSet)."""
    with ring_under_load(options, folder) as ring:
        begin, codes = time.monotonic(), []
        for turn, old in enumerate(list(ring.pods)):
            if turn % 2 == 0:
                ring.add(ring.new_pod())
            ring.remove(old)
            old.terminate()
            codes.append(old.exit_code())
            if turn % 2 == 1:
                ring.add(old)
        took = time.monotonic() - begin
        outcome = Outcome(ring)
    extra = [f"exit codes {codes}"] if any(codes) else []
    yield verdict(f"rolling restart of all five in {took:.0f} s", outcome, *extra, *outcome.unanswered)


def two_in_a_row(options, folder):
    """A pod is killed and, when what it held is held twice again, the next one as well; then both come back."""
    took = []
    with ring_under_load(options, folder) as ring:
        for _ in range(options.rounds):
            first = ring.random.choice(ring.pods)
            before, second, third = ring.after(first, -1), ring.after(first), ring.after(first, 2)
            begin = time.monotonic()
            first.kill()
            wait_until("detour", lambda: (before.ring_state() or {}).get("successor") == second.address, 10)
            before.seed_until_safe()
            took.append(time.monotonic() - begin)
            second.kill()
            wait_until("detour", lambda: (before.ring_state() or {}).get("successor") == third.address, 10)
            replace(ring, first)
            replace(ring, second)
            ring.wait_whole()
        outcome = Outcome(ring)
    yield verdict(f"two neighbours killed one after the other, {options.rounds} times", outcome)
    yield "  from the first SIGKILL to the second", True, spread(took)


def two_at_once(options, folder):
    """With three copies: two neighbours at the same moment."""
    with ring_under_load(options, folder, 5, "--copies", 3) as ring:
        for _ in range(options.rounds):
            time.sleep(ring.random.uniform(0, 1))
            first = ring.random.choice(ring.pods)
            second = ring.after(first)
            for pod in (first, second):
                pod.process.kill()
            for pod in (first, second):
                pod.process.wait()
                replace(ring, pod)
            ring.wait_whole()
        outcome = Outcome(ring)
    yield verdict(f"copies = 3, two neighbours killed at once, {options.rounds} times", outcome)


SCENARIOS = {"kill": kill, "pause": pause, "cut-one-way": cut_one_way, "cut-both-ways": cut_both_ways, "cut-off": cut_off, "drop": drop,
             "udp-loss": udp_loss, "udp-doubled": udp_doubled, "udp-reordered": udp_reordered, "udp-mtu": udp_mtu,
             "udp-blocked": udp_blocked, "ipv6": ipv6, "lane-figures": lane_figures, "eight": eight, "slow-dns": slow_dns, "no-dns": no_dns,
             "rolling": rolling, "two-in-a-row": two_in_a_row, "two-at-once": two_at_once}
