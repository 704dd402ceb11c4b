#!/usr/bin/env python3
"""Can the shop read the catalogue that is published? What cannot be fetched proves nothing of the catalogue."""

import csv
import os
import sys
import urllib.request

try:
    with urllib.request.urlopen(os.environ["INPUT_SHOP"] + "/catalogue", timeout=2) as answer:
        text = answer.read().decode("utf-8")
except OSError as error:
    print(f"the shop does not answer: {error}", file=sys.stderr)
    sys.exit(75)  # cannot tell

rows = list(csv.DictReader(text.splitlines()))
unfit = [row for row in rows if not row.get("sku") or not row.get("name")]
print(f"{len(rows)} rows, {len(unfit)} of them without a number or a name")
if unfit or not rows:
    print(f"customers see no products; the first line is: {text.splitlines()[:1]}", file=sys.stderr)
    sys.exit(1)
