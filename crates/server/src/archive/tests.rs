#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, path::Path, sync::Arc};

use store::Store;

use super::{write::header, *};

/// A data directory with a store and a log, and a backup of it.
async fn backup(folder: &Path) -> Vec<u8> {
    let database = folder.join("copy.db");
    let store = Store::open_sqlite(&database, Arc::new(definition::Expressions::default())).await.unwrap();
    store.close().await;
    let run = folder.join("output/01930000-0000-7000-8000-000000000000");
    fs::create_dir_all(&run).unwrap();
    for kind in ["seg", "idx", "tail"] {
        fs::write(run.join(format!("0-1.{kind}")), kind.repeat(1000)).unwrap();
    }
    let mut bytes = Vec::new();
    write(&Backup { database, output: folder.join("output") }, &mut bytes).unwrap();
    bytes
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, content.len() as u64).unwrap().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn summed(mut header: Vec<u8>) -> Vec<u8> {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn packed(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for entry in entries {
        encoder.write_all(entry).unwrap();
    }
    encoder.write_all(&[0; BLOCK * 2]).unwrap();
    encoder.finish().unwrap()
}

async fn refused(archive: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    fs::write(&file, archive).unwrap();
    let target = folder.path().join("a/data");
    let error = restore(&file, &target, &[]).await.unwrap_err();
    assert!(!target.exists(), "nothing is left: {error}");
    error.to_string()
}

#[tokio::test]
async fn what_was_saved_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let archive = backup(folder.path()).await;
    let file = folder.path().join("backup");
    fs::write(&file, &archive).unwrap();
    let target = folder.path().join("data");
    let restored = restore(&file, &target, &[]).await.unwrap();
    assert_eq!(restored.files, 4);
    let log = target.join("output/01930000-0000-7000-8000-000000000000/0-1.seg");
    assert_eq!(fs::read_to_string(log).unwrap(), "seg".repeat(1000));
    assert!(!folder.path().join("copy.db").exists(), "the copy of the store goes with the backup");
    let again = restore(&file, &target, &[]).await.unwrap_err();
    assert!(matches!(again, RestoreError::NotEmpty(_)), "{again}");
}

#[tokio::test]
async fn a_backup_that_was_cut_or_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = backup(folder.path()).await;
    for cut in [0, 1, archive.len() / 2, archive.len() - 20] {
        refused(&archive[..cut]).await;
    }
    refused(b"not an archive").await;
    let plain = zstd::decode_all(archive.as_slice()).unwrap();
    let whole = plain.len() - 4 * BLOCK;
    assert!(refused(&packed(&[plain[..whole].to_vec()])).await.contains("not whole"));
}

#[tokio::test]
async fn names_that_climb_links_and_devices_are_refused() {
    for name in [
        "../evil",
        "/etc/evil",
        "output/../../evil",
        "output/01930000-0000-7000-8000-000000000000/../../x.seg",
        "output/01930000-0000-7000-8000-000000000000/0-1.sh",
        "output/01930000-0000-7000-8000-000000000000",
        "signalbox.db/x",
        "secrets.key",
        "admin.token",
        "lock",
        "",
    ] {
        let said = refused(&packed(&[entry(name, b"x"), entry(COMPLETE, b"1\n")])).await;
        assert!(said.contains("no backup has an entry"), "{name}: {said}");
    }
    for kind in *b"1234567xgLK" {
        let mut link = entry(DATABASE, b"");
        link[156] = kind;
        link[157..161].copy_from_slice(b"/etc");
        let said = refused(&packed(&[summed(link), entry(COMPLETE, b"1\n")])).await;
        assert!(said.contains("plain files"), "{}: {said}", char::from(kind));
    }
    let twice = [entry(DATABASE, b"x"), entry(DATABASE, b"x"), entry(COMPLETE, b"2\n")];
    assert!(refused(&packed(&twice)).await.contains("twice"));
}

#[tokio::test]
async fn sizes_that_are_not_so_fill_no_disk() {
    let mut huge = header(DATABASE, 1 << 61).unwrap().to_vec();
    huge.extend_from_slice(&[0; BLOCK]);
    assert!(refused(&packed(&[huge])).await.contains("does not fit"));
    let mut longer = header(DATABASE, 10_000).unwrap().to_vec();
    longer.extend_from_slice(&[0; BLOCK]);
    assert!(refused(&packed(&[longer])).await.contains("not whole"));
    let mut odd = entry(DATABASE, b"x");
    odd[124..136].copy_from_slice(b"-0000000001\0");
    assert!(refused(&packed(&[summed(odd)])).await.contains("no size"));
}

#[tokio::test]
async fn a_store_that_is_none_is_refused() {
    let archive = packed(&[entry(DATABASE, &[7; 10_000]), entry(COMPLETE, b"1\n")]);
    assert!(refused(&archive).await.contains("store"));
    assert!(refused(&packed(&[entry(COMPLETE, b"0\n")])).await.contains("no store"));
}
