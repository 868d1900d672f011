#!/usr/bin/env python3
"""What a peer costs that has nothing to do: milliseconds from its start to ready, and its resident memory in a ring of N.

    idle_peer.py BIN [--peers N] [--starts COUNT] [--idle SECONDS]

BIN is the folder with podring. One JSON object on standard output.
"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.arguments import Parser  # noqa: E402

READY_WITHIN = 20


def address(n):
    return f"127.99.1.{n}"


def start(program, n, size):
    return subprocess.Popen([program, "--address", address(n), "--name", f"pod-{n}", "--seed-on-start", "0",
                             "--peers", ",".join(address(i + 1) for i in range(size)),
                             "--drain-linger-ms", "0", "--log-level", "error"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError):
        return None


def wait_until_ready(n):
    until = time.monotonic() + READY_WITHIN
    while answers(f"http://{address(n)}:8081/readyz") is None:
        if time.monotonic() > until:
            sys.exit(f"idle_peer: {address(n)} is not ready after {READY_WITHIN} s; are its ports taken?")
        time.sleep(0.001)


def stop(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def starts(program, count):
    """Milliseconds from the start of the process until /readyz says so, of a peer that is alone."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        process = start(program, 1, 1)
        try:
            wait_until_ready(1)
            took.append((time.monotonic() - began) * 1000)
        finally:
            stop([process])
    return took


def resident(program, size, idle):
    """KiB of each peer of a ring that has been idle for so many seconds."""
    processes = []
    try:
        for n in range(1, size + 1):
            processes.append(start(program, n, size))
        for n in range(1, size + 1):
            wait_until_ready(n)
        time.sleep(idle)
        status = [pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii") for process in processes]
        return [int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) for text in status]
    finally:
        stop(processes)


def main():
    parser = Parser(__doc__)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--peers", type=int, default=3)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--idle", type=float, default=10)
    options = parser.parse_args()
    program = options.bin.resolve() / "podring"
    if not os.access(program, os.X_OK):
        parser.error(f"there is no program {program}")
    took, kib = starts(program, options.starts), resident(program, options.peers, options.idle)
    print(json.dumps({"start_to_ready_ms": {"min": round(min(took), 1), "median": round(statistics.median(took), 1),
                                            "max": round(max(took), 1), "starts": len(took)},
                      "idle_rss_mib": {"min": round(min(kib) / 1024, 1), "max": round(max(kib) / 1024, 1),
                                       "peers": len(kib), "after_s": options.idle}}))


if __name__ == "__main__":
    main()
