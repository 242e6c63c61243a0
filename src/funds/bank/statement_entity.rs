//! Rows of bank statements and of what was matched with the books.

/// A layout of statements.
pub mod statement_layout {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// The layout of one bank's statements: the district's for all its streets, or one street's own.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "statement_layouts")]
    pub struct Model {
        /// The layout.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district.
        pub district_id: Uuid,
        /// The street; none where it is the district's own.
        pub street_id: Option<Uuid>,
        /// Its code, once in a district or street.
        pub code: String,
        /// Its name.
        pub name: String,
        /// The layout: a [`crate::funds::bank::StatementLayout`].
        pub definition: Json,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// Who made it; none for those that come with the program.
        pub created_by: Option<Uuid>,
    }

    crate::no_relations!();
}

/// A bank statement 银行对账单 of an account and a time. Statements of an account follow each other without a gap.
pub mod bank_statement {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A bank statement 银行对账单 of an account and a time. Statements of an account follow each other without a gap.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_statements")]
    #[schema(as = BankStatement)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The account of the books: `1002` or `1003`.
        pub account: String,
        /// The layout it was read by.
        pub layout_id: Uuid,
        /// The statement before it; nil for the first.
        #[serde(skip)]
        pub previous_key: Uuid,
        /// Its first day.
        pub from_date: NaiveDate,
        /// Its last day.
        pub to_date: NaiveDate,
        /// The balance before its first day.
        pub opening_balance: Fen,
        /// The balance at the end of its last day.
        pub closing_balance: Fen,
        /// How many lines it has.
        pub line_count: i32,
        /// `imported` or `void`.
        pub state: String,
        /// The name of the file it came in.
        pub file_name: Option<String>,
        /// SHA-256 of the file.
        pub sha256: String,
        /// When the rules of matching were last run over it.
        pub rules_run_at: Option<DateTime<Utc>>,
        /// Who imported it.
        pub imported_by: Uuid,
        /// Who voided it.
        pub voided_by: Option<Uuid>,
        /// Why it was voided.
        pub void_reason: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was imported.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A line of a bank statement.
pub mod bank_statement_line {
    use chrono::NaiveDate;
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line of a bank statement.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_statement_lines")]
    #[schema(as = BankStatementLineRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The statement.
        pub statement_id: Uuid,
        /// The account of the books.
        pub account: String,
        /// The place in the statement, from 1.
        pub line_number: i32,
        /// The bank's date.
        pub date: NaiveDate,
        /// Received; negative where it was paid.
        pub amount: Fen,
        /// The bank's reference; empty where it gives none.
        pub bank_reference: String,
        /// The bank's serial; `#1`, `#2` … among lines alike where it gives none.
        pub serial: String,
        /// The other side, encrypted: an organisation by name, a person masked; null where the bank names none.
        #[serde(skip)]
        pub counterparty_sealed: Option<String>,
        /// The bank's words, encrypted; null where there are none.
        #[serde(skip)]
        pub summary_sealed: Option<String>,
        /// Whether its statement stands.
        #[serde(skip)]
        pub live: bool,
        /// The match it is in; null while it is open.
        pub match_id: Option<Uuid>,
    }

    crate::no_relations!();
}

/// Lines of statements and of vouchers that are the same money.
pub mod bank_match {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Lines of statements and of vouchers that are the same money.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_matches")]
    #[schema(as = BankMatchRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The account of the books.
        pub account: String,
        /// What found it: `reference`, `date`, `group`, `offset`, or `hand`.
        pub rule: String,
        /// `live` or `undone`.
        pub state: String,
        /// The sum of each side.
        pub amount: Fen,
        /// The latest day of its lines: from it on bank and books agree about this money.
        pub complete_on: NaiveDate,
        /// Who ran the rules or matched by hand.
        pub matched_by: Uuid,
        /// Who undid it.
        pub undone_by: Option<Uuid>,
        /// Why.
        pub undo_reason: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A line in a match: of a statement, or of a voucher.
pub mod bank_match_item {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line in a match: of a statement, or of a voucher.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_match_items")]
    #[schema(as = BankMatchItem)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        #[serde(skip)]
        pub district_id: Uuid,
        /// Its street.
        #[serde(skip)]
        pub street_id: Uuid,
        /// The match.
        #[serde(skip)]
        pub match_id: Uuid,
        /// The line of a statement.
        pub statement_line_id: Option<Uuid>,
        /// The voucher.
        pub voucher_id: Option<Uuid>,
        /// The line of the voucher.
        pub line_number: Option<i32>,
        /// Received; negative where it was paid.
        pub amount: Fen,
        /// Whether its match stands.
        #[serde(skip)]
        pub live: bool,
    }

    crate::no_relations!();
}

crate::scoped!(statement_layout, Reference, optional_street);
crate::scoped!(bank_statement, Street, street);
crate::scoped!(bank_statement_line, Street, street);
crate::scoped!(bank_match, Street, street);
crate::scoped!(bank_match_item, Street, street);

impl statement_layout::Model {
    /// The layout.
    ///
    /// # Errors
    /// 500 where the row holds none: none was written without being one.
    pub fn layout(&self) -> Result<super::StatementLayout, crate::kernel::problem::Problem> {
        serde_json::from_value(self.definition.clone()).map_err(crate::kernel::problem::Problem::internal)
    }
}
