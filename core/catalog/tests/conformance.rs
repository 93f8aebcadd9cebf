//! SQLite passes the suite that says what a catalog does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Catalog;
use catalog::sqlite::Sqlite;

#[tokio::test]
async fn sqlite_does_what_a_catalog_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = AtomicUsize::new(0);
    catalog::conformance::all(async || {
        let n = made.fetch_add(1, Ordering::Relaxed);
        let file = folder.path().join(format!("{n}.db"));
        Arc::new(Sqlite::open(&file).await.expect("a database")) as Arc<dyn Catalog>
    })
    .await;
}
