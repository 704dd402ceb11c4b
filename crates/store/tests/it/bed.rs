//! What a contract test lies in: a store of its own, gone afterwards. [`contract!`] makes a test for each engine of one body.

use std::{collections::BTreeMap, io::Write, path::PathBuf, sync::Arc};

use model::{
    evaluate::Evaluate,
    id::Uuid,
    runbook::{Expression, Input, InputValue, InputValues, Template},
};
use sqlx::{Connection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{Evaluator, Store};
use tempfile::TempDir;

pub const URL: &str = "SIGNALBOX_TEST_POSTGRES";

/// The smallest expression language: JSON is its own value, and templates are plain text.
struct Literals;

impl Evaluate for Literals {
    fn steps(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn mentions(&self, text: &str, name: &str) -> bool {
        text.contains(name)
    }

    fn value(&self, expression: &Expression, _: &serde_json::Value) -> Result<serde_json::Value, String> {
        serde_json::from_str(&expression.0).map_err(|error| error.to_string())
    }

    fn text(&self, template: &Template, _: &serde_json::Value) -> Result<String, String> {
        Ok(template.0.clone())
    }

    fn inputs(
        &self,
        _: &[Input],
        given: &BTreeMap<String, serde_json::Value>,
    ) -> Result<InputValues, String> {
        let text =
            |value: &serde_json::Value| InputValue::Text(value.as_str().unwrap_or_default().to_owned());
        Ok(given.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }
}

pub fn evaluator() -> Evaluator {
    Arc::new(Literals)
}

pub struct Bed {
    pub store: Store,
    pub place: Place,
}

pub enum Place {
    Folder(TempDir),
    Schema(Schema),
}

/// A schema of a PostgreSQL database, dropped with the value, even by a test that fails.
pub struct Schema {
    name: String,
    database: String,
    /// Connects into the schema.
    pub url: String,
}

impl Bed {
    pub async fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open_sqlite(&folder.path().join("signalbox.db"), evaluator()).await.unwrap();
        Self { store, place: Place::Folder(folder) }
    }

    /// None without the variable.
    pub async fn on_postgres() -> Option<Self> {
        let schema = Schema::make(&std::env::var(URL).ok()?).await;
        let store = Store::open_postgres(&schema.url, evaluator()).await.unwrap();
        Some(Self { store, place: Place::Schema(schema) })
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Schema(_))
    }

    /// The file of the SQLite store.
    pub fn file(&self) -> PathBuf {
        match &self.place {
            Place::Folder(folder) => folder.path().join("signalbox.db"),
            Place::Schema(_) => panic!("PostgreSQL has no file"),
        }
    }

    /// Open it once more, as a program does that starts again, or as a second server where there may be one.
    pub async fn open(&self) -> Result<Store, store::StoreError> {
        match &self.place {
            Place::Folder(_) => Store::open_sqlite(&self.file(), evaluator()).await,
            Place::Schema(schema) => Store::open_postgres(&schema.url, evaluator()).await,
        }
    }

    /// What a second server uses: on SQLite there is only one.
    pub async fn second_server(&self) -> Store {
        match &self.place {
            Place::Folder(_) => self.store.clone(),
            Place::Schema(_) => self.open().await.unwrap(),
        }
    }

    /// Past the store, as damage or an operator would.
    pub async fn execute(&self, sql: &'static str) {
        match &self.place {
            Place::Folder(_) => {
                sqlx::query(sql).execute(&mut self.sqlite_connection().await).await.unwrap();
            }
            Place::Schema(schema) => {
                let mut connection = PgConnection::connect(&schema.url).await.unwrap();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// The number that this query answers with.
    pub async fn number(&self, sql: &'static str) -> i64 {
        match &self.place {
            Place::Folder(_) => {
                sqlx::query(sql).fetch_one(&mut self.sqlite_connection().await).await.unwrap().get(0)
            }
            Place::Schema(schema) => {
                let mut connection = PgConnection::connect(&schema.url).await.unwrap();
                sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
            }
        }
    }

    pub async fn sqlite_connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file());
        SqliteConnection::connect_with(&options).await.unwrap()
    }
}

impl Schema {
    async fn make(database: &str) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(database).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        let and = if database.contains('?') { '&' } else { '?' };
        let url = format!("{database}{and}options=-c%20search_path%3D{name}");
        Self { name, database: database.to_owned(), url }
    }

    /// The URL with one more setting for each connection.
    pub fn url_with(&self, setting: &str) -> String {
        format!("{}%20-c%20{setting}", self.url)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        let database = self.database.clone();
        let drop = async move {
            let mut connection = PgConnection::connect(&database).await?;
            // A test that failed may have left a transaction open.
            sqlx::query("SET lock_timeout = '5s'").execute(&mut connection).await?;
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A runtime must not block inside another one.
        let dropped = std::thread::spawn(move || runtime.block_on(drop)).join().unwrap();
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// Each body becomes a test on SQLite and a test on PostgreSQL.
macro_rules! contract {
    ($($(#[$meta:meta])* async fn $name:ident($bed:ident: &Bed) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($bed: &$crate::bed::Bed) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                body(&$crate::bed::Bed::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(bed) = $crate::bed::Bed::on_postgres().await {
                    body(&bed).await;
                    bed.store.close().await;
                }
            }
        }
    )*};
}

pub(crate) use contract;

/// Says what was not run, past the capture of output.
#[test]
fn postgresql_is_asked_for() {
    if std::env::var(URL).is_err() {
        let line = format!("PostgreSQL: {URL} is not set, so the tests named `postgres` ran nothing\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}
