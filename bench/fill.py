#!/usr/bin/env python3
"""Fills a stopped server's SQLite store with copies of the newest run of a runbook: fill.py DATABASE RUNBOOK COUNT.

Every table that hangs on the run is copied with it. Ids are UUIDs of version 7, older than the run that is copied."""

import json
import sqlite3
import sys

database, runbook, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(database)
db.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY")
(template,) = db.execute("SELECT id FROM runs WHERE runbook = ? ORDER BY id DESC LIMIT 1", (runbook,)).fetchone()
(have,) = db.execute("SELECT count(*) FROM runs WHERE runbook = ?", (runbook,)).fetchone()
more = max(0, count - have)
text = str(__import__("uuid").UUID(bytes=template))
moment = int.from_bytes(template[:6], "big")


def columns(table):
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def copy(table, key):
    names = columns(table)
    rows = db.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {key} = ?", (template,)).fetchall()
    unique = {row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]} - {key}
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def copies():
        for number in range(have, have + more):
            new = (moment - 1 - number).to_bytes(6, "big") + template[6:]
            name = str(__import__("uuid").UUID(bytes=new))
            for row in rows:
                out = []
                for column, value in zip(names, row):
                    if column == key:
                        value = new
                    elif column == "id" and column in unique:
                        # An id of the row's own, such as an event's.
                        value = new[:6] + value[6:8] + value[8:12] + number.to_bytes(4, "big")
                    elif isinstance(value, str) and text in value:
                        value = value.replace(text, name)
                    elif isinstance(value, bytes) and value == template:
                        value = new
                    out.append(value)
                yield out

    db.executemany(insert, copies())


with db:
    copy("runs", "id")
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        # Events are left out: they make the store large, and no list reads them.
        if table not in ("runs", "events") and "run" in columns(table):
            copy(table, "run")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.execute("ANALYZE")
print(f"{more} runs of {runbook} were copied", file=sys.stderr)
