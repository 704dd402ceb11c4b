#!/usr/bin/env python3
"""Put the compared edition before the customers."""

import os
import urllib.parse
import urllib.request
from pathlib import Path

query = urllib.parse.urlencode({"edition": os.environ["INPUT_EDITION"]})
request = urllib.request.Request(
    f"http://127.0.0.1:8490/catalogue?{query}",
    data=Path("catalogue.csv").read_bytes(),
    method="PUT",
    headers={"content-type": "text/csv"},
)
with urllib.request.urlopen(request, timeout=5) as answer:
    print(answer.read().decode("utf-8").strip())
