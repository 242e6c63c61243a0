//! Approval chains: data, per street, versioned, chosen by amount. The first step is always the accountant's review; these are the approvals after it.
//! The district sets them, so that no street loosens the control of its own spending; a street without one of its own goes by the shipped default.

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::chain_entity::approval_chain;
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};
use crate::platform::http::Body;

const DEFAULT: &str = include_str!("defaults/approval_chain.json");
/// What an approval of a chain may ask for.
const APPROVALS: [Capability; 2] = [Capability::ClaimApproveSmall, Capability::ClaimApprove];

/// The approvals of amounts up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApprovalBand)]
pub struct Band {
    /// The bound, inclusive; the last band has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Fen>,
    /// The capabilities asked for, one after the other, each of another person: `claim.approve_small`, `claim.approve`.
    pub approvers: Vec<String>,
    /// Whether the minutes of a collective decision 集体决策 are needed (三重一大).
    #[serde(default)]
    pub collective_decision: bool,
}

/// The chain that a document was submitted under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The version of the street's chain; 0 for the shipped default.
    pub version: i32,
    /// The band of its amount.
    pub band: Band,
    /// After how many calendar days an undecided document expires.
    pub expire_after_days: i32,
}

impl Chain {
    /// What the approval with this index asks for; none where all are done.
    #[must_use]
    pub fn approval(&self, index: usize) -> Option<Capability> {
        self.band.approvers.get(index).and_then(|code| APPROVALS.into_iter().find(|capability| capability.code() == code))
    }
}

/// The chain that a street's documents go by on a day: its own, or the shipped one.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainInForce {
    /// The street.
    pub street_id: Uuid,
    /// The version of the street's chain; 0 for the shipped default.
    pub chain_version: i32,
    /// The first day it is in force; null for the shipped default.
    pub effective_from: Option<NaiveDate>,
    /// After how many calendar days an undecided document expires.
    pub expire_after_days: i32,
    /// The bands, by rising bound.
    pub bands: Vec<Band>,
}

#[derive(Deserialize)]
struct Shipped {
    expire_after_days: i32,
    bands: Vec<Band>,
}

/// The band of an amount: the first whose bound is not below it.
#[must_use]
pub fn band_of(bands: &[Band], amount: Fen) -> Option<&Band> {
    bands.iter().find(|band| band.up_to.is_none_or(|bound| amount <= bound))
}

/// A chain to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"street_id": "0190a0b0-0000-7000-8000-000000000001", "effective_from": "2017-07-01", "expire_after_days": 60,
    "bands": [{"up_to": "2000.00", "approvers": ["claim.approve_small"]}, {"up_to": "10000.00", "approvers": ["claim.approve"]}, {"approvers": ["claim.approve"], "collective_decision": true}]}))]
pub struct NewChain {
    /// The street.
    pub street_id: Uuid,
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// After how many calendar days an undecided claim expires, 1 to 366.
    pub expire_after_days: i32,
    /// The bands, by rising bound.
    pub bands: Vec<Band>,
}

impl Body for NewChain {
    fn faults(&self, faults: &mut Faults) {
        if !(1..=366).contains(&self.expire_after_days) {
            faults.add("/expire_after_days", "out_of_range", "须为 1 至 366", "1 to 366");
        }
        if self.bands.is_empty() || self.bands.len() > 10 || self.bands.last().is_some_and(|band| band.up_to.is_some()) {
            faults.add("/bands", "bands_incomplete", "须有 1 至 10 档，且最后一档不设上限", "1 to 10 bands, the last one without a bound");
        }
        let mut before = Fen::ZERO;
        for (index, band) in self.bands.iter().enumerate() {
            let bound = band.up_to.unwrap_or(Fen::DOCUMENT_MAX);
            if bound <= before || (band.up_to.is_none() && index.saturating_add(1) != self.bands.len()) {
                faults.add(&format!("/bands/{index}/up_to"), "not_rising", "上限须逐档递增", "bounds rise from band to band");
            }
            before = bound;
            if band.approvers.is_empty() || band.approvers.len() > 5 {
                faults.add(&format!("/bands/{index}/approvers"), "invalid_value", "须有 1 至 5 级审批", "1 to 5 approvals");
            }
            for (step, code) in band.approvers.iter().enumerate() {
                if !APPROVALS.iter().any(|capability| capability.code() == code) {
                    faults.add(&format!("/bands/{index}/approvers/{step}"), "invalid_value", "须为 claim.approve_small 或 claim.approve", "claim.approve_small or claim.approve");
                }
            }
        }
    }
}

/// Sets the next version of a street's chain.
///
/// # Errors
/// 409 where another was set at the same moment.
pub async fn set(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewChain) -> Result<approval_chain::Model, Problem> {
    let last = tx.one(tx.select::<approval_chain::Entity>().filter(approval_chain::Column::StreetId.eq(street.id)).order_by_desc(approval_chain::Column::ChainVersion)).await?;
    let row = approval_chain::Model {
        id: new_id(),
        district_id: street.district_id,
        street_id: street.id,
        chain_version: last.map_or(1, |last| last.chain_version.saturating_add(1)),
        effective_from: new.effective_from,
        bands: serde_json::to_value(&new.bands).map_err(Problem::internal)?,
        expire_after_days: new.expire_after_days,
        set_by: act.user_id(),
        created_at: act.at,
    };
    let taken = || {
        Problem::new(409, "code_taken", "编码或名称已被使用", "The code or name is taken")
            .detail("他人刚设定了新的审批链，请重新读取后再设。", "Somebody just set another chain; read it, then set yours.")
    };
    let row = approval_chain::ActiveModel::from(row);
    let made = tx.try_insert::<approval_chain::Entity, _>(sea_orm::ActiveModelTrait::reset_all(row)).await.map_err(|error| if is_unique_violation(&error) { taken() } else { error.into() })?;
    audit::record(tx, act, Event::new("approval_chain.set", "approval_chain", made.id, approval_chain::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// The chain in force in a street on a day.
///
/// # Errors
/// 500 where the data cannot be read.
pub async fn in_force(tx: &Tx, street: Uuid, on: NaiveDate) -> Result<ChainInForce, Problem> {
    let select = tx.select::<approval_chain::Entity>().filter(approval_chain::Column::StreetId.eq(street)).filter(approval_chain::Column::EffectiveFrom.lte(on));
    let own = tx.one(select.order_by_desc(approval_chain::Column::ChainVersion)).await?;
    Ok(match own {
        Some(own) => ChainInForce {
            street_id: street,
            chain_version: own.chain_version,
            effective_from: Some(own.effective_from),
            expire_after_days: own.expire_after_days,
            bands: serde_json::from_value(own.bands).map_err(Problem::internal)?,
        },
        None => {
            let shipped: Shipped = serde_json::from_str(DEFAULT).map_err(Problem::internal)?;
            ChainInForce { street_id: street, chain_version: 0, effective_from: None, expire_after_days: shipped.expire_after_days, bands: shipped.bands }
        }
    })
}

/// The chain that an amount goes by in a street on a day.
///
/// # Errors
/// 500 where the data cannot be read.
pub async fn for_amount(tx: &Tx, street: Uuid, amount: Fen, on: NaiveDate) -> Result<Chain, Problem> {
    let chain = in_force(tx, street, on).await?;
    let band = band_of(&chain.bands, amount).cloned().ok_or_else(|| Problem::internal("a chain without its last band"))?;
    Ok(Chain { version: chain.chain_version, band, expire_after_days: chain.expire_after_days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_chain_is_one_that_could_be_set() {
        let shipped: Shipped = serde_json::from_str(DEFAULT).unwrap();
        let chain = NewChain { street_id: Uuid::nil(), effective_from: NaiveDate::MIN, expire_after_days: shipped.expire_after_days, bands: shipped.bands };
        let mut faults = Faults::none();
        chain.faults(&mut faults);
        assert!(faults.into_result().is_ok());
    }

    #[test]
    fn an_amount_at_the_bound_is_in_the_lower_band() {
        let shipped: Shipped = serde_json::from_str(DEFAULT).unwrap();
        let of = |fen| band_of(&shipped.bands, Fen(fen)).unwrap().clone();
        assert_eq!(of(200_000).approvers, ["claim.approve_small"]);
        assert_eq!(of(200_001).approvers, ["claim.approve"]);
        assert!(!of(1_000_000).collective_decision);
        assert!(of(1_000_001).collective_decision);
    }
}
