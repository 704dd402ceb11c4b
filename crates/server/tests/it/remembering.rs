//! What the view remembers goes when its time is over or when it is too much, output and disk too; what is new stays.

use std::{path::Path, process::Command, time::Duration};

use reqwest::StatusCode;

use crate::server::TestServer;

const SHOP: &str = "
kind: Service
name: shop
environments: [production]
---
kind: Runbook
name: check-shop
probe: {service: shop, environment: production, every: 1s, stale_after: 60s}
steps:
  - run: |
      echo looking
      exit $(( $(date +%s) % 2 ))
    effect: read
";

/// Moves all that the view of a stopped server remembers forty days back, and adds very many old changes of health. Prints the
/// ids of the runs that were moved.
const AGE: &str = r#"
import os, sqlite3, sys, uuid
data, by = sys.argv[1], 40 * 86400
db = sqlite3.connect(data + '/signalbox.db')
runs = [row[0] for row in db.execute('SELECT id FROM runs WHERE background = 1')]
for run in runs:
    new = (int.from_bytes(run[:6], 'big') - by * 1000).to_bytes(6, 'big') + run[6:]
    for table, column in [('runs', 'id'), ('run_steps', 'run'), ('run_plans', 'run'), ('events', 'run')]:
        db.execute(f'UPDATE {table} SET {column} = ? WHERE {column} = ?', (new, run))
    old, now = (f'{data}/output/{uuid.UUID(bytes=id)}' for id in (run, new))
    if os.path.exists(old):
        os.rename(old, now)
    print(uuid.UUID(bytes=new))
db.execute('UPDATE slices SET from_at = from_at - ?, to_at = to_at - ?', (by * 1000000, by * 1000000))
db.execute('''INSERT INTO health_changes (project, service, environment, at, before, health)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
    SELECT h.project, h.service, h.environment, unixepoch() * 1000000 - 300000000 * i, 'ok', h.health FROM n, health h''')
db.commit()
"#;

fn size(data: &Path) -> u64 {
    std::fs::metadata(data.join("signalbox.db")).unwrap().len()
}

#[tokio::test]
async fn a_history_that_is_old_or_too_large_goes_and_gives_its_disk_back() {
    let server = TestServer::start().await;
    server.apply(SHOP).await;
    let health = "/api/v1/projects/default/services/shop/health";
    let slices = |history: &serde_json::Value| -> u64 {
        let days = history["strips"][0]["days"].as_array().unwrap();
        days.iter().map(|day| day["good"].as_u64().unwrap() + day["bad"].as_u64().unwrap()).sum()
    };
    let mut looked = 0;
    for _ in 0..200 {
        let (_, history) = server.get(health).await;
        looked = slices(&history);
        if looked >= 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(looked >= 5, "{looked}");

    let directory = server.stop().await;
    let data = directory.path().join("data");
    let aged = Command::new("python3").args(["-c", AGE]).arg(&data).output().expect("python3");
    assert!(aged.status.success(), "{}", String::from_utf8_lossy(&aged.stderr));
    let runs = String::from_utf8(aged.stdout).unwrap();
    let runs: Vec<&str> = runs.lines().collect();
    let written = runs.iter().filter(|run| data.join("output").join(run).exists()).count();
    assert!(runs.len() >= 3 && written > 0, "{written} of {runs:?}");
    let large = size(&data);
    assert!(large > 30_000_000, "{large}");

    // 16 MiB at most, looked at ten times a second.
    let server = TestServer::start_remembering(directory, 16 * 1024 * 1024, Duration::from_millis(100)).await;
    let left = async || {
        let mut left = 0;
        for run in &runs {
            let (status, _) = server.get(&format!("/api/v1/projects/default/runs/{run}")).await;
            left += usize::from(status != StatusCode::NOT_FOUND);
        }
        left
    };
    let mut small = large;
    for _ in 0..400 {
        small = size(&data);
        if small < 22_000_000 && left().await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(small < 22_000_000, "{small} of {large} bytes");
    assert_eq!(left().await, 0, "old runs of the probe are gone");
    for run in &runs {
        assert!(!data.join("output").join(run).exists(), "and so is what they wrote");
    }
    let (_, history) = server.get(health).await;
    assert!(slices(&history) >= looked, "the days of the probe are known all the same");
    let changes = history["changes"].as_array().unwrap();
    assert!(changes.len() > 100, "and the newest changes: {}", changes.len());
}
