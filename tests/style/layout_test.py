#!/usr/bin/env python3
"""clang-format decides the layout of every C++ file."""
import subprocess
import sys

import tree


def wrong_files(paths):
    """Those of `paths` that clang-format would change, with its messages."""
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--style=file", *paths], cwd=tree.ROOT,
                          stderr=subprocess.PIPE, text=True)
    return done.returncode != 0, done.stderr


def planted_is_caught():
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--style=file", "--assume-filename=a.cc"],
                          input="int  main( ){return 0 ;}\n", cwd=tree.ROOT, stderr=subprocess.PIPE, text=True)
    return done.returncode != 0


if __name__ == "__main__":
    sources = tree.files(".cc", ".h")
    if not planted_is_caught() or len(sources) < 10:
        sys.exit("layout: the check itself does not work")
    bad, messages = wrong_files(sources)
    if bad:
        files = sorted({line.split(":")[0] for line in messages.splitlines() if "error:" in line})
        print(messages[:4000])
        sys.exit("layout: run clang-format -i " + " ".join(files))
