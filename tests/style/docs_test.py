#!/usr/bin/env python3
"""The documents: no dead link between them, every file that they name is there, and the README's configuration table is
podring's own list of flags.

    docs_test.py PODRING
"""
import pathlib
import re
import subprocess
import sys

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
UNCONDITIONAL = {"--help", "--version", "--print-config", "--completion"}  # not settings


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *(```|~~~).*?^ *\1", "", text, flags=re.M | re.S))


def anchor_of(heading):
    """As GitHub makes them."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    seen = {}
    for heading in re.findall(r"^#{1,6} +(.+?)#*$", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S), flags=re.M):
        anchor = anchor_of(heading)
        seen[anchor] = seen.get(anchor, -1) + 1
        yield anchor if seen[anchor] == 0 else f"{anchor}-{seen[anchor]}"
    yield from re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)


def dead_links(path, text):
    for target in LINK.findall(without_code(text)):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue  # another site: not looked at, there is no network
        file, _, anchor = target.partition("#")
        to = (tree.ROOT / path).parent / file if file else tree.ROOT / path
        if not to.exists():
            yield f"{path}: the link {target} leads nowhere"
        elif anchor and to.suffix == ".md" and anchor not in set(anchors(to.read_text(encoding="utf-8"))):
            yield f"{path}: {target}: there is no such heading"


def missing_files(path, text):
    """Files named in `backticks` by their way from the top; * and a trailing / as a shell has them."""
    for named in re.findall(r"`((?:\.ci|k8s|proto-docs|src|tests|tools)/[\w.*/-]+)`", text):
        if not any(tree.ROOT.glob(named)):
            yield f"{path}: there is no {named}"


def flags_of_program(podring):
    text = subprocess.run([podring, "--help"], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", text, flags=re.M)) - UNCONDITIONAL


def flags_of_table(text):
    """Flags in the first column of the table below the heading "Configuration"."""
    section = re.search(r"^#+ +Configuration\b.*?$(.*?)(?=^#+ |\Z)", text, flags=re.M | re.S)
    if not section:
        return set()
    rows = [row for row in section[1].splitlines() if row.startswith("|")]
    return {flag for row in rows for flag in re.findall(r"`(--[a-z-]+)", row.split("|")[1])}


def check_flags(program, table):
    for flag in sorted(program - table):
        yield f"README.md: {flag} is not in the table of \"Configuration\""
    for flag in sorted(table - program):
        yield f"README.md: {flag} is in the table, but podring does not know it"


def planted_are_caught():
    here = pathlib.Path("README.md")
    return (list(dead_links(here, "[a](no-such-file.md)")) and list(dead_links(here, "[a](#no-such-heading)"))
            and not list(dead_links(here, "[a](README.md) `[b](c)`"))
            and list(missing_files(here, "`src/no-such.cc`")) and not list(missing_files(here, "`tests/style/docs_*`"))
            and list(check_flags({"--a"}, set())) and list(check_flags(set(), {"--a"}))
            and flags_of_table("## Configuration\n\n| flag | x |\n|--|--|\n| `--a`, `--b-c` | `--d` |\n") == {"--a", "--b-c"})


if __name__ == "__main__":
    if not planted_are_caught():
        sys.exit("docs: the check itself does not work")
    wrong = [line for path, text in tree.texts(".md") for line in dead_links(path, text)]
    wrong += [line for path, text in tree.texts(".md") for line in missing_files(path, text)]
    readme = (tree.ROOT / "README.md").read_text(encoding="utf-8")
    wrong += check_flags(flags_of_program(sys.argv[1]), flags_of_table(readme))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
