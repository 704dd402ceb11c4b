#!/usr/bin/env python3
"""What the shop says that it serves, as facts."""

import json
import os
import urllib.request

with urllib.request.urlopen(os.environ["INPUT_SHOP"] + "/status", timeout=2) as answer:
    status = json.load(answer)
with open(os.environ["SIGNALBOX_FACTS"], "a", encoding="utf-8") as facts:
    for key in ("version", "edition", "catalogue", "products", "since"):
        print(f"{key}: {status[key]}")
        facts.write(f"{key}={status[key]}\n")
