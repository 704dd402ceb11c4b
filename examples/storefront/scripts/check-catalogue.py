#!/usr/bin/env python3
"""Is every product in the catalogue fit to be sold?"""

import os
import sys
from collections import defaultdict

sys.path.insert(0, os.path.join(os.environ["SIGNALBOX_FILES"], "lib"))
from shop import BOLD, GREEN, PLAIN, RED, YELLOW, euros, give, note_findings, products  # noqa: E402

low = int(os.environ["INPUT_LOW_STOCK"])
by_category = defaultdict(list)
for product in products():
    by_category[product.category].append(product)

count = 0
findings = []
for category, members in sorted(by_category.items()):
    print(f"{BOLD}{category}{PLAIN}, {len(members)} products")
    for product in members:
        count += 1
        price = euros(product.price_cents) if product.price_cents else "no price"
        mark = f"{GREEN}ok{PLAIN}"
        if not product.price_cents:
            mark = f"{RED}no price{PLAIN}"
            findings.append(f"{product.sku} {product.name}: no price")
        elif product.stock == 0:
            mark = f"{RED}sold out{PLAIN}"
            findings.append(f"{product.sku} {product.name}: sold out")
        elif product.stock <= low:
            mark = f"{YELLOW}low{PLAIN}"
            findings.append(f"{product.sku} {product.name}: {product.stock} left")
        print(f"  {product.sku}  {product.name:<26} {price:>11} {product.stock:>5}  {mark}", flush=True)

note_findings("catalogue", findings)
give("products", count)
