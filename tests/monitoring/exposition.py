"""proto-docs/metrics.md as the tests read it."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "proto-docs/metrics.md").read_text(encoding="utf-8")


def documented():
    """{family: type} of its tables."""
    return dict(re.findall(r"^\| `([a-z_]+)(?:\{[^}]*\})?` \| (counter|gauge|histogram) \|", DOCUMENT, flags=re.M))


def document_expressions():
    """Those of the table of questions."""
    table = DOCUMENT.partition("| question | expression |")[2].partition("\n\n")[0]
    return [expression for row in table.splitlines()[2:] for expression in re.findall(r"`([^`]+)`", row.rpartition(" | ")[2])]
