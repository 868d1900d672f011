#!/usr/bin/env python3
"""No path of one machine, no host that is not known, nothing left to do, and plain ASCII line ends."""
import re
import sys

import tree

# Hosts that may be named, and why.
HOSTS = {
    "docs and sources of what podring builds on": (
        "github.com", "kubernetes.io", "k3d.io", "docs.k3s.io", "k3s.io", "helm.sh", "doc.traefik.io", "traefik.github.io",
        "docs.docker.com", "prometheus.io", "zeromq.org", "api.zeromq.org", "rfc.zeromq.org", "c-ares.org", "msgpack.org",
        "datatracker.ietf.org", "www.rfc-editor.org", "docs.pocoproject.org", "opentelemetry.io", "grafana.com"),
    "conventions": ("semver.org", "keepachangelog.com", "json-schema.org", "spec.openapis.org", "www.apache.org",
                    "no-color.org", "www.w3.org", "creativecommons.org"),
    "this machine, and names in examples": ("localhost", "host", "ADDRESS-OF-THE-INGRESS"),
}
KNOWN = {host for hosts in HOSTS.values() for host in hosts}
EXAMPLE = re.compile(r"\w|[\w.-]*\.(test|example|local|localhost|invalid)|example\.(com|org|net)|\[?[0-9a-fA-F:]+\]?|"
                     r"[0-9.]+|.*[{}$%<].*")
URL = re.compile(r"https?://([^\s/:\"'`)>\]?#\\,;]+)")
# Home folders and scratch places of the machine somebody worked on.
MACHINE_PATH = re.compile(r"(?<![\w.}~-])/(?:home/\w+|root|Users/\w+|work|mnt|opt/\w+)/[\w.-]+")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def offences(text):
    for number, line in enumerate(text.split("\n"), 1):
        for host in URL.findall(line):
            host = host.rstrip(".")
            if host not in KNOWN and not EXAMPLE.fullmatch(host):
                yield number, f"names the host {host}; take it out, or list it in tests/style/words_test.py"
        for match in MACHINE_PATH.finditer(line):
            yield number, f"names a path of one machine: {match[0]}"
        for match in UNFINISHED.finditer(line):
            yield number, f"says {match[0]}: finish it, or file it as an issue"
        if line.endswith("\r"):
            yield number, "ends with a carriage return"
        elif line.rstrip(" \t") != line:
            yield number, "ends with blanks"


PLANTED = ("see https:" "//mirror.of.somebody/x", "cd /home/" "anna/podring", "// TO" "DO: later", "a \n", "a\r\n")

if __name__ == "__main__":
    for planted in PLANTED:
        if not list(offences(planted)):
            sys.exit(f"words: the check does not see {planted!r}")
    bad = False
    for path, text in tree.texts():
        if path.suffix in (".svg", ".json", ".patch"):
            text = re.sub(r"[ \t]+$", "", text, flags=re.M)
        for number, what in offences(text):
            print(f"{path}:{number}: {what}")
            bad = True
    sys.exit(1 if bad else 0)
