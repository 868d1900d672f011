#!/usr/bin/env python3
"""The sanitizers report faults of our own, whatever is suppressed; and only foreign frames are.

    sanitizers_test.py PLANTED_FAULT SANITIZERS      SANITIZERS: as in -fsanitize=, or empty
"""
import re
import subprocess
import sys

import tree

# Fault -> what its report says.
FAULTS = {
    "thread": {"race": "WARNING: ThreadSanitizer: data race"},
    "address": {"use_after_free": "AddressSanitizer: heap-use-after-free", "leak": "LeakSanitizer: detected memory leaks"},
    "undefined": {"overflow": "signed integer overflow"},
}
FOREIGN = re.compile(r"^(race|called_from_lib|mutex|deadlock|leak|thread|signal):(libzmq|libPoco\w*|libcares)\.so$")


def wrong_suppressions(text):
    """Each suppression names a library that is not ours, and the line before it says why."""
    previous = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith("#"):
            if not FOREIGN.match(line):
                yield f"{number}: '{line}' names something else than libzmq, Poco or c-ares"
            if not previous.startswith("#"):
                yield f"{number}: '{line}' has no reason above it"
        previous = line


def main(program, sanitizers=""):  # CMake passes no empty argument on
    if not list(wrong_suppressions("# why\nrace:podring\n")) or not list(wrong_suppressions("race:libzmq.so\n")):
        print("sanitizers: the check of suppressions does not work")
        return 1
    wrong = [f"{path}:{line}" for path, text in tree.texts(".supp") for line in wrong_suppressions(text)]
    for sanitizer in filter(None, sanitizers.split(",")):
        for fault, report in FAULTS[sanitizer].items():
            done = subprocess.run([program, fault], capture_output=True, text=True)
            if done.returncode == 0 or report not in done.stderr:
                wrong.append(f"{sanitizer}: '{fault}' was not reported (exit code {done.returncode})\n{done.stderr}")
            elif fault != "leak" and "planted_fault.cc" not in done.stderr:
                wrong.append(f"{sanitizer}: '{fault}' was reported without its place\n{done.stderr}")
    if wrong:
        print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
