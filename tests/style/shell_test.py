#!/usr/bin/env python3
"""shellcheck is content with every shell script, and Python can read every Python file."""
import ast
import subprocess
import sys

import tree

PLANTED = "#!/bin/bash\nrm -rf $1/*\n"

if __name__ == "__main__":
    if subprocess.run(["shellcheck", "-"], input=PLANTED, text=True, capture_output=True).returncode == 0:
        sys.exit("shell: shellcheck does not see an unquoted variable")
    shell = list(tree.scripts([b"bash", b"sh", b"env bash"]))
    shell += [path for path in tree.files(".sh") if path not in shell]
    if not shell:
        sys.exit("shell: no script was found")
    bad = subprocess.run(["shellcheck", "--external-sources", *shell], cwd=tree.ROOT).returncode != 0
    for path in set(tree.files(".py")) | set(tree.scripts([b"python3", b"env python3"])):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except SyntaxError as error:
            print(f"{path.relative_to(tree.ROOT)}:{error.lineno}: {error.msg}")
            bad = True
    sys.exit(1 if bad else 0)
