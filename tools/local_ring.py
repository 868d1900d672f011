"""Runs a ring of podring processes on this machine, shows their log, and checks it at the end.

    tools/local-ring                      three peers on 127.0.0.1 to 127.0.0.3; Ctrl-C ends it
    tools/local-ring -n 10 --count 1000 --until-done
    tools/local-ring --seconds 20 -- --hops 30 --log-level debug

Installs missing packages (tools/install-deps --local-ring) and builds (build/release) first. The peers write JSON
lines to files, so that showing them slowly slows nobody down; at the end verify-logs reads those
files. No process stays behind, whatever ends this one.

Exit codes: 0 verify-logs is content; 1 it is not, or a peer ended by itself or badly; 2 the command line, the
build or a port is in the way; 3 the ring did not come up.
"""
import argparse
import ctypes
import errno
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS_MAX = 200
SEEDS_AT_ONCE = 100  # a request's `count`; the ring's queues take far more
READY_WITHIN = 20  # seconds
STOP_WITHIN = 15  # seconds; above the grace time given to the peers
LINGER_MS, GRACE_MS = 500, 10_000  # nobody routes to these peers: no need to linger for an ingress
PR_SET_PDEATHSIG = 1
COLOURS = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)


class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Parser(argparse.ArgumentParser):
    def error(self, message):  # one line, without the usage above it
        raise Failed(2, f"{message}; tools/local-ring --help lists the options")


def parse_arguments():
    about, _, epilog = __doc__.partition("\n\n")
    parser = Parser(
        prog="local-ring", description=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="local-ring [options] [-- flags for every podring]")
    parser.add_argument("-n", type=int, default=3, metavar="PEERS", help=f"1 to {PEERS_MAX} (3)")
    parser.add_argument("--first", default="127.0.0.1", metavar="IP", help="address of the first peer (127.0.0.1)")
    parser.add_argument("--port", type=int, default=5570, help="ring port of every peer (5570)")
    parser.add_argument("--http-port", type=int, default=8080,
                        help="front end of every peer; the one after it is the admin port (8080)")
    parser.add_argument("--count", type=int, default=3, help="messages sent once the ring is up (3)")
    parser.add_argument("--message", default="hello from the local ring", help="their text")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long; otherwise on Ctrl-C")
    parser.add_argument("--until-done", action="store_true", help="stop when every message has ended")
    parser.add_argument("--log-format", choices=("text", "json", "none"), default="text",
                        help="what is shown: words, the JSON lines, or nothing (text)")
    parser.add_argument("--logs", metavar="DIR", help="keep the JSON logs in this folder")
    parser.add_argument("--bin", metavar="DIR", help="use the programs in this folder instead of building")
    ours, flags = sys.argv[1:], []
    if "--" in ours:
        cut = ours.index("--")
        ours, flags = ours[:cut], ours[cut + 1:]
    options = parser.parse_args(ours)
    options.flags = flags
    for name, value, low, high in (("-n", options.n, 1, PEERS_MAX), ("--port", options.port, 1, 65535),
                                   ("--http-port", options.http_port, 1, 65534),
                                   ("--count", options.count, 0, 1_000_000)):
        if not low <= value <= high:
            parser.error(f"{name} must be from {low} to {high}")
    if options.seconds is not None and not 0 < options.seconds < 1e9:
        parser.error("--seconds must be above 0")
    if options.port in (options.http_port, options.http_port + 1):
        parser.error("--port must be neither --http-port nor the number after it")
    try:
        first = ipaddress.IPv4Address(options.first)
        options.addresses = [str(first + i) for i in range(options.n)]
    except ipaddress.AddressValueError:
        parser.error("--first must be an IPv4 address")
    if not all(ipaddress.IPv4Address(a).is_loopback for a in options.addresses):
        parser.error("--first and the addresses after it must be loopback ones (127.x.y.z)")
    return options


def build():
    """Returns the folder with the programs. What apt and the compiler say goes to standard error."""
    if subprocess.run([ROOT / "tools/install-deps", "--local-ring"], stdout=sys.stderr).returncode != 0:
        raise Failed(2, "packages are missing (see above)")
    folder = ROOT / "build/release"
    if not (folder / "build.ninja").exists() or not (folder / "bin/podring").exists():
        print("local-ring: building; the first time takes some minutes", file=sys.stderr)
    environment = dict(os.environ)
    if shutil.which("ccache"):
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
    configured = subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if configured.returncode != 0:
        raise Failed(2, configured.stdout + "local-ring: cmake could not configure; its message is above")
    made = subprocess.run(["cmake", "--build", "--preset", "release", "--target", "podring", "verify-logs", "inject"],
                          cwd=ROOT, env=environment, stdout=sys.stderr)
    if made.returncode != 0:
        raise Failed(2, "the build failed; the first error above says where")
    return folder / "bin"


def programs_in(folder):
    folder = pathlib.Path(folder).resolve()
    for name in ("podring", "verify-logs"):
        if not os.access(folder / name, os.X_OK):
            raise Failed(2, f"--bin: there is no program {folder / name}; without --bin they are built")
    return folder


def logs_folder(wanted):
    if not wanted:
        return pathlib.Path(tempfile.mkdtemp(prefix="podring-local-"))
    folder = pathlib.Path(wanted).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise Failed(2, f"--logs: {folder} cannot be written to: {error.strerror}") from error
    return folder


def check_ports(options):
    taken = []
    for address in options.addresses:
        for flag, port in (("--port", options.port), ("--http-port", options.http_port),
                           ("--http-port", options.http_port + 1)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                except OSError as error:
                    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                        raise Failed(2, f"{address} cannot be used: {error.strerror}") from error
                    taken.append((f"{address}:{port}", flag, error.strerror))
    if taken:
        flags = " and ".join(sorted({flag for _, flag, _ in taken}))
        raise Failed(2, "not free: " + ", ".join(f"{where} ({why})" for where, _, why in taken[:6]) +
                     (", ..." if len(taken) > 6 else "") +
                     f". Is another ring or server running? End it, or choose other ports with {flags}.")


class Peer:
    def __init__(self, options, programs, folder, index):
        self.name = f"pod-{index + 1}"
        self.address = options.addresses[index]
        self.log = folder / f"{self.name}.json"
        self.errors = folder / f"{self.name}.stderr"
        self.read_to = 0
        self.rest = b""
        self.told_end = False
        command = [programs / "podring", "--name", self.name, "--address", self.address,
                   "--peers", ",".join(options.addresses), "--port", str(options.port),
                   "--http-port", str(options.http_port), "--admin-port", str(options.http_port + 1),
                   "--grace-ms", str(GRACE_MS), "--drain-linger-ms", str(LINGER_MS), "--log-format", "json",
                   *options.flags]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PODRING_")}
        libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

        def dies_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        with self.log.open("wb") as out, self.errors.open("wb") as err:
            # A session of its own: Ctrl-C reaches this program, which ends the peers in order.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=environment, start_new_session=True, preexec_fn=dies_with_parent)

    def new_lines(self):
        """Whole lines written since the last call."""
        with self.log.open("rb") as log:
            log.seek(self.read_to)
            data = log.read(4 << 20)
        self.read_to += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        return lines

    def why_ended(self):
        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        errors = self.errors.read_text(errors="replace").strip().splitlines()[-3:]
        return f"{self.name} {how}" + "".join("\n    " + line for line in errors)


def escaped(text):
    """Control characters as JSON writes them, so that no message forges a line or moves the cursor."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


class Screen:
    def __init__(self, log_format):
        self.format = log_format
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.closed = False

    def paint(self, pod, text):
        if not self.colour:
            return text
        number = int(pod.rpartition("-")[2]) if pod.rpartition("-")[2].isdigit() else 0
        return f"\033[{COLOURS[number % len(COLOURS)]}m{text}\033[0m"

    def write(self, text):
        if self.closed:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # the reader or the terminal is gone
            self.closed = True
            sys.stdout = open(os.devnull, "w")

    def line(self, raw, entry):
        if self.format == "json":
            return raw.decode(errors="replace")
        pod = escaped(str(entry.get("pod", "")))
        if entry.get("event") == "received":
            trace = list(entry.get("trace", []))
            if entry.get("trace_omitted"):
                trace.insert(16, "...")
            return (f"received JSON from pod '{self.paint(pod, pod)}': {{Message:{escaped(entry['message'])} "
                    f"Trace:[{escaped(' '.join(trace))}] SenderPodIP:{entry['sender_pod_ip']}}}")
        if entry.get("event") == "started":
            words = [f"{key}={entry.get(key)}" for key in ("address", "version", "ring")]
        else:
            words = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in entry.items()
                     if key not in ("ts", "level", "event", "pod", "boot", "seq")]
        level = "" if entry.get("level") == "info" else entry.get("level", "") + " "
        return (f"{str(entry.get('ts', ''))[11:26]} {self.paint(pod, pod)} {level}{entry.get('event')} "
                f"{escaped(' '.join(words))}").rstrip()


class Ring:
    def __init__(self, options, programs, folder):
        self.options, self.programs, self.folder = options, programs, folder
        self.screen = Screen(options.log_format)
        self.peers = []
        self.seeded, self.ended = 0, set()
        self.start_seeds = set()  # boot ids that are done with their own seeds
        # Set by a signal handler, so no threading.Event: its lock may be held by the very thread that is interrupted.
        self.stopping = False
        self.seeds_sent = threading.Event()
        self.seed_trouble = None

    def start(self):
        for index in range(self.options.n):
            self.peers.append(Peer(self.options, self.programs, self.folder, index))
        until = time.monotonic() + READY_WITHIN
        waiting = list(zip(self.peers, self.peers[1:] + self.peers[:1]))
        while waiting and not self.stopping:
            self.show()
            for peer, following in list(waiting):
                if peer.process.poll() is not None:
                    raise Failed(3, peer.why_ended())
                if self.hands_on(peer, following):
                    waiting.remove((peer, following))
            if waiting and time.monotonic() > until:
                peer, following = waiting[0]
                raise Failed(3, f"{peer.name} has no link to {following.name} after {READY_WITHIN} s; its log: {peer.log}")
            if waiting:
                time.sleep(0.05)

    def hands_on(self, peer, following):
        """The peer is ready, and its successor is the one that it has when all are there."""
        try:
            with urllib.request.urlopen(f"http://{peer.address}:{self.options.http_port + 1}/readyz", timeout=1):
                pass
            with urllib.request.urlopen(f"http://{peer.address}:{self.options.http_port}/ring", timeout=1) as answer:
                return len(self.peers) == 1 or json.load(answer)["successor"] == following.address
        except OSError:
            return False

    def seed(self):
        """Runs on a thread of its own. Peers take turns; a full ring is asked again when it says."""
        left, turn, refusals = self.options.count, 0, 0
        while left > 0 and not self.stopping:
            peer = self.peers[turn % len(self.peers)]
            count = min(left, SEEDS_AT_ONCE) if left > 10 else 1
            body = {"message": self.options.message, "count": count, "wait": "accepted"}
            request = urllib.request.Request(f"http://{peer.address}:{self.options.http_port}/messages",
                                             json.dumps(body).encode(), {"Content-Type": "application/json"})
            turn += 1
            try:
                with urllib.request.urlopen(request, timeout=10):
                    left, refusals = left - count, 0
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503):
                    self.seed_trouble = f"{peer.name} refused to seed: {error.read().decode(errors='replace').strip()}"
                    break
                time.sleep(float(error.headers.get("Retry-After", 1)) / 4)
            except OSError as error:  # this peer is gone; the next one may be there
                refusals += 1
                if refusals > 2 * len(self.peers):
                    self.seed_trouble = f"nobody takes messages any more: {error}"
                    break
        self.seeds_sent.set()

    def show(self):
        """Takes what was written since, in the order of time, and remembers what it tells of seeds and ends."""
        found = []
        for peer in self.peers:
            for raw in peer.new_lines():
                try:
                    entry = json.loads(raw)
                    found.append((str(entry.get("ts", "")), raw, entry))
                except ValueError:
                    found.append(("", raw, {"event": escaped(raw.decode(errors="replace")), "pod": peer.name}))
        found.sort(key=lambda line: line[0])
        lines = []
        for _, raw, entry in found:
            event = entry.get("event")
            if event == "seeded":
                self.seeded += entry.get("count", 1)
            elif event in ("completed", "expired"):
                self.ended.add(entry.get("id"))
            elif event == "start_seeds":
                self.start_seeds.add(entry.get("boot"))
            if self.options.log_format != "none":
                lines.append(self.screen.line(raw, entry))
        if lines:
            self.screen.write("\n".join(lines) + "\n")
        if self.screen.closed:
            self.stopping = True
        return bool(found)

    def done(self):
        own = "0" not in (value for flag, value in zip(self.options.flags, self.options.flags[1:])
                          if flag == "--seed-on-start") and "--seed-on-start=0" not in self.options.flags
        alive = [peer for peer in self.peers if peer.process.poll() is None]
        if own and len(self.start_seeds) < len(alive):
            return False
        return self.seeds_sent.is_set() and self.seeded >= self.options.count and len(self.ended) >= self.seeded

    def run(self):
        """Until it is to stop. Returns the peers that ended by themselves."""
        end = time.monotonic() + self.options.seconds if self.options.seconds else None
        lost = []
        while not self.stopping:
            busy = self.show()
            for peer in self.peers:
                if peer.process.poll() is not None and not peer.told_end:
                    peer.told_end = True
                    lost.append(peer)
                    print(f"local-ring: {peer.why_ended()}", file=sys.stderr)
            if len(lost) == len(self.peers):
                print("local-ring: no peer is left", file=sys.stderr)
                break
            if (end and time.monotonic() > end) or (self.options.until_done and self.done()):
                break
            if not busy:
                time.sleep(0.05)
        return lost

    def stop(self):
        """Returns the peers that did not end as they should."""
        self.stopping = True
        alive = [peer for peer in self.peers if peer.process.poll() is None]
        for peer in alive:
            peer.process.terminate()
        until = time.monotonic() + STOP_WITHIN
        late = []
        for peer in alive:
            while peer.process.poll() is None and time.monotonic() < until:
                if not self.show():
                    time.sleep(0.02)
            if peer.process.poll() is None:
                late.append(peer)
                peer.process.kill()
                peer.process.wait()
        while self.show():
            pass
        for peer in late:
            print(f"local-ring: {peer.name} did not stop within {STOP_WITHIN} s and was killed", file=sys.stderr)
        failed = [peer for peer in alive if peer not in late and peer.process.returncode != 0]
        for peer in failed:
            print(f"local-ring: {peer.why_ended()}", file=sys.stderr)
        return late + failed

    def hurry(self):
        """For a signal handler: ends the peers and waits for none, as stop() does that."""
        for peer in self.peers:
            if peer.process.returncode is None:
                os.kill(peer.process.pid, signal.SIGKILL)

    def kill(self):
        for peer in self.peers:
            if peer.process.poll() is None:
                peer.process.kill()
                peer.process.wait()


def main():
    options = parse_arguments()
    programs = programs_in(options.bin) if options.bin else build()
    check_ports(options)
    folder = logs_folder(options.logs)
    ring = Ring(options, programs, folder)
    signals = []

    def on_signal(number, _frame):
        signals.append(number)
        ring.stopping = True
        if len(signals) == 2:  # the user is in a hurry
            ring.hurry()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        print(f"local-ring: {options.n} peers on {options.addresses[0]} to {options.addresses[-1]}; "
              f"JSON logs in {folder}", file=sys.stderr)
        ring.start()
        page = f"http://{options.addresses[0]}:{options.http_port}"
        print(f"local-ring: up. Page: {page}/   Ctrl-C stops and verifies. Seed one yourself:\n"
              f"  curl -s {page}/messages -H 'Content-Type: application/json' -d '{{\"message\": \"hello\"}}'",
              file=sys.stderr)
        seeding = threading.Thread(target=ring.seed, daemon=True)
        seeding.start()
        lost = ring.run()
        unclean = ring.stop()
        if ring.seed_trouble:
            print(f"local-ring: {ring.seed_trouble}", file=sys.stderr)
        print("local-ring: stopped; verify-logs says:", file=sys.stderr)
        verdict = subprocess.run([programs / "verify-logs", *(peer.log for peer in ring.peers)], stdin=subprocess.DEVNULL)
        good = verdict.returncode == 0 and not lost and not unclean and not ring.seed_trouble
    finally:
        ring.kill()
    if good and not options.logs:
        shutil.rmtree(folder)
    else:
        print(f"local-ring: the JSON logs are in {folder}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        print(f"local-ring: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except KeyboardInterrupt:  # before there was a ring
        sys.exit(130)
    except BrokenPipeError:  # standard error is gone too
        os._exit(1)
