//! Looking through the whole database for a text that must not stand there in the clear.

use std::collections::BTreeSet;

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::{Reason, Tx};
use sea_orm::FromQueryResult;

use super::TestApp;
use super::street::Street;

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

async fn names(tx: &Tx, sql: String) -> Vec<String> {
    tx.query_composed::<Name>(sql, Vec::new()).await.unwrap().into_iter().map(|found| found.name).collect()
}

/// A row of a table as one text; on SQLite in hexadecimal, for a zero byte (of an id) ends a text.
async fn row(tx: &Tx, postgres: bool, table: &str) -> String {
    if postgres {
        return "CAST(row_to_json(t) AS text)".to_owned();
    }
    let columns = names(tx, format!("SELECT name FROM pragma_table_info('{table}')")).await;
    columns.iter().map(|column| format!("hex(COALESCE(t.\"{column}\", ''))")).collect::<Vec<_>>().join(" || ' ' || ")
}

/// The tables of which a row holds the text, as the street's district and the system see them.
pub async fn tables_with(app: &TestApp, street: &Street, text: &str) -> BTreeSet<String> {
    let db = &app.context.db;
    let tables = if db.is_postgres() { "SELECT CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = current_schema()" } else { "SELECT name FROM sqlite_master WHERE type = 'table'" };
    let sought = if db.is_postgres() { text.to_owned() } else { hex::encode_upper(text) };
    let mut found = BTreeSet::new();
    for tx in [db.read(Scope::District(street.district.parse().unwrap())).await.unwrap(), db.read_as_system(Reason::Verify).await.unwrap()] {
        for table in names(&tx, tables.to_owned()).await.into_iter().filter(|table| !table.starts_with("sqlite_") && table != "seaql_migrations") {
            let row = row(&tx, db.is_postgres(), &table).await;
            let count = tx.query_composed::<Count>(format!("SELECT COUNT(*) AS n FROM {table} t WHERE {row} LIKE $1"), vec![format!("%{sought}%").into()]).await.unwrap();
            if count.iter().any(|count| count.n > 0) {
                found.insert(table);
            }
        }
        tx.rollback().await.unwrap();
    }
    found
}
