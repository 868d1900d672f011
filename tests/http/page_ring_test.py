"""The page of a real ring: a seeded message is seen moving and its trace is right; a killed pod is
shown within 2 s of its neighbour's suspicion, and comes back."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from browser import Browser, missing

SHOWN_WITHIN_S = 2


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Ring:
    def __init__(self, pods):
        pid = os.getpid()
        self.addresses = [f"127.{210 + pid // 200 % 40}.{1 + pid % 200}.{pod}" for pod in range(1, pods + 1)]
        self.ports = [free_port(self.addresses[0]) for _ in range(3)]
        self.folder = tempfile.TemporaryDirectory()
        self.processes = {}

    def __enter__(self):
        for pod in range(len(self.addresses)):
            self.start(pod)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=60)
        self.folder.cleanup()

    def start(self, pod):
        port, http, admin = self.ports
        program = os.path.join(os.environ["PODRING_BIN"], "podring")
        with open(self.log_name(pod), "ab") as log:
            self.processes[pod] = subprocess.Popen(
                [program, "--name", f"pod-{pod + 1}", "--address", self.addresses[pod], "--peers",
                 ",".join(self.addresses), "--port", str(port), "--http-port", str(http), "--admin-port",
                 str(admin), "--grace-ms", "1000", "--drain-linger-ms", "0"], stdout=log)

    def kill(self, pod):
        self.processes[pod].send_signal(signal.SIGKILL)
        self.processes[pod].wait()

    def log_name(self, pod):
        return os.path.join(self.folder.name, f"{pod}.log")

    def lines(self, pod):
        with open(self.log_name(pod)) as log:
            return [json.loads(line) for line in log if line.endswith("\n")]

    def url(self, pod):
        return f"http://{self.addresses[pod]}:{self.ports[1]}/"


def free_port(address):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


def state_of(browser, address):
    found = browser.run(f"return document.querySelector('.pod[data-address=\"{address}\"]')?.getAttribute('class')")
    return (found or "").split()


def main():
    absent = missing()
    if absent:
        print(f"skipped: no browser here; apt-get install {absent}")
        return 77
    with Ring(3) as ring, Browser() as browser:
        for pod in range(3):
            browser.wait(f"pod {pod + 1} is ready", lambda: any(line["event"] == "ready" for line in ring.lines(pod)))
        browser.open(ring.url(0))
        browser.wait("three pods", lambda: browser.text("#ring-box .middle") == "3 pods")
        browser.wait("the successor is up", lambda: "up" in state_of(browser, ring.addresses[1]))

        browser.run("""window.dotsSeen = 0;
            new MutationObserver((changes) => { window.dotsSeen += changes.filter((c) => c.addedNodes.length).length; })
              .observe(document.querySelector('#ring-box .dots'), {childList: true});""")
        browser.type("#seed [name=message]", "from the page")
        browser.run("document.querySelector('#seed [name=wait]').value = 'completed'")
        browser.click("#seed button")
        browser.wait("its end", lambda: "completed: " in browser.text("#answer"))
        id = browser.text("#answer").removeprefix("completed: ")
        browser.wait("its row", lambda: browser.run(
            f"return document.querySelector('button[data-id=\"{id}\"]')?.closest('tr').textContent.includes('completed')"))
        browser.wait("it was seen moving", lambda: browser.run("return window.dotsSeen") > 1)
        steps = "return [...document.querySelectorAll('#trace-steps .pod-name')].map((e) => e.textContent)"
        browser.click(f'button[data-id="{id}"]')
        expected = [f"pod-{1 + hop % 3}" for hop in range(10)]
        browser.wait("the whole trace, with times", lambda: browser.run(steps) == expected and browser.run(
            "return [...document.querySelectorAll('#trace-steps .at')].every((e) => e.textContent.includes(':'))"))
        browser.screenshot("ring-trace")
        browser.click("#trace-close")

        browser.click(f'.pod[data-address="{ring.addresses[1]}"]')
        measured = r"{} to it\s*[\d.]+ ms \u00b1 [\d.]+ ms; sent \d+, lost \d.*; at most \d{{4,}} bytes"
        browser.wait("what both lanes to it have measured", lambda: all(
            re.search(measured.format(lane), browser.text("#pod")) for lane in ("ZeroMQ", "UDP")))
        browser.screenshot("lanes")

        killed_at = time.time()
        ring.kill(1)
        browser.wait("the killed pod is shown", lambda: "suspected" in state_of(browser, ring.addresses[1]))
        shown_at = time.time()
        suspected_at = next(told_at(line) for line in ring.lines(0) if told_at(line) > killed_at
                            and line["event"] == "peer_health" and line["state"] == "down")
        print(f"suspected {suspected_at - killed_at:.2f} s after the kill, shown {shown_at - suspected_at:.2f} s later")
        check(shown_at - suspected_at < SHOWN_WITHIN_S, "the page is too late")
        browser.screenshot("killed")
        ring.start(1)
        browser.wait("it comes back", lambda: "up" in state_of(browser, ring.addresses[1]))
        log = browser.log("browser")
        check(not log, f"the console is empty: {log}")
    with Ring(10) as ring, Browser() as browser:
        seen_from_the_far_side(ring, browser)
    return 0


def seen_from_the_far_side(ring, browser):
    """Pod 5 is killed, then paused; the page is that of pod 10, which has no link to it."""
    victim, before, far = 4, 3, 9
    whole = "\u2713 every pod hands to the next one"
    browser.open(ring.url(far))
    browser.wait("ten pods, all of them heard of", lambda: browser.text("#verdict") == whole)
    browser.screenshot("ring-10-live")
    for fault, mend in ((lambda: ring.kill(victim), lambda: ring.start(victim)),
                        (lambda: ring.processes[victim].send_signal(signal.SIGSTOP),
                         lambda: ring.processes[victim].send_signal(signal.SIGCONT))):
        begun = time.time()
        fault()
        browser.wait("the far side shows it", lambda: "suspected" in state_of(browser, ring.addresses[victim]))
        shown_at = time.time()
        suspected_at = next(told_at(line) for line in ring.lines(before) if told_at(line) > begun
                            and line["event"] == "peer_health" and line["state"] == "down")
        print(f"far side: suspected {suspected_at - begun:.2f} s after the fault, shown {shown_at - suspected_at:.2f} s later")
        check(shown_at - suspected_at < SHOWN_WITHIN_S, "the far side's page is too late")
        check("pod-5" in browser.text("#verdict"), "the verdict names it")
        browser.screenshot("ring-10-suspected")
        mend()
        browser.wait("it comes back", lambda: browser.text("#verdict") == whole, patience_s=60)


def told_at(line):
    whole, _, micros = line["ts"].rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + micros)


sys.exit(main())
