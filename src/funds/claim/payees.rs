//! Payees 收款人: kept by a unit with the account encrypted, so that nobody types an account twice; chosen in a claim by id.

use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::bodies::{Payee, PayeeKind};
use super::payee_entity::payee;
use super::{claim, refusals};
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::masking;
use crate::kernel::problem::Problem;
use crate::people::identity::user;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// An account number without the spaces that people write into it.
pub(super) fn plain_number(number: &str) -> String {
    number.chars().filter(|character| !character.is_whitespace()).collect()
}

/// The keyed hash by which the same payee is known again.
pub(super) fn key_of(keys: &KeyRing, name: &str, number: &str) -> String {
    keys.lookup_hash("payee", &format!("{name}\n{number}"))
}

/// The keyed hash by which a person is searched, who is the same with and without spaces in the name.
fn name_key(keys: &KeyRing, name: &str) -> String {
    keys.lookup_hash("payee_name", &plain_number(name))
}

fn bound_to(id: Uuid) -> String {
    format!("payee:account:{id}")
}

/// A name as it is kept: a firm's in the clear, a person's masked and beside it encrypted for this row.
pub(super) fn kept_name(keys: &KeyRing, kind: PayeeKind, name: String, bound_to: &str) -> Result<(String, Option<String>), Problem> {
    match kind {
        PayeeKind::Supplier => Ok((name, None)),
        PayeeKind::Person => Ok((masking::name(&name), Some(keys.encrypt(bound_to, &name).map_err(Problem::internal)?))),
    }
}

/// The whole name of a kept payee: for its claims, and for who may see it.
///
/// # Errors
/// 500 where it cannot be read.
pub fn whole_name(keys: &KeyRing, row: &payee::Model) -> Result<String, Problem> {
    row.name_sealed.as_ref().map_or_else(|| Ok(row.name.clone()), |sealed| keys.decrypt(&format!("payee:name:{}", row.id), sealed).map_err(Problem::internal))
}

/// The whole name of who a claim pays: for the bank, and for who may see it.
///
/// # Errors
/// 500 where it cannot be read.
pub fn name_of(keys: &KeyRing, row: &claim::Model) -> Result<String, Problem> {
    row.payee_name_sealed.as_ref().map_or_else(|| Ok(row.payee_name.clone()), |sealed| keys.decrypt(&format!("claim:payee:{}", row.id), sealed).map_err(Problem::internal))
}

/// Keeps a payee for a unit.
///
/// # Errors
/// 409 `payee_exists`; 422 `unknown_reference`.
pub async fn add(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: Payee) -> Result<payee::Model, Problem> {
    let street_id = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    if let Some(colleague) = new.user_id {
        tx.reference::<user::Entity>(colleague, "/user_id").await?;
    }
    let (id, name) = (new_id(), new.name.trim().to_owned());
    let number = new.account_number.as_deref().map(plain_number);
    let sealed = number.as_ref().map(|number| act.keys.encrypt(&bound_to(id), number).map_err(Problem::internal)).transpose()?;
    let payee_key = key_of(&act.keys, &name, number.as_deref().unwrap_or_default());
    let name_key = (new.kind == PayeeKind::Person).then(|| name_key(&act.keys, &name));
    let (name, name_sealed) = kept_name(&act.keys, new.kind, name, &format!("payee:name:{id}"))?;
    let row = payee::Model {
        id,
        district_id: unit.district_id,
        street_id,
        community_id: unit.community_id,
        unit_id: unit.id,
        kind: new.kind.code().to_owned(),
        payee_key,
        name,
        name_sealed,
        name_key,
        account_sealed: sealed,
        account_masked: number.as_deref().map(masking::account),
        bank_name: new.bank_name,
        bank_code: new.bank_code,
        user_id: new.user_id,
        active: true,
        created_by: act.person()?.user_id,
        version: 1,
        created_at: act.at,
    };
    let insert = tx.try_insert::<payee::Entity, _>(payee::ActiveModel::from(row).reset_all()).await;
    let made = insert.map_err(|error| if is_unique_violation(&error) { refusals::payee_exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("payee.add", "payee", made.id, payee::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Takes a payee out of the choice, or back into it; claims that named it keep what they say.
///
/// # Errors
/// 409 `invalid_transition` where it is so already.
pub async fn set_active(tx: &Tx, act: &Act, row: Authorised<payee::Model>, active: bool) -> Result<payee::Model, Problem> {
    let before = row.into_inner();
    let (action, state) = if active { ("payee.restore", "active") } else { ("payee.retire", "retired") };
    if before.active == active {
        return Err(Problem::invalid_transition(action, state));
    }
    let after = payee::Model { active, version: before.version.saturating_add(1), ..before.clone() };
    let after = tx.update::<payee::Entity, _>(payee::ActiveModel::from(after).reset_all()).await?;
    audit::record(tx, act, Event::new(action, "payee", after.id, payee::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Who a claim of a unit pays: the payee of its body, or the kept one that it names.
///
/// # Errors
/// 422 `payee_required` where it names neither or both, `unknown_reference` for a payee of another unit or one that was retired.
pub async fn choose(tx: &Tx, keys: &KeyRing, unit: (Uuid, Option<Uuid>), given: Option<Payee>, kept: Option<Uuid>) -> Result<Payee, Problem> {
    let id = match (given, kept) {
        (Some(payee), None) => return Ok(payee),
        (None, Some(id)) => id,
        _ => return Err(refusals::payee_required()),
    };
    let row = tx.reference::<payee::Entity>(id, "/payee_id").await?;
    if (row.street_id, row.community_id) != unit || !row.active {
        return Err(Problem::unknown_reference("/payee_id"));
    }
    let number = row.account_sealed.as_ref().map(|sealed| keys.decrypt(&bound_to(row.id), sealed).map_err(Problem::internal)).transpose()?;
    let kind = if row.kind == PayeeKind::Person.code() { PayeeKind::Person } else { PayeeKind::Supplier };
    Ok(Payee { kind, name: whole_name(keys, &row)?, account_number: number, bank_name: row.bank_name, bank_code: row.bank_code, user_id: row.user_id })
}

/// Most that a search finds: people of one whole name in one district, or the accounts of one firm.
const MOST_FOUND: u64 = 200;

/// The payees that have this whole name: a person is found by its hash.
///
/// # Errors
/// 500 where the database fails.
pub async fn search(tx: &Tx, keys: &KeyRing, street: Option<Uuid>, name: &str) -> Result<Vec<payee::Model>, Problem> {
    let person = payee::Column::NameKey.eq(name_key(keys, name));
    let firm = Condition::all().add(payee::Column::Name.eq(name.trim())).add(payee::Column::Kind.eq(PayeeKind::Supplier.code()));
    let within = street.map(|street| payee::Column::StreetId.eq(street));
    let select = tx.select::<payee::Entity>().filter(Condition::all().add_option(within).add(Condition::any().add(person).add(firm)));
    tx.all(select.order_by_asc(payee::Column::Id).limit(MOST_FOUND)).await
}

/// The account that a claim is paid to.
///
/// # Errors
/// 500 where it cannot be read.
pub fn account_of(keys: &KeyRing, row: &claim::Model) -> Result<Option<String>, Problem> {
    row.payee_account_sealed.as_ref().map(|sealed| keys.decrypt(&format!("claim:account:{}", row.id), sealed).map_err(Problem::internal)).transpose()
}
