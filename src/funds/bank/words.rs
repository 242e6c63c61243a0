//! The words of a bank's line, in which people, cards and ID numbers may stand: sealed for the line, opened whole for the rules of matching, and shown with such numbers masked,
//! what is free text only to who reconciles.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{bank_statement, bank_statement_line};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::crypto::KeyRing;
use crate::kernel::masking;
use crate::kernel::problem::Problem;
use crate::platform::db::Scoped;

/// What of a line is sealed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The other side.
    Counterparty,
    /// The bank's words.
    Summary,
}

impl Part {
    fn bound_to(self, line: Uuid) -> String {
        match self {
            Self::Counterparty => format!("bank_statement_line:counterparty:{line}"),
            Self::Summary => format!("bank_statement_line:summary:{line}"),
        }
    }

    /// Seals the words of a line; none where there are none.
    ///
    /// # Errors
    /// 500 where they cannot be sealed.
    pub fn seal(self, keys: &KeyRing, line: Uuid, words: &str) -> Result<Option<String>, Problem> {
        if words.is_empty() {
            return Ok(None);
        }
        keys.encrypt(&self.bound_to(line), words).map(Some).map_err(Problem::internal)
    }

    /// The words of a line, whole.
    ///
    /// # Errors
    /// 500 where they cannot be read.
    pub fn open(self, keys: &KeyRing, line: Uuid, sealed: Option<&str>) -> Result<String, Problem> {
        sealed.map_or_else(|| Ok(String::new()), |sealed| keys.decrypt(&self.bound_to(line), sealed).map_err(Problem::internal))
    }
}

/// A line of a bank statement as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankStatementLine)]
pub struct StatementLine {
    /// The line.
    #[serde(flatten)]
    pub row: bank_statement_line::Model,
    /// The other side: an organisation by name, a person masked; empty where the bank names none.
    pub counterparty: String,
    /// The bank's words, card and ID numbers masked; null for who does not reconcile, for they may name people.
    pub summary: Option<String>,
}

/// The words that are sealed in a line.
pub(super) struct Sealed<'a> {
    /// The line.
    pub line: Uuid,
    /// The other side.
    pub counterparty: Option<&'a str>,
    /// The bank's words.
    pub summary: Option<&'a str>,
    /// The bank's reference and serial, which stay readable in its words too.
    pub own: [&'a str; 2],
}

/// How somebody reads the bank's words.
#[derive(Clone)]
pub struct Reading {
    keys: Arc<KeyRing>,
    reconciles: bool,
}

impl Reading {
    /// How this person reads the lines of a statement.
    #[must_use]
    pub fn of(actor: &Actor, keys: Arc<KeyRing>, statement: &bank_statement::Model) -> Self {
        Self { keys, reconciles: actor.may(Capability::BankReconcile, &bank_statement::Entity::place(statement)) }
    }

    /// The other side, and the bank's words where this person reads them.
    pub(super) fn shown(&self, sealed: &Sealed<'_>) -> Result<(String, Option<String>), Problem> {
        let counterparty = masking::numbers_in(&Part::Counterparty.open(&self.keys, sealed.line, sealed.counterparty)?, &sealed.own);
        if !self.reconciles {
            return Ok((counterparty, None));
        }
        Ok((counterparty, Some(masking::numbers_in(&Part::Summary.open(&self.keys, sealed.line, sealed.summary)?, &sealed.own))))
    }

    /// A line as this person reads it.
    ///
    /// # Errors
    /// 500 where its words cannot be read.
    pub fn line(&self, row: bank_statement_line::Model) -> Result<StatementLine, Problem> {
        let own = [row.bank_reference.as_str(), row.serial.as_str()];
        let (counterparty, summary) = self.shown(&Sealed { line: row.id, counterparty: row.counterparty_sealed.as_deref(), summary: row.summary_sealed.as_deref(), own })?;
        Ok(StatementLine { row, counterparty, summary })
    }
}
