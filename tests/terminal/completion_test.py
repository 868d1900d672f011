#!/usr/bin/env python3
"""The scripts that --completion prints, in real shells, held against what --help says.

    tests/terminal/completion_test.py BIN      BIN: the folder with the programs
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BIN = None
WITHIN = 60  # seconds for anything that is awaited; the machine may be busy
PROGRAMS = ("podring", "inject", "verify-logs")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def script(program, shell):
    return subprocess.run([BIN / program, "--completion", shell], check=True, capture_output=True, text=True).stdout


def flags_in_help(program):
    """Each flag with its choices, as --help shows them."""
    text = subprocess.run([BIN / program, "--help"], check=True, capture_output=True, text=True).stdout
    flags = {}
    for names, choices in re.findall(r"^  ((?:-\w,)?--[a-z-]+)(?: \{([a-z,]+)\})?", text, flags=re.M):
        for name in names.split(","):
            flags[name] = choices.split(",") if choices else []
    return flags


class Shell(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "a log.txt").touch()

    def check_all(self, completions):
        """`completions(line)` lists what a shell offers at the end of a line."""
        for program in PROGRAMS:
            flags = flags_in_help(program)
            self.assertGreater(len(flags), 8)
            self.assertEqual(set(completions(program, f"{program} --")), {flag for flag in flags if flag.startswith("--")})
            self.assertEqual(completions(program, f"{program} --comp"), ["--completion"])
            for flag, choices in flags.items():
                if choices:
                    self.assertEqual(sorted(completions(program, f"{program} {flag} ")), sorted(choices), flag)
        self.assertEqual(completions("podring", "podring d"), ["doctor"])
        self.assertEqual(completions("podring", "podring t"), ["top"])
        self.assertEqual(sorted(completions("podring", "podring top --")), ["--help", "--once", "--url"])
        self.assertNotIn("--once", completions("podring", "podring doctor --"))
        self.assertEqual(completions("podring", "podring --port 5570 d"), [])  # only as the first argument
        self.assertEqual(completions("podring", "podring --port "), [])  # any number: nothing to offer
        self.assertIn("--json", completions("podring", "podring doctor --"))
        self.assertNotIn("--json", completions("podring", "podring --"))
        self.assertEqual(completions("podring", "podring doctor --lanes a"), ["auto"])
        self.assertEqual(completions("inject", "inject --ids a"), ["a log.txt"])
        self.assertEqual(completions("verify-logs", "verify-logs --json a"), ["a log.txt"])
        self.assertEqual(completions("verify-logs", "verify-logs --color a"), ["always", "auto"])

    def check_tab(self, command, setup):
        """What the Tab key makes of a line, in a terminal."""
        for line, wanted in (("podring --lanes u", ["podring", "--lanes", "udp"]),
                             ("podring --lanes=u", ["podring", "--lanes=udp"]), ("podring doct", ["podring", "doctor"]),
                             ("podring to", ["podring", "top"]), ("podring top --on", ["podring", "top", "--once"]),
                             ("podring doctor --js", ["podring", "doctor", "--json"]),
                             ("inject --wait comp", ["inject", "--wait", "completed"]),
                             ("inject --ids a", ["inject", "--ids", "a log.txt"]),
                             ("verify-logs --sh", ["verify-logs", "--show"]), ("verify-logs a", ["verify-logs", "a log.txt"])):
            self.assertEqual(after_tab(command, self.folder, setup(line.split()[0]), line), wanted)


def after_tab(command, folder, setup, line):
    """The words of the line after the Tab key: Ctrl-A goes to its start, where they become what printf prints."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(command[0], command, ENVIRONMENT | {"HOME": str(folder)})
    seen = b""

    def read_until(pattern):
        nonlocal seen
        until = time.monotonic() + WITHIN
        while not re.search(pattern, seen):
            ready, _, _ = select.select([fd], [], [], until - time.monotonic())
            if not ready:
                raise AssertionError(f"no {pattern} within {WITHIN} s: {seen}")
            seen += os.read(fd, 65536)
        found = re.search(pattern, seen)
        seen = seen[found.end():]
        return found

    try:
        os.write(fd, setup.encode() + b"\necho READ''Y\n")
        read_until(rb"READY\r\n")
        os.write(fd, line.encode() + b"\t\x01printf 'GOT<%s>\\n' \x05 END\n")
        words = []
        while not words or words[-1] != "END":
            words.append(read_until(rb"\nGOT<([^>%]*)>\r")[1].decode())
        return words[:-1]
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


class Bash(Shell):
    def test_the_function_offers_what_help_lists(self):
        def completions(program, line):
            words = line.split(" ")
            text = script(program, "bash") + f"""
COMP_WORDS=({' '.join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
_{program.replace('-', '_')}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
            done = subprocess.run(["bash", "--norc", "-c", text], cwd=self.folder, env=ENVIRONMENT, check=True,
                                  capture_output=True, text=True)
            self.assertEqual(done.stderr, "")
            return sorted(done.stdout.split("\n")[:-1]) if done.stdout.strip() else []

        self.check_all(completions)

    def test_the_tab_key(self):
        self.check_tab(["/bin/bash", "--norc", "--noprofile", "-i"],
                       lambda program: f"source <({BIN / program} --completion bash)")


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed (package zsh)")
class Zsh(Shell):
    def test_the_tab_key(self):
        self.check_tab([shutil.which("zsh"), "-f", "-i"], lambda program:
                       f"autoload -U compinit; compinit -u -D; source <({BIN / program} --completion zsh)")


@unittest.skipUnless(shutil.which("fish"), "fish is not installed (package fish)")
class Fish(Shell):
    def test_it_offers_what_help_lists(self):
        def completions(program, line):
            text = script(program, "fish") + f"\ncomplete -C '{line}'\n"
            done = subprocess.run(["fish", "--no-config", "-c", text], cwd=self.folder, check=True,
                                  env=ENVIRONMENT | {"HOME": str(self.folder)}, capture_output=True, text=True)
            self.assertEqual(done.stderr, "")
            return sorted({row.split("\t")[0] for row in done.stdout.splitlines()})

        self.check_all(completions)


class Refusals(unittest.TestCase):
    def test_another_shell_is_refused_with_those_that_are_known(self):
        for program in PROGRAMS:
            done = subprocess.run([BIN / program, "--completion", "tcsh"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("must be bash, zsh or fish, not 'tcsh'", done.stderr)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
