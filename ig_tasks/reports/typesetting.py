"""A program of its own: a document as JSON on standard input, its PDF on standard output.

Typst keeps what it has set, some 80 MB for a report: in a process that ends, nothing of it stays. Nothing of ig-tasks
is imported here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    import typst  # an extra

    asked = json.load(sys.stdin.buffer)
    here = Path(__file__).parent / "templates"
    try:
        made = typst.compile(
            (here / "paper.typ").read_bytes(),
            root=str(here),
            font_paths=asked["fonts"],
            format="pdf",
            sys_inputs={"page": json.dumps(asked["document"], ensure_ascii=False)},
            timestamp=asked["created"],
        )
    except typst.TypstError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(made)
