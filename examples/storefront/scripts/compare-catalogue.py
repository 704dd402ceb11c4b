#!/usr/bin/env python3
"""How the edition that is to be published differs from the one that customers see now."""

import difflib
import os
import urllib.request
from pathlib import Path

FILES = {"reviewed": "catalogue.csv", "spreadsheet": "catalogue-spreadsheet.csv"}

edition = os.environ["INPUT_EDITION"]
new = (Path(os.environ["SIGNALBOX_FILES"]) / "data" / FILES[edition]).read_text(encoding="utf-8")
with urllib.request.urlopen("http://127.0.0.1:8490/catalogue", timeout=5) as answer:
    live = answer.read().decode("utf-8")

lines = list(difflib.unified_diff(live.splitlines(), new.splitlines(), "published", edition, lineterm="", n=0))
print("\n".join(lines) if lines else "nothing differs")
Path("catalogue.csv").write_text(new, encoding="utf-8")
