//! Separation of duties: on one document a person holds one part. No setting turns it off.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, QueryFilter, Value};
use uuid::Uuid;

use super::user;
use crate::kernel::access::{Actor, Place};
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Together, Tx};

/// A part in a document (会计法 2024 art. 25, 35; 财会〔2012〕21号: incompatible duties).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 经办: create, edit, submit, withdraw.
    Prepare,
    /// 证明: a community's secretary stands for it.
    Endorse,
    /// 审核: review and record.
    Review,
    /// 审批: approve, sign, return, reject.
    Approve,
    /// 支付: bank file and its result.
    Pay,
}

impl Part {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Endorse => "endorse",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Pay => "pay",
        }
    }
}

#[derive(sea_orm::FromQueryResult)]
struct Held {
    part: String,
}

/// Takes a part in a document for who acts, by person and not by account; repeating one's own part is allowed. Jobs hold no part: whose authority
/// they act under is compared where that is known.
///
/// # Errors
/// 403 `separation_of_duties` where the person holds another part.
pub async fn take(tx: &Tx, act: &Act, place: Place, subject_type: &str, subject_id: Uuid, part: Part) -> Result<(), Problem> {
    let Performer::Person(actor) = &act.by else {
        return Ok(());
    };
    let person = actor.person();
    // Whoever holds no part in it yet takes this one; else what they hold is looked at.
    let insert = Sql {
        postgres: "INSERT INTO duties (id, district_id, street_id, community_id, subject_type, subject_id, part, person, user_id, acting_for, at) \
            SELECT $1, $2, $3::uuid, $4::uuid, $5, $6, $7, $8, $9::uuid, $10::uuid, $11::timestamptz WHERE NOT EXISTS (SELECT 1 FROM duties d WHERE d.district_id = $2 AND d.subject_id = $6 AND d.person = $8)",
        sqlite: "INSERT INTO duties (id, district_id, street_id, community_id, subject_type, subject_id, part, person, user_id, acting_for, at) \
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE NOT EXISTS (SELECT 1 FROM duties d WHERE d.district_id = $2 AND d.subject_id = $6 AND d.person = $8)",
    };
    let values = values(act, actor, place, (subject_type, subject_id), part);
    if tx.execute(insert, values).await? == 1 {
        return Ok(());
    }
    let held = tx.query::<Held>(Sql::both("SELECT part FROM duties WHERE district_id = $1 AND subject_id = $2 AND person = $3"), vec![place.district.into(), subject_id.into(), person.into()]).await?;
    held.iter().find(|held| held.part != part.code()).map_or(Ok(()), |other| Err(Problem::separation_of_duties(part.code(), &other.part)))
}

/// The columns of a part that somebody takes.
fn values(act: &Act, actor: &Actor, place: Place, (subject_type, subject_id): (&str, Uuid), part: Part) -> Vec<Value> {
    vec![
        new_id().into(),
        place.district.into(),
        place.street.into(),
        place.community.into(),
        subject_type.to_owned().into(),
        subject_id.into(),
        part.code().into(),
        actor.person().into(),
        actor.user_id.into(),
        act.acting_for(&place).into(),
        act.at.into(),
    ]
}

/// Adds the part of who makes a new document to what is written with it: nobody holds another part in it yet.
pub fn add_first(writes: &mut Together, act: &Act, place: Place, subject: (&str, Uuid), part: Part) {
    if let Performer::Person(actor) = &act.by {
        let insert = Sql::both(
            "INSERT INTO duties (id, district_id, street_id, community_id, subject_type, subject_id, part, person, user_id, acting_for, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        );
        writes.statement(insert, values(act, actor, place, subject, part));
    }
}

#[derive(sea_orm::FromQueryResult)]
struct Deputy {
    user_id: Uuid,
    acting_for: Uuid,
}

/// In whose part people acted on a document `$2` of a district `$1`: by the parts they took, and by the audit trail where it has no parts (a receipt).
const DEPUTIES: Sql = Sql::both(
    "SELECT user_id, acting_for FROM duties WHERE district_id = $1 AND subject_id = $2 AND acting_for IS NOT NULL AND user_id IS NOT NULL \
     UNION SELECT user_id, acting_for FROM audit_events WHERE district_id = $1 AND subject_id = $2 AND acting_for IS NOT NULL AND user_id IS NOT NULL",
);

/// The names of who took part in documents, as they are printed: who took another's part stands with both names, “李示例（代张示例）”, or as a deputy where the other's name is out of reach.
///
/// # Errors
/// 500 where the database fails.
pub async fn names_on(tx: &Tx, district: Uuid, documents: &[Uuid], users: impl IntoIterator<Item = Uuid>) -> Result<BTreeMap<Uuid, String>, Problem> {
    let mut deputies: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    for document in documents {
        let found = tx.query::<Deputy>(DEPUTIES, vec![district.into(), (*document).into()]).await?;
        deputies.extend(found.into_iter().map(|deputy| (deputy.user_id, deputy.acting_for)));
    }
    let users: BTreeSet<Uuid> = users.into_iter().collect();
    let people = tx.all(tx.select::<user::Entity>().filter(user::Column::Id.is_in(users.iter().chain(deputies.values()).copied()))).await?;
    let names: BTreeMap<Uuid, String> = people.into_iter().map(|person| (person.id, person.display_name)).collect();
    let shown = |id: Uuid| {
        let own = names.get(&id)?.clone();
        let absent = deputies.get(&id).map(|absent| names.get(absent).map_or("理", String::as_str));
        Some((id, absent.map_or_else(|| own.clone(), |absent| format!("{own}（代{absent}）"))))
    };
    Ok(users.into_iter().filter_map(shown).collect())
}

/// Whether a person holds a part in a document.
///
/// # Errors
/// 500 where the database fails.
pub async fn holds(tx: &Tx, district: Uuid, subject_id: Uuid, person: &str, part: Part) -> Result<bool, Problem> {
    let held = tx
        .query_one::<Held>(
            Sql::both("SELECT part FROM duties WHERE district_id = $1 AND subject_id = $2 AND person = $3 AND part = $4"),
            vec![district.into(), subject_id.into(), person.to_owned().into(), part.code().into()],
        )
        .await?;
    Ok(held.is_some())
}

#[derive(sea_orm::FromQueryResult)]
struct Person {
    person: String,
}

/// Everybody who cannot take this part in a document, for they hold another.
///
/// # Errors
/// 500 where the database fails.
pub async fn barred(tx: &Tx, district: Uuid, subject_id: Uuid, part: Part) -> Result<Vec<String>, Problem> {
    let others = Sql::both("SELECT person FROM duties WHERE district_id = $1 AND subject_id = $2 AND part <> $3");
    let held = tx.query::<Person>(others, vec![district.into(), subject_id.into(), part.code().into()]).await?;
    Ok(held.into_iter().map(|held| held.person).collect())
}
