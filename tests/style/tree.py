"""The files that the style checks look at: all that git tracks, or would if it were added."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
WITHOUT = ("build", ".git")


def files(*suffixes):
    """Paths below ROOT with one of these suffixes; all of them when none is given. Works outside of git too."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True)
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [p for p in ROOT.rglob("*") if p.relative_to(ROOT).parts[0] not in WITHOUT]
    return sorted(p for p in set(found) if p.is_file() and (not suffixes or p.suffix in suffixes))


def texts(*suffixes):
    """(path below ROOT, text) of the files that are text."""
    for path in files(*suffixes):
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def scripts(shells):
    """Files whose first line names one of these interpreters."""
    for path in files():
        with path.open("rb") as file:
            first = file.readline(100)
        if first.startswith(b"#!") and any(shell in first.split(b"/")[-1].split() for shell in shells):
            yield path
