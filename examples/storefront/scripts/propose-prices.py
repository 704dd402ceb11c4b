#!/usr/bin/env python3
"""The new catalogue beside the old one, as a diff that a person can judge."""

import csv
import difflib
import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.join(os.environ["SIGNALBOX_FILES"], "lib"))
from shop import FILES, GREEN, PLAIN, RED, flag, give  # noqa: E402

category = os.environ["INPUT_CATEGORY"]
percent = int(os.environ["INPUT_PERCENT"])
step = 10 if flag("round_to_ten") else 1
if not -50 <= percent <= 50:
    sys.exit(f"percent must be between -50 and 50, not {percent}")

old = (FILES / "data/catalogue.csv").read_text(encoding="utf-8")
rows = list(csv.DictReader(old.splitlines()))
changed = 0
for row in rows:
    if not row["price_cents"] or category not in ("all", row["category"]):
        continue
    # Whole cents throughout; halves go up.
    price = (int(row["price_cents"]) * (100 + percent) * 2 + 100 * step) // (200 * step) * step
    changed += str(price) != row["price_cents"]
    row["price_cents"] = str(price)

Path("new").mkdir(exist_ok=True)
with open("new/catalogue.csv", "w", encoding="utf-8", newline="") as out:
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)

diff = list(
    difflib.unified_diff(old.splitlines(), Path("new/catalogue.csv").read_text(encoding="utf-8").splitlines(), "old", "new", n=0, lineterm="")
)
for line in diff:
    colour = {"+": GREEN, "-": RED}.get(line[0], "")
    print(f"{colour}{line}{PLAIN}")
print(f"{changed} prices change")
give("changed", changed)
if diff:
    give("diff", "\n".join(diff))
