//! The two folders of migrations say the same.

use std::{collections::BTreeSet, fs, path::Path};

use sqlx::{Connection, PgConnection, Row};

use crate::bed::{Bed, Place};

fn names(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_folders_have_the_same_files() {
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

#[tokio::test]
async fn each_file_is_a_migration_that_is_applied() {
    let bed = Bed::on_sqlite().await;
    let applied = bed.number("SELECT count(*) FROM _sqlx_migrations WHERE success").await;
    assert_eq!(usize::try_from(applied).unwrap(), names("sqlite").len());
}

/// Table, column, may it be null.
type Columns = BTreeSet<(String, String, bool)>;

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_have_the_same_tables_and_columns() {
    let Some(postgres) = Bed::on_postgres().await else { return };
    let sqlite = Bed::on_sqlite().await;
    let here = sqlx::query(
        "SELECT t.name, c.name, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut sqlite.sqlite_connection().await)
    .await
    .unwrap();
    let here: Columns = here.iter().map(|row| (row.get(0), row.get(1), row.get::<i64, _>(2) == 0)).collect();

    let Place::Schema(schema) = &postgres.place else { panic!() };
    let mut connection = PgConnection::connect(&schema.url).await.unwrap();
    let there = sqlx::query(
        "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let there: Columns = there.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(here.len() > 50);
    assert_eq!(here, there);
    postgres.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_have_the_same_keys_and_indexes() {
    let Some(postgres) = Bed::on_postgres().await else { return };
    let sqlite = Bed::on_sqlite().await;
    let here = sqlx::query(
        "SELECT t.name, i.\"unique\", (SELECT group_concat(c.name) FROM (SELECT name FROM pragma_index_info(i.name) \
         ORDER BY seqno) c) FROM sqlite_schema t, pragma_index_list(t.name) i \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut sqlite.sqlite_connection().await)
    .await
    .unwrap();
    type Indexes = BTreeSet<(String, bool, String)>;
    let here: Indexes = here.iter().map(|row| (row.get(0), row.get::<i64, _>(1) == 1, row.get(2))).collect();

    let Place::Schema(schema) = &postgres.place else { panic!() };
    let mut connection = PgConnection::connect(&schema.url).await.unwrap();
    let there = sqlx::query(
        "SELECT t.relname::text, i.indisunique, (SELECT string_agg(a.attname::text, ',' ORDER BY k.place) \
         FROM unnest(i.indkey) WITH ORDINALITY AS k(attribute, place) \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attribute) \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE n.nspname = current_schema() AND t.relname NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let there: Indexes = there.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(here.len() > 12);
    assert_eq!(here, there);
    postgres.store.close().await;
}

/// What lists are sorted by is sorted by bytes on both, whatever the database's own collation is.
#[tokio::test(flavor = "multi_thread")]
async fn sorted_text_is_sorted_by_bytes() {
    let Some(postgres) = Bed::on_postgres().await else { return };
    let wrong = "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND (table_name, column_name) IN (('projects', 'name'), ('definitions', 'name'), ('version_files', 'path')) \
                 AND collation_name = 'C'";
    assert_eq!(postgres.number(wrong).await, 3);
    postgres.store.close().await;
}
