//! Account maps 科目对照: which code of the street's official books stands for an account of ours, by street and effective year.
//!
//! Since 2019 each account has two (财会〔2017〕25号, 平行记账): one of financial accounting 财务会计, one of budget accounting 预算会计; a year before that has one set.
//! The newest map whose `effective_year` is not after a year counts for it. Nothing is guessed: what no entry names is a gap.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Account, AccountType};
use super::refusals;
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{community_of, org_unit};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};
use crate::platform::http::Body;

/// The first year of parallel bookkeeping 平行记账 (财会〔2017〕25号, in force from 2019-01-01).
pub const PARALLEL_FROM: i32 = 2019;
/// Entries of one map.
const MOST_ENTRIES: usize = 1000;

/// A map, as a row.
pub mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A map of our accounts to those of the official books, from a year on.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "account_maps")]
    #[schema(as = AccountMap)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The first year it counts for, until a newer map's.
        pub effective_year: i32,
        /// `[{account, category_id?, community_id?, financial, budget?, outside_budget?}]`.
        #[schema(value_type = Vec<super::MapEntry>)]
        pub entries: Json,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// Who changed it last.
        pub changed_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(row, Street, street);

/// A half of the official books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// 财务会计.
    Financial,
    /// 预算会计.
    Budget,
}

impl Half {
    /// Its name in JSON pointers and in Chinese.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Financial => ("financial", "财务会计"),
            Self::Budget => ("budget", "预算会计"),
        }
    }
}

/// An account of the official books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficialAccount {
    /// Its code: 1 to 30 digits, letters, dots and hyphens.
    pub code: String,
    /// Its name, at most 60 characters.
    pub name: String,
}

/// What an account of ours is in the official books; the entry that names category and community comes before one that does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MapEntry {
    /// The code of our account, such as `5001`.
    pub account: String,
    /// Of this category only; only for accounts that are kept by category (2302, 3001, 4001, 5001).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<Uuid>,
    /// Of this community only; only for accounts that are kept by community (4101, 5001, 5101).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community_id: Option<Uuid>,
    /// The account of financial accounting; before 2019 the only one.
    pub financial: OfficialAccount,
    /// The account of budget accounting, from 2019 on. For 2302 and 2307 it is the expenditure that paying them will be: budget accounting books money when it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<OfficialAccount>,
    /// Money that is not in the department's budget 不纳入部门预算: left out of the budget half on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside_budget: bool,
}

impl MapEntry {
    fn key(&self) -> (String, Option<Uuid>, Option<Uuid>) {
        (self.account.clone(), self.category_id, self.community_id)
    }
}

/// Whether the balance of an official account is debit minus credit. What is owed stands for the expenditure it will be in the budget half.
#[must_use]
pub const fn is_debit(half: Half, account: Account) -> bool {
    account.is_debit() || (matches!(half, Half::Budget) && matches!(account.facts().3, AccountType::Liability))
}

/// The kind of an official account 科目类型, which also tells the elements of budget accounting apart.
#[must_use]
pub const fn kind_name(half: Half, account: Account, year: i32) -> &'static str {
    match (half, account.facts().3) {
        (Half::Financial, AccountType::Asset) => "资产",
        (Half::Financial, AccountType::Liability) => "负债",
        (Half::Financial, AccountType::NetAssets) => "净资产",
        (Half::Financial, AccountType::Income) => "收入",
        (Half::Financial, AccountType::Expenditure) if year >= PARALLEL_FROM => "费用",
        (Half::Financial, AccountType::Expenditure) => "支出",
        (Half::Budget, AccountType::Asset | AccountType::NetAssets) => "预算结余",
        (Half::Budget, AccountType::Income) => "预算收入",
        (Half::Budget, AccountType::Liability | AccountType::Expenditure) => "预算支出",
    }
}

/// A map in use.
#[derive(Clone, Debug, Default)]
pub struct AccountMap(BTreeMap<(String, Option<Uuid>, Option<Uuid>), MapEntry>);

impl AccountMap {
    /// A map of these entries.
    #[must_use]
    pub fn new(entries: Vec<MapEntry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.key(), entry)).collect())
    }

    /// The entry for an account of ours: the one that says most.
    #[must_use]
    pub fn find(&self, account: &str, category: Option<Uuid>, community: Option<Uuid>) -> Option<&MapEntry> {
        [(category, community), (category, None), (None, community), (None, None)].into_iter().find_map(|(category, community)| self.0.get(&(account.to_owned(), category, community)))
    }

    /// Every official account of a half, with the account of ours that it stands for first.
    #[must_use]
    pub fn official(&self, half: Half) -> BTreeMap<&OfficialAccount, Account> {
        let mut all = BTreeMap::new();
        for entry in self.0.values() {
            let named = if half == Half::Financial { Some(&entry.financial) } else { entry.budget.as_ref() };
            if let (Some(official), Some(account)) = (named, Account::of_code(&entry.account)) {
                all.entry(official).or_insert(account);
            }
        }
        all
    }
}

fn official_faults(official: &OfficialAccount, pointer: &str, faults: &mut Faults) {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if !(1..=30).contains(&official.code.len()) || !official.code.bytes().all(known) {
        faults.add(&format!("{pointer}/code"), "invalid_value", "须为 1 至 30 个数字、字母、点或连字符", "1 to 30 digits, letters, dots and hyphens");
    }
    faults.text(&format!("{pointer}/name"), &official.name, 60);
}

/// What is wrong with entries, without the database: all at once.
fn entry_faults(entries: &[MapEntry], faults: &mut Faults) {
    if entries.is_empty() || entries.len() > MOST_ENTRIES {
        faults.add("/entries", "invalid_value", format!("须有 1 至 {MOST_ENTRIES} 条"), format!("1 to {MOST_ENTRIES} entries"));
    }
    let mut seen = BTreeMap::new();
    let mut codes: BTreeMap<&str, (Half, &str, bool, &str)> = BTreeMap::new();
    for (index, entry) in entries.iter().take(MOST_ENTRIES).enumerate() {
        let at = format!("/entries/{index}");
        let Some(account) = Account::of_code(&entry.account) else {
            faults.add(&format!("{at}/account"), "invalid_value", "不是本账套的科目", "is no account of these books (GET /ledger/accounts)");
            continue;
        };
        if entry.category_id.is_some() && !account.by_category() {
            faults.add(&format!("{at}/category_id"), "not_kept_by_category", "该科目不按类别核算", "this account is not kept by category");
        }
        if entry.community_id.is_some() && !account.by_community() {
            faults.add(&format!("{at}/community_id"), "not_kept_by_community", "该科目不按社区核算", "this account is not kept by community");
        }
        if entry.outside_budget && entry.budget.is_some() {
            faults.add(&format!("{at}/outside_budget"), "contradictory", "不纳入预算的不得有预算会计科目", "what is outside the budget has no account of budget accounting");
        }
        if seen.insert(entry.key(), index).is_some() {
            faults.add(&at, "entry_twice", "同一科目、类别、社区只能有一条", "there is one entry for an account, category and community");
        }
        for (half, official) in [(Half::Financial, Some(&entry.financial)), (Half::Budget, entry.budget.as_ref())] {
            let Some(official) = official else { continue };
            let pointer = format!("{at}/{}", half.names().0);
            official_faults(official, &pointer, faults);
            let facts = (half, official.name.as_str(), is_debit(half, account), kind_name(half, account, PARALLEL_FROM));
            if *codes.entry(official.code.as_str()).or_insert(facts) != facts {
                faults.add(
                    &pointer,
                    "code_conflict",
                    format!("编码 {} 在另一条中的名称、余额方向、类型或所属会计不同", official.code),
                    format!("another entry has the code {} with another name, side, kind or half", official.code),
                );
            }
        }
    }
}

/// A map to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"effective_year": 2019, "entries": [
    {"account": "1002", "financial": {"code": "1002", "name": "银行存款"}, "budget": {"code": "800102", "name": "资金结存——货币资金"}},
    {"account": "4001", "financial": {"code": "4001", "name": "财政拨款收入"}, "budget": {"code": "6001", "name": "财政拨款预算收入"}},
    {"account": "5001", "financial": {"code": "5001", "name": "业务活动费用"}, "budget": {"code": "7101", "name": "行政支出"}},
    {"account": "1003", "financial": {"code": "100203", "name": "银行存款——红色基金"}, "outside_budget": true}]}))]
pub struct NewAccountMap {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The first year it counts for, 2000 to 2999.
    pub effective_year: i32,
    /// What each account is.
    pub entries: Vec<MapEntry>,
}

impl Body for NewAccountMap {
    fn faults(&self, faults: &mut Faults) {
        if !(2000..=2999).contains(&self.effective_year) {
            faults.add("/effective_year", "out_of_range", "年度须在 2000 至 2999 之间", "must be a year from 2000 to 2999");
        }
        entry_faults(&self.entries, faults);
    }
}

/// What of a map may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountMapChange {
    /// All entries, in place of those before.
    pub entries: Vec<MapEntry>,
}

impl Body for AccountMapChange {
    fn faults(&self, faults: &mut Faults) {
        entry_faults(&self.entries, faults);
    }
}

impl From<&row::Model> for AccountMapChange {
    fn from(row: &row::Model) -> Self {
        // What was stored was judged before: it reads.
        Self { entries: serde_json::from_value(row.entries.clone()).unwrap_or_default() }
    }
}

/// Categories and communities that entries name are of this district and street.
async fn check_references(tx: &Tx, street: Uuid, entries: &[MapEntry]) -> Result<(), Problem> {
    for (index, entry) in entries.iter().enumerate() {
        if let Some(category) = entry.category_id {
            tx.reference::<category::Entity>(category, &format!("/entries/{index}/category_id")).await?;
        }
        if let Some(community) = entry.community_id {
            community_of(tx, street, community, &format!("/entries/{index}/community_id")).await?;
        }
    }
    Ok(())
}

/// Records the map of a street from a year on.
///
/// # Errors
/// 409 `account_map_exists`; 422 `unknown_reference`.
pub async fn record(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewAccountMap) -> Result<row::Model, Problem> {
    check_references(tx, street.id, &new.entries).await?;
    let row = row::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        effective_year: Set(new.effective_year),
        entries: Set(serde_json::to_value(&new.entries).map_err(Problem::internal)?),
        recorded_by: Set(act.person()?.user_id),
        changed_by: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let made = tx.try_insert::<row::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::account_map_exists(new.effective_year) } else { error.into() })?;
    audit::record(tx, act, Event::new("account_map.record", "account_map", made.id, row::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Changes the entries of a map. What was exported with it stays as it was: an export keeps its bytes and the map's version.
///
/// # Errors
/// 422 `unknown_reference`.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<row::Model>, change: AccountMapChange) -> Result<row::Model, Problem> {
    let before = row.into_inner();
    check_references(tx, before.street_id, &change.entries).await?;
    let next = row::ActiveModel {
        id: Unchanged(before.id),
        entries: Set(serde_json::to_value(&change.entries).map_err(Problem::internal)?),
        changed_by: Set(act.user_id()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<row::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("account_map.change", "account_map", after.id, row::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// The map that counts for a year: the newest not after it. It is locked, so that exports of a street come one after the other and none reads a map that is being changed.
///
/// # Errors
/// 500 where the database fails.
pub async fn for_year(tx: &Tx, street: Uuid, year: i32) -> Result<Option<(row::Model, AccountMap)>, Problem> {
    let select = tx.select::<row::Entity>().filter(row::Column::StreetId.eq(street)).filter(row::Column::EffectiveYear.lte(year));
    let Some(newest) = tx.one(select.order_by_desc(row::Column::EffectiveYear)).await? else {
        return Ok(None);
    };
    let row = tx.load_locked::<row::Entity>(newest.id).await?.into_read();
    let entries = serde_json::from_value(row.entries.clone()).map_err(Problem::internal)?;
    Ok(Some((row, AccountMap::new(entries))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn official(code: &str, name: &str) -> OfficialAccount {
        OfficialAccount { code: code.to_owned(), name: name.to_owned() }
    }

    fn entry(account: &str, category: Option<Uuid>, code: &str) -> MapEntry {
        MapEntry { account: account.to_owned(), category_id: category, community_id: None, financial: official(code, "科目"), budget: None, outside_budget: false }
    }

    fn codes_of(entries: &[MapEntry]) -> Vec<(String, &'static str)> {
        let mut faults = Faults::none();
        entry_faults(entries, &mut faults);
        faults.into_result().err().map(|problem| problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect()).unwrap_or_default()
    }

    #[test]
    fn the_entry_that_says_most_counts() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let map = AccountMap::new(vec![entry("5001", None, "5001"), entry("5001", Some(one), "500101")]);
        let code = |category| map.find("5001", category, Some(two)).map(|entry| entry.financial.code.clone());
        assert_eq!((code(Some(one)).as_deref(), code(Some(two)).as_deref(), code(None).as_deref()), (Some("500101"), Some("5001"), Some("5001")));
        assert!(map.find("4001", None, None).is_none());
    }

    #[test]
    fn all_faults_of_a_map_are_told_at_once() {
        let mut both = entry("1003", None, "1003");
        (both.budget, both.outside_budget) = (Some(official("8001", "资金结存")), true);
        let entries = [entry("9999", None, "1"), entry("1002", Some(Uuid::nil()), "a,b"), both.clone(), both];
        assert_eq!(
            codes_of(&entries),
            [
                ("/entries/0/account".to_owned(), "invalid_value"),
                ("/entries/1/category_id".to_owned(), "not_kept_by_category"),
                ("/entries/1/financial/code".to_owned(), "invalid_value"),
                ("/entries/2/outside_budget".to_owned(), "contradictory"),
                ("/entries/3/outside_budget".to_owned(), "contradictory"),
                ("/entries/3".to_owned(), "entry_twice"),
            ]
        );
        assert_eq!(codes_of(&[]), [("/entries".to_owned(), "invalid_value")]);
    }

    #[test]
    fn one_official_code_is_one_account() {
        assert_eq!(codes_of(&[entry("1002", None, "1002"), entry("4001", None, "1002")]), [("/entries/1/financial".to_owned(), "code_conflict")]);
        let mut owed = entry("2302", None, "2201");
        owed.budget = Some(official("7101", "行政支出"));
        let mut spent = entry("5001", None, "5001");
        spent.budget = Some(official("7101", "行政支出"));
        assert_eq!(codes_of(&[owed, spent]), []);
    }
}
