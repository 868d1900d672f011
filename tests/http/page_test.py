"""The page in a real browser, over the fake server: drawn, live, usable, and from one origin only."""

import json
import math
import sys
import time
import urllib.parse

from browser import KEY, Browser, missing
from fake_server import FakeServer

ID = "0123456789abcdef-{}"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def marks(browser):
    return browser.run("""
        return [...document.querySelectorAll('#ring-box .pod')].map((mark) => {
          const [, x, y] = mark.getAttribute('transform').match(/translate\\(([-\\d.e]+) ([-\\d.e]+)\\)/);
          return {address: mark.dataset.address, x: Number(x), y: Number(y),
                  state: mark.getAttribute('class'), label: mark.getAttribute('aria-label')};
        });""")


def address(number):
    return f"10.42.{number // 256}.{number % 256}"


def number_of(text):
    parts = [int(part) for part in text.split(".")]
    return sum(part << shift for part, shift in zip(parts, (24, 16, 8, 0)))


def drawn_in_order(browser, server):
    for pods, expected in ((1, 1), (3, 3), (10, 10), (50, 50), (500, 90)):
        server.tell(f"pods {pods}")
        browser.wait(f"{pods} pods", lambda: browser.text("#ring-box .middle") == f"{pods} pod{'s' * (pods > 1)}")
        drawn = marks(browser)
        check(len(drawn) == expected, f"{pods} pods are drawn as {len(drawn)} marks")
        numbers = [number_of(one["address"]) for one in drawn]
        check(numbers == sorted(numbers), f"{pods} pods are not in order")
        middle = {axis: browser.run(f"return Number(document.querySelector('#ring-box .track').getAttribute('c{axis}'))")
                  for axis in "xy"}
        angles = [(math.atan2(one["y"] - middle["y"], one["x"] - middle["x"]) + math.pi / 2) % (2 * math.pi)
                  for one in drawn]
        check(angles == sorted(angles), f"{pods} pods are not clockwise from the top")
        check(sum("self" in one["state"].split() for one in drawn) == 1, "one mark is this pod")
        time.sleep(0.3)  # until it is painted, for the picture alone
        browser.screenshot(f"ring-{pods}")
    browser.click("#peers-part summary")
    browser.wait("500 rows", lambda: browser.run("return document.querySelectorAll('#peers tr').length") == 500)
    browser.click("#peers-part summary")


def states_are_seen(browser, server):
    server.tell("pods 10")
    browser.wait("10 pods", lambda: len(marks(browser)) == 10)
    for state in ("suspected", "leaving", "connecting", "stale", "listed", "up"):
        server.tell(f"state 4 {state}")
        _, took = browser.wait(state, lambda: state in marks(browser)[3]["state"].split())
        check(took < 2, f"{state} was shown after {took:.1f} s")
        check(state in marks(browser)[3]["label"], "the state is in the label, for who cannot see it")
        if state == "suspected":
            check("suspected by pod-3" in marks(browser)[3]["label"], "and who suspects it")
            check("1 suspected: pod-4" in browser.text("#verdict"), "the verdict names it")
            browser.screenshot("suspected")
    browser.wait("the verdict", lambda: "every pod hands to the next one" in browser.text("#verdict"))
    opened_late(browser, server)
    server.tell("pods 500")
    browser.wait("500 pods", lambda: len(marks(browser)) == 90)
    server.tell("state 300 suspected")
    browser.wait("a shared mark shows its worst pod",
                 lambda: [one for one in marks(browser) if "suspected" in one["state"].split()])
    server.tell("pods 3")
    browser.wait("3 pods", lambda: len(marks(browser)) == 3)


def opened_late(browser, server):
    """A page that is opened when a pod has been suspected for a while says so, and for how long."""
    server.tell("state 4 suspected 180000")
    server.tell("state 6 suspected 240000")
    browser.open(f"http://{server.address}:{server.port}/")
    browser.wait("what happened before", lambda: browser.run("return document.querySelectorAll('#news li').length") == 2)
    news = browser.run("return [...document.querySelectorAll('#news li')].map((item) => item.textContent)")
    check(news[0].endswith("pod-4 is suspected by pod-3, 3 min before this page connected"), f"the later one first: {news}")
    check(news[1].endswith("pod-6 is suspected by pod-5, 4 min before this page connected"), f"then the earlier: {news}")
    browser.click(f'.pod[data-address="{address(4)}"] .name')
    browser.wait("its age", lambda: "suspected bypod-3, for 3 min" in browser.text("#pod"))
    server.tell("state 4 up")
    browser.wait("its end", lambda: "pod-4 is suspected by nobody any more" in browser.text("#news li:first-child"))
    server.tell("state 6 up")


def loss_is_seen(browser, server):
    """A link that loses much is seen on the ring, in the verdict, for who cannot see, and in the pod's details."""
    server.tell("pods 10")
    browser.wait("no sign of loss", lambda: "every pod hands to the next one" in (browser.text("#verdict") or "")
                 and not browser.count("#ring-box .loss"))
    server.tell("loss 4 1")
    server.tell("loss 6 12")
    browser.wait("the sign", lambda: browser.text("#ring-box .loss .share") == "12 %")
    check(browser.count("#ring-box .loss") == 1, "one link loses more than the usual")
    check("1 link loses packets: pod-6 12 % by UDP" in browser.text("#verdict"), "the verdict names it")
    labels = [one["label"] for one in marks(browser) if "loses" in one["label"]]
    check(len(labels) == 1 and "pod-6" in labels[0] and "12 % by UDP" in labels[0], f"its label: {labels}")
    check(browser.count("#ring-box .link.lossy") == 1, "its link is drawn otherwise")
    browser.screenshot("lossy")
    browser.click(f'.pod[data-address="{address(6)}"] .name')
    rows = "return [...document.querySelectorAll('#pod .lanes tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    check(browser.run(rows) == [["ZeroMQ", "large frames", "0.21 ms", "\u00b1 0.04 ms", "1200", "0", "1448 bytes"],
                                ["UDP", "small frames", "0.21 ms", "\u00b1 0.04 ms", "1200", "144 (12 %)", "1472 bytes"]],
          f"what pod 6 told of its link: {browser.run(rows)}")
    browser.click(f'.pod[data-address="{address(2)}"] .name')
    told = browser.run(rows)
    check([row[0] for row in told] == ["ZeroMQ", "UDP", "ZeroMQ to pod-2", "UDP to pod-2"], f"lanes of the successor: {told}")
    check(told[3][4:8] == ["5000", "5 (0.10 %)", "4990", "10 (0.20 %)"], f"what came back: {told[3]}")
    browser.screenshot("lanes-of-a-link")
    server.tell("pods 500")
    browser.wait("500 pods", lambda: len(marks(browser)) == 90)
    server.tell("loss 300 30")
    browser.wait("the sign among 500", lambda: browser.count("#ring-box .loss") == 1)
    check("pod-300 30 % by UDP" in browser.text("#verdict"), "the verdict names it among 500")
    server.tell("pods 3")
    browser.wait("3 pods", lambda: len(marks(browser)) == 3)


def messages_move(browser, server):
    browser.run("""window.dotsSeen = 0;
        new MutationObserver((changes) => { window.dotsSeen += changes.filter((c) => c.addedNodes.length).length; })
          .observe(document.querySelector('#ring-box .dots'), {childList: true});""")
    visit = {"ts": "2026-01-02T03:04:05.000006Z", "id": ID.format(7), "hop": 3, "lap": 1,
             "message": "<b>bold</b>", "trace": ["pod-1", "pod-2", "pod-3"], "sender_pod_ip": address(3)}
    server.tell("event received " + json.dumps(visit))
    row = "#messages tr:first-child"
    browser.wait("the message", lambda: ID.format(7) in (browser.text(row) or ""))
    check("<b>bold</b>" in browser.text(row), "markup in a message is text")
    check("pod-1 \u2192 pod-2 \u2192 pod-3" in browser.text(row), "its trace")
    browser.wait("a dot", lambda: browser.run("return window.dotsSeen") > 0)
    browser.screenshot("moving")
    server.tell("event completed " + json.dumps({"ts": visit["ts"], "id": ID.format(7), "trace": visit["trace"]}))
    browser.wait("its end", lambda: "completed" in browser.text(row))
    server.tell("event expired " + json.dumps({"ts": visit["ts"], "id": ID.format(7), "trace": visit["trace"]}))
    server.tell("event safe " + json.dumps({"ts": visit["ts"], "id": ID.format(8)}))
    browser.wait("another", lambda: ID.format(8) in browser.text(row))
    check("completed" in browser.text("#messages tr:nth-child(2)"), "completed stays completed")
    # Names that no link tells are learned from a trace that went all the way round.
    server.tell("event link_down " + json.dumps({"ts": visit["ts"], "peer": address(2), "reason": "silent",
                                                 "handed_back": 2}))
    browser.wait("the news", lambda: "is down: silent" in (browser.text("#news li:first-child") or ""))


def trace_is_a_timeline(browser, server):
    server.tell("message told whole")
    row = "#messages tr:first-child"
    browser.wait("the whole message", lambda: "told whole" in (browser.text(row) or ""))
    browser.click(row + " button.id")
    check(browser.run("return document.querySelector('#trace').open"), "the dialog opens")
    steps = browser.run("return [...document.querySelectorAll('#trace-steps li')].map((li) => li.textContent)")
    check(len(steps) == 3, f"{len(steps)} steps")
    check("pod-1" in steps[0] and "22:13:20.000350" in steps[0], f"the first step: {steps[0]}")
    check("pod-2" in steps[1] and "+0.35 ms" in steps[1], f"the second step: {steps[1]}")
    check("detour: try 2" in steps[2], f"the detour: {steps[2]}")
    browser.screenshot("trace")
    browser.click("#trace-close")
    check(not browser.run("return document.querySelector('#trace').open"), "the dialog closes")


def the_form_seeds(browser, server):
    def submit(limit, count="1"):
        browser.type("#seed [name=limit]", limit)
        browser.type("#seed [name=count]", count)
        browser.click("#seed button")
    submit("12")
    browser.wait("the ids", lambda: "safe: 0123456789abcdef-" in browser.text("#answer"))
    submit("many")
    browser.wait("the server's reason", lambda: "400 bad_request: hops must be a whole number from 1 to 10000"
                 in browser.text("#answer"))
    submit("10001")
    browser.wait("the bound", lambda: "from 1 to 10000" in browser.text("#answer"))
    server.tell("fate ring_full")
    submit("10", "5")
    browser.wait("the refusal", lambda: "503 ring_full" in browser.text("#answer"))
    server.tell("fate completed")
    log = [entry["message"] for entry in browser.log("browser")]
    check(all("/messages" in line and ("400" in line or "503" in line) for line in log),
          f"only the refusals are in the console: {log}")


def the_keyboard_is_enough(browser, server):
    browser.run("document.querySelector('#ring-box .pod[tabindex=\"0\"]').focus()")
    chosen = lambda: browser.run("return document.activeElement.dataset.address")
    first = chosen()
    browser.keys(KEY["right"])
    check(chosen() != first, "an arrow moves on")
    browser.keys(KEY["left"])
    check(chosen() == first, "and back")
    browser.keys(KEY["end"], KEY["enter"])
    check(chosen() == address(3), "End is the last pod")
    check("pod-3" in browser.text("#pod"), "Enter tells about it")
    server.tell("state 3 suspected")
    browser.wait("the change", lambda: "suspected" in browser.text("#pod"))
    check(chosen() == address(3), "a new drawing keeps the focus")
    server.tell("state 3 up")


def narrow_and_dark(browser, server):
    for pods in (3, 10, 50, 500):
        server.tell(f"pods {pods}")
        browser.wait(f"{pods} pods", lambda: (browser.text("#ring-box .middle") or "").startswith(f"{pods} "))
        for width in (320, 360, 800, 1280):
            browser.resize(width, 900)
            browser.wait(f"{pods} pods fit {width} pixels", lambda: browser.run(
                "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
            browser.wait("no name is cut", lambda: browser.run("""
                const box = document.querySelector('#ring-box svg').getBoundingClientRect();
                return [...document.querySelectorAll('#ring-box text.name')].every((text) => {
                  const at = text.getBoundingClientRect();
                  return at.left >= box.left - 1 && at.right <= box.right + 1
                      && at.top >= box.top - 1 && at.bottom <= box.bottom + 1;
                });"""))
        if pods == 3:
            browser.resize(360, 900)
            browser.screenshot("narrow")
    browser.cdp("Emulation.clearDeviceMetricsOverride")
    server.tell("pods 10")
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        ink, paper = browser.run("""
            const style = getComputedStyle(document.body);
            return [style.color, style.backgroundColor].map((c) => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));""")
        check((ink < paper) == (scheme == "light"), f"{scheme}: ink {ink}, paper {paper}")
        check(abs(ink - paper) > 400, f"{scheme}: too little contrast")
        browser.screenshot(scheme)
    browser.cdp("Emulation.setEmulatedMedia", features=[])


def five_hundred_are_usable(browser, server):
    """Opened, told of changes, and with the table of all pods: what it costs is printed, and is no hindrance."""
    server.tell("pods 500")
    browser.cdp("Performance.enable")
    begun = time.monotonic()
    browser.open(f"http://{server.address}:{server.port}/")
    browser.wait("500 pods", lambda: len(marks(browser)) == 90)
    opened = time.monotonic() - begun
    size = browser.run("return fetch('ring').then((reply) => reply.text()).then((text) => text.length)")
    work = {}
    for table in ("closed", "open"):
        before = browser.figures()["TaskDuration"]
        for state in 5 * ["suspected", "up"]:
            server.tell(f"state 300 {state}")
            browser.wait(state, lambda: bool([one for one in marks(browser) if "suspected" in one["state"]])
                         == (state == "suspected"))
        work[table] = (browser.figures()["TaskDuration"] - before) / 10
        browser.click("#peers-part summary")
    print(f"500 pods: drawn {opened:.2f} s after the page was asked for; one telling of the ring {size / 1024:.0f} KiB; work for a change "
          f"{1000 * work['closed']:.0f} ms, with the table open {1000 * work['open']:.0f} ms; heap "
          f"{browser.figures()['JSHeapUsedSize'] / 2**20:.1f} MiB", flush=True)
    check(max(work.values()) < 1, "a change of 500 pods takes less than a second of work")
    server.tell("pods 10")


def only_its_own_origin(browser, server):
    origin = f"http://{server.address}:{server.port}"
    urls = set()
    for entry in browser.log("performance"):
        event = json.loads(entry["message"])["message"]
        # Of the page alone: the browser's own first tab loads things, too.
        if event["method"] == "Network.requestWillBeSent" and event["params"]["documentURL"].startswith(origin):
            urls.add(event["params"]["request"]["url"])
    foreign = [url for url in urls if not url.startswith(origin + "/") and urllib.parse.urlsplit(url).scheme != "data"]
    check(not foreign, f"requests to elsewhere: {foreign}")
    check(origin + "/assets/page.js" in urls, "the log has the page's requests")
    errors = browser.run("return window.violations")
    check(errors == [], f"the policy was violated: {errors}")


def lost_and_regained(browser, server):
    server.__exit__()
    browser.wait("loss is told", lambda: "not connected" in browser.text("#connection"))
    check("s old" in browser.text("#connection"), "with the age of what is shown")
    browser.screenshot("lost")
    with FakeServer(address=server.address, port=server.port) as again:
        again.tell("pods 5")
        browser.wait("the snapshot of the new process", lambda: len(marks(browser)) == 5)
        browser.wait("live again", lambda: "live from pod-1" in browser.text("#connection"))
        check(browser.run("return document.querySelectorAll('#messages tr').length") == 0, "nothing of before stays")
        browser.log("browser")  # the refused connections are there, rightly


def main():
    absent = missing()
    if absent:
        print(f"skipped: no browser here; apt-get install {absent}")
        return 77
    server = FakeServer(heartbeat_ms=1000)
    with Browser() as browser:
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
            window.violations = [];
            document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective));""")
        browser.open(f"http://{server.address}:{server.port}/")
        browser.wait("the page is live", lambda: "live from pod-1" in (browser.text("#connection") or ""))
        for part in (drawn_in_order, states_are_seen, loss_is_seen, messages_move, trace_is_a_timeline, the_keyboard_is_enough):
            part(browser, server)
            print(part.__name__)
        log = browser.log("browser")
        check(not log, f"the console is empty: {log}")
        for part in (the_form_seeds, narrow_and_dark, five_hundred_are_usable, only_its_own_origin, lost_and_regained):
            part(browser, server)
            print(part.__name__)
    return 0


sys.exit(main())
