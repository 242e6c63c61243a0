//! Notices: a use case leaves one in the outbox, in the transaction of what it tells; a worker resolves who holds the capability at the unit when it
//! delivers, and puts it into each one's inbox exactly once.

mod deliver;
pub mod entity;
pub mod routes;

pub use deliver::deliver_once;

use sea_orm::Value;
use uuid::Uuid;

use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// What people are to know.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The unit it is about.
    pub place: Place,
    /// Who is told: everybody who holds this there.
    pub capability: Capability,
    /// A stable code, such as `payout_run.held`.
    pub kind: &'static str,
    /// The kind of record.
    pub subject_type: &'static str,
    /// The record.
    pub subject_id: Uuid,
    /// The words in Chinese; no personal data.
    pub zh: String,
    /// The words in English; no personal data.
    pub en: String,
}

/// Leaves a notice in the outbox: it is delivered if and only if this transaction commits. Gives its id.
///
/// # Errors
/// 500 where the database fails.
pub async fn notify(tx: &Tx, act: &Act, notice: Notice) -> Result<Uuid, Problem> {
    let id = new_id();
    let values: Vec<Value> = vec![
        id.into(),
        notice.place.district.into(),
        notice.place.street.into(),
        notice.place.community.into(),
        notice.capability.code().into(),
        notice.kind.into(),
        notice.subject_type.into(),
        notice.subject_id.into(),
        notice.zh.into(),
        notice.en.into(),
        act.at.into(),
    ];
    let sql = Sql::both(
        "INSERT INTO outbox (id, district_id, street_id, community_id, capability, kind, subject_type, subject_id, text_zh, text_en, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    );
    tx.execute(sql, values).await?;
    Ok(id)
}
