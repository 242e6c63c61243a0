//! What a run would pay now: for every enrolment of the scheme, entitled minus settled, and why an item is held.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::holds::Holds;
use super::model::{self, Facts, Planned, Settled};
use super::{bank_account, beneficiary, enrolment, enrolment_rate, own_rates, scheme, stipend_scheme, suspension, write};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// One enrolment's item, as computed.
#[derive(Debug)]
pub struct Computed {
    /// The item's id.
    pub item_id: Uuid,
    /// The enrolment.
    pub enrolment: enrolment::Model,
    /// The person.
    pub beneficiary: Person,
    /// The confirmed account.
    pub account: Option<Uuid>,
    /// The plan.
    pub planned: Planned,
    /// Why it is held.
    pub held: Option<&'static str>,
    /// Tax withheld: nothing until `tax_months::withhold` has set it.
    pub tax: Fen,
}

/// What a run needs to know of a person: neither name nor number.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Person {
    /// The beneficiary.
    pub id: Uuid,
    /// The community; none for a person of the street itself.
    pub community_id: Option<Uuid>,
    /// The keyed hash of the ID number.
    pub person_key: String,
    /// Whether they are on the civil-service payroll 财政供养.
    pub on_payroll: bool,
}

/// What a run needs to know of a bank account: not its number.
#[derive(Clone, Debug, FromQueryResult)]
struct Card {
    id: Uuid,
    beneficiary_id: Uuid,
    number_key: String,
    holder_key: String,
    holder_relation: String,
    state: String,
}

#[derive(FromQueryResult)]
struct Paid {
    enrolment_id: Uuid,
    period: Period,
    sum: Fen,
    held: i64,
}

const SETTLED: Sql = Sql::both(
    "SELECT enrolment_id, period, CAST(SUM(amount) AS bigint) AS sum, CAST(MAX(CASE WHEN holds THEN 1 ELSE 0 END) AS bigint) AS held FROM payout_parts \
     WHERE district_id = $1 AND street_id = $2 AND scheme_kind_id = $3 AND live GROUP BY enrolment_id, period",
);

impl Computed {
    /// Whether it is paid: there is an item, and nothing holds it.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        self.held.is_none() && self.planned.item
    }

    /// The unit whose line it charges: the community, or the street itself.
    #[must_use]
    pub fn unit(&self, row: &stipend_scheme::Model) -> Option<Uuid> {
        if row.line_scope == "community" { self.beneficiary.community_id } else { None }
    }
}

/// Computes every item of a scheme for a period, in the order of enrolment. Whether another item holds a person's period already is seen when the keys are taken.
///
/// # Errors
/// 500 where the database fails.
pub async fn compute(tx: &Tx, act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<Vec<Computed>, Problem> {
    let enrolments =
        tx.all(tx.select::<enrolment::Entity>().filter(enrolment::Column::SchemeId.eq(row.id)).filter(enrolment::Column::State.ne("withdrawn")).order_by_asc(enrolment::Column::Id)).await?;
    let known = Known::read(tx, row).await?;
    let checks = Holds::read(tx, act, row).await?;
    let rates: Vec<(Month, Fen)> = scheme::rates(tx, row.id).await?.into_iter().collect();
    let later_rates = own_rates::later(tx, enrolment_rate::Column::StreetId.eq(row.street_id)).await?;
    let rules = scheme::rules(row);
    let mut items = Vec::new();
    for enrolment in enrolments {
        let (stops, holds) = known.suspensions_of(enrolment.id, &checks);
        let own_rates = own_rates::of(&enrolment, &later_rates);
        let facts = Facts { from: enrolment.from_date, to: enrolment.last_day(), rates: rates.clone(), own_rates, stops };
        let settled = known.settled.get(&enrolment.id).cloned().unwrap_or_default();
        let planned = model::plan(&rules, &facts, &settled, enrolment.paid_through, period)?;
        if !planned.item && planned.outstanding.is_zero() {
            continue;
        }
        let Some(beneficiary) = known.beneficiaries.get(&enrolment.beneficiary_id).cloned() else {
            return Err(Problem::internal("an enrolment without its beneficiary"));
        };
        let account = known.accounts.get(&beneficiary.id).filter(|account| account.state == "confirmed");
        let held = known.held(&enrolment, &beneficiary, account, holds).or_else(|| checks.of(&enrolment, &planned, period));
        items.push(Computed { item_id: new_id(), account: account.map(|account| account.id), enrolment, beneficiary, planned, held, tax: Fen::ZERO });
    }
    Ok(items)
}

struct Known {
    beneficiaries: BTreeMap<Uuid, Person>,
    accounts: BTreeMap<Uuid, Card>,
    shared: BTreeSet<String>,
    suspensions: BTreeMap<Uuid, Vec<suspension::Model>>,
    settled: BTreeMap<Uuid, BTreeMap<Period, Settled>>,
}

impl Known {
    async fn read(tx: &Tx, row: &stipend_scheme::Model) -> Result<Self, Problem> {
        let street = row.street_id;
        let people = tx.select::<beneficiary::Entity>().filter(beneficiary::Column::StreetId.eq(street)).select_only();
        let people = people.columns([beneficiary::Column::Id, beneficiary::Column::CommunityId, beneficiary::Column::PersonKey, beneficiary::Column::OnPayroll]);
        let beneficiaries: Vec<Person> = tx.all_as(people).await?;
        let cards = tx.select::<bank_account::Entity>().filter(bank_account::Column::StreetId.eq(street)).filter(bank_account::Column::State.ne("replaced")).select_only();
        let columns = [
            bank_account::Column::Id,
            bank_account::Column::BeneficiaryId,
            bank_account::Column::NumberKey,
            bank_account::Column::HolderKey,
            bank_account::Column::HolderRelation,
            bank_account::Column::State,
        ];
        let accounts: Vec<Card> = tx.all_as(cards.columns(columns)).await?;
        let suspensions = tx.all(tx.select::<suspension::Entity>().filter(suspension::Column::StreetId.eq(street))).await?;
        let mut by_enrolment: BTreeMap<Uuid, Vec<suspension::Model>> = BTreeMap::new();
        for suspension in suspensions {
            by_enrolment.entry(suspension.enrolment_id).or_default().push(suspension);
        }
        let mut settled: BTreeMap<Uuid, BTreeMap<Period, Settled>> = BTreeMap::new();
        for part in tx.query::<Paid>(SETTLED, vec![row.district_id.into(), street.into(), row.scheme_kind_id.into()]).await? {
            settled.entry(part.enrolment_id).or_default().insert(part.period, Settled { sum: part.sum, held: part.held > 0 });
        }
        let shared = shared_numbers(&accounts);
        let mut by_beneficiary: BTreeMap<Uuid, Card> = BTreeMap::new();
        for account in accounts {
            let better = by_beneficiary.get(&account.beneficiary_id).is_none_or(|known| known.state != "confirmed");
            if better {
                by_beneficiary.insert(account.beneficiary_id, account);
            }
        }
        Ok(Self { beneficiaries: beneficiaries.into_iter().map(|row| (row.id, row)).collect(), accounts: by_beneficiary, shared, suspensions: by_enrolment, settled })
    }

    /// Times that take entitlement out, and whether the item is held today by one that keeps it.
    fn suspensions_of(&self, enrolment: Uuid, checks: &Holds) -> (Vec<(chrono::NaiveDate, Option<chrono::NaiveDate>)>, bool) {
        let own = self.suspensions.get(&enrolment).map(Vec::as_slice).unwrap_or_default();
        let stops = own.iter().filter(|row| row.kind == "stop").map(|row| (row.from_date, row.to_date)).collect();
        (stops, own.iter().any(|row| checks.suspended(row)))
    }

    fn held(&self, enrolment: &enrolment::Model, beneficiary: &Person, account: Option<&Card>, on_hold: bool) -> Option<&'static str> {
        if enrolment.state != "confirmed" {
            return Some("not_confirmed");
        }
        if on_hold {
            return Some("on_hold");
        }
        if beneficiary.on_payroll {
            return Some("on_payroll");
        }
        match account {
            None if self.accounts.contains_key(&beneficiary.id) => Some("account_unconfirmed"),
            None => Some("no_account"),
            Some(account) if self.shared.contains(&account.number_key) => Some("shared_account"),
            Some(_) => None,
        }
    }
}

/// Numbers that two people share, unless one holder is recorded for all of them, who is their guardian or head of household, and one of them at most (财办〔2020〕37号).
fn shared_numbers(accounts: &[Card]) -> BTreeSet<String> {
    let mut cards: BTreeMap<&str, Vec<&Card>> = BTreeMap::new();
    for account in accounts.iter().filter(|account| account.state == "confirmed") {
        cards.entry(&account.number_key).or_default().push(account);
    }
    let shared = cards.into_iter().filter(|(_, cards)| {
        let people: BTreeSet<Uuid> = cards.iter().map(|card| card.beneficiary_id).collect();
        let holders: BTreeSet<&str> = cards.iter().map(|card| card.holder_key.as_str()).collect();
        let own: BTreeSet<Uuid> = cards.iter().filter(|card| card.holder_relation == "self").map(|card| card.beneficiary_id).collect();
        people.len() > 1 && (holders.len() > 1 || own.len() > 1)
    });
    shared.map(|(number, _)| number.to_owned()).collect()
}

/// Holds items whose period is held for the person already. Another street's parts cannot be read: the keys themselves are tried in a savepoint, which is rolled back.
///
/// # Errors
/// 500 where the database fails.
pub async fn hold_duplicates(tx: &Tx, row: &stipend_scheme::Model, items: &mut [Computed]) -> Result<(), Problem> {
    let savepoint = tx.savepoint().await?;
    write::take_keys(&savepoint, row, items, false).await?;
    savepoint.rollback().await
}

/// What was calculated, as a hash over everything that is paid: enrolment, account, gross and tax, whose line is charged, amounts by period. What was approved posts with the tax that was approved, or is approved anew.
#[must_use]
pub fn fingerprint(row: &stipend_scheme::Model, items: &[Computed]) -> String {
    let mut digest = Sha256::new();
    for item in items.iter().filter(|item| item.held.is_none() && item.planned.item) {
        digest.update(format!("{}|{:?}|{:?}|{}|{}", item.enrolment.id, item.account, item.unit(row), item.planned.amount, item.tax));
        for line in &item.planned.lines {
            digest.update(format!("|{}={}", line.period, line.taken));
        }
        digest.update("\n");
    }
    hex::encode(digest.finalize())
}
