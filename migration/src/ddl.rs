//! One text of DDL for both databases: placeholders for types, and what only one of them has (roles and row-level security, or triggers of another form).

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The role that serves on PostgreSQL: it owns nothing and bypasses nothing.
const APP_ROLE: &str = "mingzhang_app";

/// Who sees and writes the rows of a table on PostgreSQL. The twin of `platform::db::Class`, which says it for both databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The system's, and within a person's units where the row has a district.
    System,
    /// Without a unit (keys, sessions, counters): every scope, never none.
    Technical,
    /// A street's rows, hidden from its communities.
    Street,
    /// A street's or one of its communities' rows.
    Community,
    /// A street's rows that its communities see and change by rule.
    Shared,
    /// What a district (or a street) keeps for all below it.
    Reference,
    /// What a district keeps for all below it; the table has no street.
    District,
}

/// The columns and keys that every table of a street, a community or a district has: references between business rows are composite, so that no link
/// across tenants can be stored.
const SHAPES: [(&str, &str); 6] = [
    ("{community_columns}", "{street_columns}, community_id {uuid}"),
    ("{street_columns}", "id {uuid} PRIMARY KEY, district_id {uuid} NOT NULL, street_id {uuid} NOT NULL"),
    ("{district_columns}", "id {uuid} PRIMARY KEY, district_id {uuid} NOT NULL"),
    ("{community_keys}", "{street_keys}, FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id)"),
    ("{street_keys}", "FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id), UNIQUE (district_id, street_id, id)"),
    ("{district_keys}", "FOREIGN KEY (district_id) REFERENCES org_units (id), UNIQUE (district_id, id)"),
];

/// DDL on one database.
pub struct Ddl<'a> {
    manager: &'a SchemaManager<'a>,
    postgres: bool,
}

impl<'a> Ddl<'a> {
    /// The DDL of this migration.
    pub fn new(manager: &'a SchemaManager<'a>) -> Self {
        Self { manager, postgres: manager.get_database_backend() == DbBackend::Postgres }
    }

    async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        self.manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    /// Runs statements that end with `;` at the end of a line. `{uuid} {ts} {date} {json} {bytes}` become the database's types. A line that begins with `{sqlite}` is SQLite's
    /// only: a key to a table that a later step makes, which PostgreSQL is given by that step ([`Ddl::key_later`]).
    pub async fn run(&self, text: &str) -> Result<(), DbErr> {
        let types = if self.postgres {
            [("{uuid}", "uuid"), ("{ts}", "timestamptz"), ("{date}", "date"), ("{json}", "jsonb"), ("{bytes}", "bytea")]
        } else {
            [("{uuid}", "uuid_text"), ("{ts}", "timestamp_with_timezone_text"), ("{date}", "date_text"), ("{json}", "json_text"), ("{bytes}", "blob")]
        };
        let lines: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("{sqlite}").map_or(Some(line), |own| (!self.postgres).then_some(own))).collect();
        let text = SHAPES.iter().chain(&types).fold(lines.join("\n"), |text, (placeholder, name)| text.replace(placeholder, name));
        for statement in text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            self.execute(statement.trim_end_matches(';')).await?;
        }
        Ok(())
    }

    /// The key of a street's column to a table that was made after its own: SQLite, which adds no key to a table that exists, was given it with the table (`{sqlite}`).
    pub async fn key_later(&self, table: &str, column: &str, to: &str) -> Result<(), DbErr> {
        let key = format!("ALTER TABLE {table} ADD CONSTRAINT {table}_{column} FOREIGN KEY (district_id, street_id, {column}) REFERENCES {to} (district_id, street_id, id)");
        self.run_on_postgres(&[&key]).await
    }

    /// Runs statements on PostgreSQL only.
    pub async fn run_on_postgres(&self, statements: &[&str]) -> Result<(), DbErr> {
        if self.postgres {
            for statement in statements {
                self.execute(statement).await?;
            }
        }
        Ok(())
    }

    /// Runs statements on SQLite only.
    pub async fn run_on_sqlite(&self, statements: &[&str]) -> Result<(), DbErr> {
        if !self.postgres {
            for statement in statements {
                self.execute(statement).await?;
            }
        }
        Ok(())
    }

    /// What row-level security reads: the scope of the transaction, or null. No scope, no row.
    pub async fn scope_functions(&self) -> Result<(), DbErr> {
        self.run_on_postgres(&[
            "CREATE FUNCTION mz_scope() RETURNS text LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('mingzhang.scope', true), '') $$",
            "CREATE FUNCTION mz_district() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('mingzhang.district', true), '')::uuid $$",
            "CREATE FUNCTION mz_street() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('mingzhang.street', true), '')::uuid $$",
            "CREATE FUNCTION mz_community() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('mingzhang.community', true), '')::uuid $$",
            "CREATE FUNCTION mz_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append_only: %', TG_TABLE_NAME; END $$",
        ])
        .await
    }

    /// Puts a table behind row-level security (forced, so that its owner is bound too, by a policy of its own) and lets the serving role use it.
    pub async fn guard(&self, table: &str, class: Class) -> Result<(), DbErr> {
        if !self.postgres {
            return Ok(());
        }
        self.execute(&format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")).await?;
        self.execute(&format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY")).await?;
        self.execute(&format!("CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")).await?;
        let (sees, writes) = conditions(class);
        self.execute(&format!("CREATE POLICY app_scope ON {table} TO {APP_ROLE} USING ({sees}) WITH CHECK ({writes})")).await?;
        self.execute(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")).await
    }

    /// Makes a view that shows each reader what the tables below it show that reader (`security_invoker`; a plain view would show every row), and lets the serving role read it.
    pub async fn view(&self, name: &str, select: &str) -> Result<(), DbErr> {
        let options = if self.postgres { " WITH (security_invoker = true)" } else { "" };
        let select = if self.postgres { select.replace("{uuid}", "uuid").replace("{date}", "date") } else { select.replace("{uuid}", "text").replace("{date}", "text") };
        self.execute(&format!("CREATE VIEW {name}{options} AS {select}")).await?;
        if self.postgres { self.execute(&format!("GRANT SELECT ON {name} TO {APP_ROLE}")).await } else { Ok(()) }
    }

    /// Nobody changes or deletes a row of this table, on PostgreSQL not even its owner without dropping the trigger first.
    pub async fn append_only(&self, table: &str) -> Result<(), DbErr> {
        if self.postgres {
            self.execute(&format!("REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")).await?;
            self.execute(&format!("CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION mz_refuse()")).await?;
            return self.execute(&format!("CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION mz_refuse()")).await;
        }
        for event in ["UPDATE", "DELETE"] {
            let name = format!("{table}_no_{}", event.to_lowercase());
            self.execute(&format!("CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'append_only: {table}'); END")).await?;
        }
        Ok(())
    }
}

impl Ddl<'_> {
    /// A voucher of a month that is closed is refused, whoever writes it.
    pub async fn closed_months_take_nothing(&self) -> Result<(), DbErr> {
        let closed = "EXISTS (SELECT 1 FROM ledger_periods p WHERE p.street_id = NEW.street_id AND p.month = NEW.month AND p.state = 'closed')";
        if self.postgres {
            self.execute(&format!("CREATE FUNCTION mz_period_open() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {closed} THEN RAISE EXCEPTION 'period_closed'; END IF; RETURN NEW; END $$"))
                .await?;
            return self.execute("CREATE TRIGGER vouchers_period BEFORE INSERT ON vouchers FOR EACH ROW EXECUTE FUNCTION mz_period_open()").await;
        }
        self.execute(&format!("CREATE TRIGGER vouchers_period BEFORE INSERT ON vouchers WHEN {closed} BEGIN SELECT RAISE(ABORT, 'period_closed'); END")).await
    }
}

/// What a class sees, and what it writes. The sub-selects are evaluated once a statement, not once a row.
fn conditions(class: Class) -> (String, String) {
    let system = "(SELECT mz_scope()) = 'system'";
    let district = "district_id = (SELECT mz_district())";
    let street = "((SELECT mz_street()) IS NULL OR street_id = (SELECT mz_street()))";
    let community = "((SELECT mz_community()) IS NULL OR community_id = (SELECT mz_community()))";
    let business = "(SELECT mz_scope()) IN ('district', 'street', 'community')";
    let not_community = "(SELECT mz_scope()) IN ('district', 'street')";
    match class {
        Class::Technical => ("(SELECT mz_scope()) IS NOT NULL".to_owned(), "(SELECT mz_scope()) IS NOT NULL".to_owned()),
        Class::System => {
            let both = format!("{system} OR ({business} AND {district} AND {street} AND {community})");
            (both.clone(), both)
        }
        Class::Street => {
            let both = format!("{not_community} AND {district} AND {street}");
            (both.clone(), both)
        }
        Class::Community => {
            let both = format!("{business} AND {district} AND {street} AND {community}");
            (both.clone(), both)
        }
        Class::Shared => {
            let both = format!("{business} AND {district} AND {street}");
            (both.clone(), both)
        }
        Class::District => (format!("{business} AND {district}"), format!("(SELECT mz_scope()) = 'district' AND {district}")),
        Class::Reference => (format!("{business} AND {district} AND (street_id IS NULL OR {street})"), format!("{not_community} AND {district} AND {street}")),
    }
}
