#!/usr/bin/env python3
"""Fills a stopped server's SQLite store with what a view remembers of one service: fill-view.py DATABASE SERVICE.

Ninety days: a probe that flapped once a minute for the last fourteen, so many good and bad slices of each day before; changes of
health and of facts; with the health of all other services as if their probes had looked.

fill-view.py --facts DATABASE FACTS FOLDER SECONDS says how many changed facts a second that store took in, and how many plain
SQLite does in FOLDER."""

import json
import sqlite3
import sys
import time
from datetime import datetime, timezone

MINUTE, DAY = 60_000_000, 86_400_000_000
NOW = time.time_ns() // 1000


def moment(micros):
    return datetime.fromtimestamp(micros / 1e6, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def health(state, probe, at):
    why = f"The probe `{probe}` is {state}: exit code 1, the page did not answer within five seconds."
    evidence = {"probe": probe, "health": state, "since": moment(at), "why": why}
    return json.dumps({"health": state, "since": moment(at), "cause": why, "evidence": [evidence]})


def fill(database, service):
    db = sqlite3.connect(database)
    db.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-200000; PRAGMA foreign_keys=OFF")
    schedule = lambda kind, name: db.execute("SELECT id, project FROM schedules WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    probe, project = schedule("probe", f"check-{service}")
    collector, _ = schedule("collector", f"look-at-{service}")
    run = probe
    # How all are now: one in twenty is ill.
    for place, (other, of) in enumerate(db.execute("SELECT service, name FROM probes WHERE environment = 'production'").fetchall()):
        state = "bad" if place % 20 == 0 else "ok"
        db.execute("INSERT OR REPLACE INTO health VALUES (?, ?, 'production', ?)", (project, other, health(state, of, NOW - place * MINUTE)))
    flaps = 14 * 24 * 60
    first = NOW - flaps * MINUTE
    db.executemany(
        "INSERT OR REPLACE INTO slices (schedule, from_at, to_at, outcome, count, first_run, last_run, why) VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
        ((probe, first + at * MINUTE, first + at * MINUTE, ("good", "bad")[at % 2], run, run, (None, "exit code 1")[at % 2]) for at in range(flaps)),
    )
    today = NOW // DAY
    db.executemany(
        "INSERT OR REPLACE INTO slice_days (schedule, day, good, bad, no_sample) VALUES (?, ?, 1200, 200, 40)",
        ((probe, today - back) for back in range(14, 400)),
    )
    states = ("ok", "bad")
    changes = [(first + at * MINUTE, at % 2) for at in range(flaps)] + [(first - at * 30 * MINUTE, at % 2) for at in range(1, 76 * 48)]
    db.executemany(
        "INSERT OR REPLACE INTO health_changes (project, service, environment, at, before, health) VALUES (?, ?, 'production', ?, ?, ?)",
        ((project, service, at, states[1 - ill], health(states[ill], f"check-{service}", at)) for at, ill in changes),
    )
    keys = [f"key_{key}" for key in range(100)]
    db.executemany(
        "INSERT OR REPLACE INTO facts (schedule, target, key, value, observed_at, changed_at, run, previous, gone, changes) "
        "VALUES (?, '', ?, 'now', ?, ?, ?, 'before', 0, 1000)",
        ((collector, key, NOW, NOW, run) for key in keys),
    )
    db.executemany(
        "INSERT OR REPLACE INTO fact_changes (project, service, environment, target, key, at, value, previous, run, schedule) "
        "VALUES (?, ?, 'production', '', ?, ?, 'now', 'before', ?, ?)",
        ((project, service, key, NOW - at * 129 * MINUTE - place * 1000, run, collector) for place, key in enumerate(keys) for at in range(1000)),
    )
    db.execute("UPDATE collectors SET observed_at = ?, observed_in = ? WHERE schedule = ?", (NOW, run, collector))
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("ANALYZE")
    print(f"{service}: {flaps} slices, {len(changes)} changes of health, {1000 * len(keys)} of facts", file=sys.stderr)


def facts(database, count, folder, seconds):
    db = sqlite3.connect(database)
    (last,) = db.execute("SELECT max(at) FROM fact_changes").fetchone()
    (taken_in,) = db.execute("SELECT count(*) FROM fact_changes WHERE at > ?", (last - int(seconds * 1e6),)).fetchone()
    bare = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    bare.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    for table in ("facts", "fact_changes"):
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        bare.execute(sql)
    for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE tbl_name IN ('facts', 'fact_changes') AND type = 'index' AND sql IS NOT NULL"):
        bare.execute(sql)
    run, began, done = b"r" * 16, time.monotonic(), 0
    while time.monotonic() - began < min(10, seconds):
        now, schedule = NOW + done, bytes([done // count % 20]) * 16
        bare.execute("BEGIN IMMEDIATE")
        for key in range(count):
            name = f"key_{key}"
            bare.execute(
                "INSERT INTO facts (schedule, target, key, value, observed_at, changed_at, run, previous, gone, changes) "
                "VALUES (?, '', ?, ?, ?, ?, ?, ?, 0, 1) ON CONFLICT (schedule, target, key) DO UPDATE SET value = excluded.value, "
                "observed_at = excluded.observed_at, changed_at = excluded.changed_at, previous = excluded.previous, changes = changes + 1",
                (schedule, name, str(now), now, now, run, str(now)),
            )
            bare.execute(
                "INSERT OR IGNORE INTO fact_changes (project, service, environment, target, key, at, value, previous, run, schedule) "
                "VALUES (?, 'bench', 'production', '', ?, ?, ?, ?, ?, ?)",
                (run, name, now, str(now), str(now), run, schedule),
            )
        bare.execute("COMMIT")
        done += count
    print(json.dumps({"ours": taken_in / seconds, "bare": done / (time.monotonic() - began)}))


if sys.argv[1] == "--facts":
    facts(sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5]))
else:
    fill(sys.argv[1], sys.argv[2])
