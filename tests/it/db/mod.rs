//! The methods of `effigy::db`, each on SQLite and on PostgreSQL.
//!
//! A test takes `both().await` and makes its claim for each database in turn.

mod channels;
mod chunks;
mod identity;
mod images;
mod imports;
mod instances;
mod jobs;
mod lists;
mod metadefs;
mod shares;

use effigy::db::Database;
use tempfile::TempDir;

use crate::support::Postgres;

/// One of the two databases, fresh and migrated.
pub struct Fresh {
    /// `SQLite` or `PostgreSQL`, for a claim's message.
    pub name: &'static str,
    /// The database.
    pub db: Database,
    _folder: Option<TempDir>,
}

/// A fresh SQLite and a fresh PostgreSQL.
pub async fn both() -> [Fresh; 2] {
    [fresh_sqlite().await, fresh_postgres().await]
}

/// A fresh SQLite in a temporary folder.
pub async fn fresh_sqlite() -> Fresh {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Database::sqlite(&folder.path().join("effigy.db")).await.expect("SQLite opens");
    Fresh { name: "SQLite", db, _folder: Some(folder) }
}

/// A fresh database in the test program's PostgreSQL.
pub async fn fresh_postgres() -> Fresh {
    let db = Database::postgres(&Postgres::database(), 8).await.expect("PostgreSQL opens");
    Fresh { name: "PostgreSQL", db, _folder: None }
}

#[tokio::test]
async fn fresh_database_answers() {
    for Fresh { name, db, .. } in both().await {
        assert!(db.prove_writable().await.is_ok(), "{name}");
        db.close().await;
    }
}

#[tokio::test]
async fn database_opens_again_with_its_tables_up_to_date() {
    let url = Postgres::database();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("effigy.db");
    for _ in 0..2 {
        Database::sqlite(&file).await.expect("SQLite opens").close().await;
        Database::postgres(&url, 2).await.expect("PostgreSQL opens").close().await;
    }
}
