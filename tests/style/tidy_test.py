#!/usr/bin/env python3
"""clang-tidy, with .clang-tidy's short list of checks as errors.

    tidy_test.py BUILD_FOLDER      the core; with PODRING_STYLE_ALL set, every source of the build (minutes)
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import tree

PLANTED = """#include <string>
#include <utility>
std::string planted(std::string text) {
  std::string other = std::move(text);
  return text + other;
}
"""


def run(build, path):
    """What clang-tidy finds in one file and the headers of ours that it includes; empty when content."""
    done = subprocess.run(["clang-tidy", "-p", build, "--quiet", path], capture_output=True, text=True, cwd=tree.ROOT)
    return done.stdout.strip() if done.returncode != 0 else ""


def planted_is_caught(build):
    with tempfile.TemporaryDirectory(dir=build) as folder:
        path = pathlib.Path(folder) / "planted.cc"
        path.write_text(PLANTED)
        (pathlib.Path(folder) / ".clang-tidy").write_text((tree.ROOT / ".clang-tidy").read_text())
        done = subprocess.run(["clang-tidy", "--quiet", path, "--", "-std=c++20"], capture_output=True, text=True)
        return done.returncode != 0 and "bugprone-use-after-move" in done.stdout


def main(build):
    if not planted_is_caught(build):
        print("tidy: clang-tidy does not see a use after move")
        return 1
    everything = os.environ.get("PODRING_STYLE_ALL")
    entries = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    ours = {path.resolve() for path in tree.files(".cc")}
    files = sorted({pathlib.Path(entry["file"]).resolve() for entry in entries} & ours)
    files = [f for f in files if everything or f.is_relative_to(tree.ROOT / "src/core")]
    if not files:
        print("tidy: no source was found in compile_commands.json")
        return 1
    told = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda path: run(build, path), files):
            told |= {line for line in found.splitlines() if "error:" in line or "warning:" in line}
    for line in sorted(told):
        print(line.replace(f"{tree.ROOT}/", ""))
    print(f"tidy: {len(files)} files, {len(told)} findings")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
