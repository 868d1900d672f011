"""The table: each line a check with its figure, printed as soon as it is known."""
import sys

COLOURS = {"ok": "\033[32m", "FAIL": "\033[31m", "skipped": "\033[33m"}


class Report:
    def __init__(self):
        self.rows = []

    def add(self, check, outcome, figure):
        self.rows.append((check, outcome, figure))
        shown = f"{outcome:8}"
        if sys.stdout.isatty():
            shown = COLOURS[outcome] + shown + "\033[0m"
        print(f"{shown}{check:62} {figure}", flush=True)

    def row(self, check, good, figure):
        self.add(check, "ok" if good else "FAIL", figure)

    def skip(self, check, why):
        self.add(check, "skipped", why)

    def count(self, outcome):
        return sum(1 for row in self.rows if row[1] == outcome)

    def write_markdown(self, path):
        with open(path, "w", encoding="utf-8") as out:
            out.write("| check | | figure |\n|---|---|---|\n")
            for check, outcome, figure in self.rows:
                out.write(f"| {check} | {outcome} | {figure.replace('|', '/')} |\n")
