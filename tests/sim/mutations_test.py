#!/usr/bin/env python3
"""Every deliberate mutation of the protocol is caught by the simulator, and no scenario fails without one.

    mutations_test.py SIMULATE SOURCE_DIR

Prints which scenario caught it and which invariant that broke. The mutations are those of tests/planted/fault.h.
"""
import pathlib
import re
import subprocess
import sys

SCENARIOS = 20_000  # at most, for each


def main(simulate, source):
    names = []
    text = pathlib.Path(source, "tests/planted/fault.h").read_text(encoding="utf-8")
    for part in ["Fault", "LaneFault"]:
        body = re.search(rf"enum class {part}\b[^{{]*\{{(.*?)\}};", text, re.S).group(1)
        its = re.findall(r"^\s*([a-z_]+),?", body, re.M)
        if its[0] != "none" or len(its) < 10:
            print(f"the faults of {part} could not be read: {its}")
            return 1
        names += its[1:]
    missed = []
    for name in names:
        done = subprocess.run(
            [simulate, "--from", "1", "--count", str(SCENARIOS), "--jobs", "1", "--mutation", name],
            capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        replay = re.search(r"--seed (\d+)", output)
        if done.returncode != 1 or not replay:
            missed.append(name)
            print(f"{name:28} NOT CAUGHT in {SCENARIOS} scenarios (exit code {done.returncode})")
            continue
        reason = next((line.strip() for line in output.splitlines() if ":" in line), "")
        print(f"{name:28} scenario {replay.group(1):>5}  {reason[:120]}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
