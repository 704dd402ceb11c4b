"""What the Python steps share: the shop's data, outputs, findings, and colours for the log."""

import csv
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

# The files of this version of the runbook, read-only. The working directory is for what steps make.
FILES = Path(os.environ["SIGNALBOX_FILES"])

GREEN, YELLOW, RED, BOLD, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


@dataclass
class Product:
    sku: str
    name: str
    category: str
    price_cents: int | None
    stock: int


def products() -> list[Product]:
    with open(FILES / "data/catalogue.csv", encoding="utf-8", newline="") as rows:
        return [
            Product(
                row["sku"],
                row["name"],
                row["category"],
                int(row["price_cents"]) if row["price_cents"] else None,
                int(row["stock"]),
            )
            for row in csv.DictReader(rows)
        ]


def orders() -> list[dict[str, str]]:
    with open(FILES / "data/orders.csv", encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def euros(cents: int) -> str:
    return f"{cents / 100:,.2f} EUR"


def flag(name: str) -> bool:
    """A boolean input: `true` or `false`; one that was not given is not set."""
    return os.environ.get(f"INPUT_{name.upper()}", "false") == "true"


def give(name: str, value: object) -> None:
    """Hand an output on. A value of many lines goes between two lines of a word that it cannot contain."""
    text = str(value)
    with open(os.environ["SIGNALBOX_OUTPUT"], "a", encoding="utf-8") as out:
        if "\n" in text:
            word = f"END_{secrets.token_hex(8)}"
            out.write(f"{name}<<{word}\n{text}\n{word}\n")
        else:
            out.write(f"{name}={text}\n")


def note_findings(area: str, findings: list[str]) -> None:
    """Note what a person should look at; the step that sums up reads it.

    The file is this step's own and written anew: a step that only reads may be repeated.
    """
    with open(f"findings-{area}.tsv", "w", encoding="utf-8") as out:
        out.writelines(f"{area}\t{text}\n" for text in findings)
