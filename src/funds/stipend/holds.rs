//! Why an item is held: what the enrolment itself says, and each reason in words with what is to be done.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{self, Planned};
use super::{beneficiary, enrolment, own_rates, payout_item, standing_authorisation, stipend_scheme, suspension};
use crate::kernel::act::{Act, Performer};
use crate::kernel::period::Period;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// Arrears over more periods than this hold the item, until a second person accepts them.
const USUAL_ARREARS: usize = 4;

/// What the items of a run are held for besides account and person.
#[derive(Debug)]
pub struct Holds {
    today: chrono::NaiveDate,
    signer: Option<String>,
    /// Enrolments of which the signer wrote an own rate.
    signer_rates: BTreeSet<Uuid>,
}

impl Holds {
    /// As of today; where a job pays, the authorisation's signer may not have authored an enrolment that is paid under it, or an own rate of it.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn read(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model) -> Result<Self, Problem> {
        let signer = if matches!(act.by, Performer::Job { .. }) {
            let signed = tx
                .select::<standing_authorisation::Entity>()
                .filter(standing_authorisation::Column::SchemeId.eq(scheme.id))
                .filter(standing_authorisation::Column::FiscalYear.eq(model::year_of(act.today)))
                .filter(standing_authorisation::Column::RevokedAt.is_null());
            tx.one(signed).await?.map(|signed| signed.signer_person)
        } else {
            None
        };
        let signer_rates = match &signer {
            Some(signer) => own_rates::authored_by(tx, scheme, signer).await?,
            None => BTreeSet::new(),
        };
        Ok(Self { today: act.today, signer, signer_rates })
    }

    /// Whether a suspension holds the item today.
    #[must_use]
    pub fn suspended(&self, row: &suspension::Model) -> bool {
        row.kind == "hold" && row.from_date <= self.today && row.to_date.is_none_or(|to| self.today <= to)
    }

    /// Why the item is held, beyond what its account and person say.
    #[must_use]
    pub fn of(&self, row: &enrolment::Model, planned: &Planned, own: Period) -> Option<&'static str> {
        if row.verify_by.is_some_and(|day| day < self.today) {
            return Some("verification_missing");
        }
        if self.signer.as_ref() == Some(&row.author_person) || self.signer_rates.contains(&row.id) {
            return Some("signer_is_author");
        }
        let unusual = planned.lines.iter().filter(|line| line.taken.is_positive() && line.period < own && row.arrears_accepted_through.is_none_or(|through| through < line.period));
        (unusual.count() > USUAL_ARREARS).then_some("arrears_unusual")
    }
}

/// A reason in words: what is wrong, and what to do.
#[must_use]
pub fn words(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "not_confirmed" => ("登记尚未由第二人确认；请由分管领导或另一名经办确认。", "The enrolment is not confirmed: the leader or another of the party office confirms it."),
        "on_hold" => ("登记已暂缓发放；恢复后自动补发。", "The enrolment is suspended; resumed, what is due is paid by itself."),
        "on_payroll" => (
            "该领取人属财政供养人员，不得另领补贴；情况有变请更正领取人资料。",
            "The person is on the civil-service payroll and draws no extra allowance; correct the beneficiary where that has changed.",
        ),
        "arrears_unusual" => ("补发超过 4 个期间；请由第二人核对后接受补发。", "Arrears over more than 4 periods: a second person checks and accepts them."),
        "verification_missing" => ("资格核验已逾期；核验后自动补发。", "The yearly verification is overdue; verified, what is due is paid by itself."),
        "signer_is_author" => (
            "常设授权的签署人经办了该登记或其个人标准；须由另一位领导审批发放批次。",
            "Who signed the standing authorisation wrote this enrolment or an own rate of it: another leader approves the run.",
        ),
        "no_account" => ("没有银行账户；请添加账户并由会计确认。", "There is no bank account: add one, and the accountant confirms it."),
        "account_unconfirmed" => ("银行账户尚未由会计确认。", "The bank account is not confirmed by the accountant."),
        "shared_account" => ("该账户同时登记在他人名下；如持有人是监护人或户主，请据实登记。", "Another person has the same account; where its holder is guardian or head of household, record that."),
        "duplicate_person" => ("该人该期间已在本区同类补贴中发放。", "The person is paid for the period already under this kind of stipend in the district."),
        _ => return None,
    })
}

/// An item with whose it is, and why it is held, in words.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutItemView {
    /// The item.
    #[serde(flatten)]
    pub item: payout_item::Model,
    /// Whose it is, masked.
    pub beneficiary_name: String,
    /// Why it is held and what to do, in Chinese.
    pub held_reason_zh: Option<&'static str>,
    /// The same in English.
    pub held_reason_en: Option<&'static str>,
}

/// Items with whose they are and why they are held.
///
/// # Errors
/// 500 where the database fails.
pub async fn explained(tx: &Tx, items: Vec<payout_item::Model>) -> Result<Vec<PayoutItemView>, Problem> {
    let people = tx.select::<beneficiary::Entity>().filter(beneficiary::Column::Id.is_in(items.iter().map(|item| item.beneficiary_id)));
    let names: BTreeMap<Uuid, String> = tx.all(people).await?.into_iter().map(|person| (person.id, person.name_masked)).collect();
    let view = |item: payout_item::Model| {
        let (held_reason_zh, held_reason_en) = item.held_code.as_deref().and_then(words).unzip();
        PayoutItemView { beneficiary_name: names.get(&item.beneficiary_id).cloned().unwrap_or_default(), item, held_reason_zh, held_reason_en }
    };
    Ok(items.into_iter().map(view).collect())
}
