//! What the database itself holds, read from the schema as it is: no key and no reference of a business row reaches into another tenant.

use std::collections::{BTreeMap, BTreeSet};

use mingzhang::platform::db::{Reason, Sql};

use crate::on_both_databases;
use crate::support::TestApp;

/// The system's own tables: their rows are found before anybody's scope is known, or tell of all districts.
const OF_THE_SYSTEM: [&str; 9] = ["audit_events", "duties", "job_runs", "job_slots", "notifications", "org_units", "outbox", "role_assignments", "users"];
/// Columns that name no business row by a key of their own, and why.
const NOT_A_KEY: [(&str, &str, &str); 6] = [
    ("beneficiaries", "proposed_name_id", "is the correction's own id, under which its parts are taken"),
    ("ledger_checkpoints", "key_id", "names a key of the key ring, which is no row"),
    ("vouchers", "source_id", "names a row of one of many tables, as source_type says"),
    ("attachment_links", "subject_id", "names a row of one of many tables, as subject_type says"),
    ("payees", "unit_id", "is the row's own community or street, as a CHECK says"),
    ("payout_parts", "scheme_kind_id", "is its scheme's, whose own key holds it; for each part of a run it would be looked up in vain"),
];

#[derive(sea_orm::FromQueryResult)]
struct Found {
    tab: String,
    named: String,
    col: String,
}

const COLUMNS: Sql = Sql {
    postgres: "SELECT CAST(c.relname AS text) AS tab, '' AS named, CAST(a.attname AS text) AS col FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped",
    sqlite: "SELECT m.name AS tab, '' AS named, c.name AS col FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
};
const REFERENCES: Sql = Sql {
    postgres: "SELECT CAST(c.relname AS text) AS tab, CAST(k.conname AS text) AS named, CAST(a.attname AS text) AS col FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey) WHERE n.nspname = 'public' AND k.contype = 'f'",
    sqlite: "SELECT m.name AS tab, CAST(f.id AS text) AS named, f.\"from\" AS col FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
};
const UNIQUE_KEYS: Sql = Sql {
    postgres: "SELECT CAST(c.relname AS text) AS tab, CAST(k.relname AS text) AS named, CAST(a.attname AS text) AS col FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class k ON k.oid = i.indexrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (CAST(i.indkey AS smallint[])) WHERE n.nspname = 'public' AND i.indisunique",
    sqlite: "SELECT m.name AS tab, l.name AS named, COALESCE(i.name, '') AS col FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i WHERE m.type = 'table' AND l.\"unique\" = 1",
};

/// The columns of each key of each table.
type Keys = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

async fn read(app: &TestApp, sql: Sql) -> Keys {
    let tx = app.context.db.read_as_system(Reason::SetUp).await.unwrap();
    let mut keys = Keys::new();
    for found in tx.query::<Found>(sql, Vec::new()).await.unwrap() {
        keys.entry(found.tab).or_default().entry(found.named).or_default().insert(found.col);
    }
    keys
}

/// The columns of each table whose rows belong to a district.
async fn business_tables(app: &TestApp) -> BTreeMap<String, BTreeSet<String>> {
    let columns = read(app, COLUMNS).await.into_iter().map(|(table, keys)| (table, keys.into_values().flatten().collect::<BTreeSet<_>>()));
    let tables: BTreeMap<_, _> = columns.filter(|(table, columns)| columns.contains("district_id") && !OF_THE_SYSTEM.contains(&table.as_str())).collect();
    assert!(tables.len() > 50, "{}", tables.len());
    tables
}

on_both_databases! {
    async fn no_unique_key_of_a_business_table_lacks_its_district(app: TestApp) {
        let keys = read(app, UNIQUE_KEYS).await;
        let mut faults = Vec::new();
        for table in business_tables(app).await.keys() {
            for (key, columns) in keys.get(table).into_iter().flatten() {
                let own_id = columns.len() == 1 && columns.contains("id");
                if !own_id && !columns.contains("district_id") {
                    faults.push(format!("{table}.{key} {columns:?}"));
                }
            }
        }
        assert_eq!(faults, Vec::<String>::new(), "add district_id to these keys");
    }

    async fn a_reference_between_business_rows_names_its_tenant_too(app: TestApp) {
        let references = read(app, REFERENCES).await;
        let mut faults = Vec::new();
        let mut excused = BTreeSet::new();
        for (table, columns) in business_tables(app).await {
            for column in columns.iter().filter(|column| (column.ends_with("_id") || *column == "copied_from") && !["district_id", "user_id", "payee_user_id"].contains(&column.as_str())) {
                if NOT_A_KEY.iter().any(|(of, name, _)| *of == table && name == column) {
                    excused.insert((table.clone(), column.clone()));
                    continue;
                }
                let tenants: &[&str] = if column == "street_id" { &["district_id"] } else { &["district_id", "street_id"] };
                let held = references.get(&table).into_iter().flat_map(BTreeMap::values).any(|key| key.contains(column) && tenants.iter().any(|tenant| key.contains(*tenant)));
                if !held {
                    faults.push(format!("{table}.{column}"));
                }
            }
        }
        assert_eq!(faults, Vec::<String>::new(), "give these columns a key with district_id (and street_id), or say here why none");
        assert_eq!(excused.len(), NOT_A_KEY.len(), "an exception that is none any more: {excused:?}");
    }
}
