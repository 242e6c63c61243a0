//! The tax on labour income 劳务报酬 (个人所得税法实施条例 art. 14, 国家税务总局公告2018年第61号): data of the district with effective dates, and the arithmetic
//! that stipends and lecture fees share. A district that has set none goes by the shipped rule.

use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{refusals, tax_rule};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};
use crate::platform::http::Body;

const SHIPPED: &str = include_str!("defaults/tax_rule.json");
/// A fen in the unit that the tax is worked out in, so that percentages of percentages stay whole.
const FINE: i128 = 10_000;

/// A step of the tax: above `over` of taxable income, `rate_percent` of it less `deduction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxBracket {
    /// The taxable income that it begins above.
    pub over: Fen,
    /// The rate, in per cent.
    pub rate_percent: i32,
    /// What is taken off the tax 速算扣除数.
    pub deduction: Fen,
}

/// How tax is withheld from labour income.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabourTax {
    /// Up to this gross, `flat_deduction` is taken off; above it, `deduction_percent` of it.
    pub flat_up_to: Fen,
    /// What is free of tax up to `flat_up_to`.
    pub flat_deduction: Fen,
    /// What is taken off above `flat_up_to`, in per cent.
    pub deduction_percent: i32,
    /// The steps, by rising taxable income, the first one above 0.00.
    pub brackets: Vec<TaxBracket>,
}

/// The rule as it ships, with its source.
#[derive(Debug, Deserialize)]
pub(super) struct ShippedRule {
    #[serde(flatten)]
    pub(super) rule: LabourTax,
    pub(super) source: String,
    pub(super) to_be_confirmed: bool,
}

/// The rule that ships with the program.
///
/// # Errors
/// 500 where the shipped file cannot be read.
pub(super) fn shipped() -> Result<ShippedRule, Problem> {
    serde_json::from_str(SHIPPED).map_err(Problem::internal)
}

/// Rounds half up to whole fen.
fn whole(fine: i128) -> Fen {
    i64::try_from((fine + FINE / 2).div_euclid(FINE)).map_or(Fen::ZERO, Fen)
}

impl LabourTax {
    /// The tax in ten-thousandths of a fen.
    fn fine(&self, gross: Fen) -> i128 {
        let gross_hundredths = i128::from(gross.0).saturating_mul(100);
        let taxable = if gross <= self.flat_up_to {
            gross_hundredths.saturating_sub(i128::from(self.flat_deduction.0).saturating_mul(100))
        } else {
            i128::from(gross.0).saturating_mul(100_i128.saturating_sub(i128::from(self.deduction_percent)))
        };
        let bracket = self.brackets.iter().rev().find(|bracket| taxable > i128::from(bracket.over.0).saturating_mul(100));
        bracket.map_or(0, |bracket| taxable.saturating_mul(i128::from(bracket.rate_percent)).saturating_sub(i128::from(bracket.deduction.0).saturating_mul(FINE)).max(0))
    }

    /// The tax on a gross amount, rounded half up to the fen: 600.00: 0.00; 2,300.00: 300.00; 2,400.00: 320.00.
    #[must_use]
    pub fn tax(&self, gross: Fen) -> Fen {
        whole(self.fine(gross))
    }

    /// The gross amount whose net is this, rounded half up to the fen: 2,000.00 net is 2,300.00 gross. Its tax is exactly the difference.
    #[must_use]
    pub fn gross_of(&self, net: Fen) -> Fen {
        let target = i128::from(net.0).saturating_mul(FINE);
        let net_of = |gross: i64| i128::from(gross).saturating_mul(FINE).saturating_sub(self.fine(Fen(gross)));
        // The last gross whose net is not above it; no rate is above 60 per cent, so three times the net is enough.
        let (mut low, mut high) = (net.0, net.0.saturating_mul(3));
        while low < high {
            let middle = low.saturating_add(high.saturating_sub(low).saturating_add(1) / 2);
            if net_of(middle) <= target {
                low = middle;
            } else {
                high = middle.saturating_sub(1);
            }
        }
        // What was asked for lies between this fen and the next: the nearer one.
        let next = low.saturating_add(1);
        if net_of(low).saturating_add(net_of(next)) <= target.saturating_mul(2) { Fen(next) } else { Fen(low) }
    }
}

/// A tax rule to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"effective_from": "2019-01-01", "flat_up_to": "4000.00", "flat_deduction": "800.00", "deduction_percent": 20, "source": "国家税务总局公告2018年第61号",
    "brackets": [{"over": "0.00", "rate_percent": 20, "deduction": "0.00"}, {"over": "20000.00", "rate_percent": 30, "deduction": "2000.00"}, {"over": "50000.00", "rate_percent": 40, "deduction": "7000.00"}]}))]
pub struct NewTaxRule {
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// Up to this gross, `flat_deduction` is taken off; above it, `deduction_percent` of it.
    pub flat_up_to: Fen,
    /// What is free of tax up to `flat_up_to`.
    pub flat_deduction: Fen,
    /// What is taken off above `flat_up_to`, 0 to 50 per cent.
    pub deduction_percent: i32,
    /// The steps, by rising taxable income, the first one above 0.00.
    pub brackets: Vec<TaxBracket>,
    /// The rule that it comes from.
    pub source: String,
    /// Whether it still has to be looked up in the rule.
    #[serde(default)]
    pub to_be_confirmed: bool,
}

impl Body for NewTaxRule {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/source", &self.source, 200);
        if !(0..=50).contains(&self.deduction_percent) {
            faults.add("/deduction_percent", "out_of_range", "须为 0 至 50", "0 to 50");
        }
        if self.flat_up_to.is_negative() || self.flat_up_to > Fen::DOCUMENT_MAX {
            faults.add("/flat_up_to", "out_of_range", "须不小于 0.00", "at least 0.00");
        }
        // Both deductions agree where they meet, else a higher gross would leave a lower net.
        let percent = i128::from(self.flat_up_to.0).saturating_mul(i128::from(self.deduction_percent));
        if i128::from(self.flat_deduction.0).saturating_mul(100) != percent {
            faults.add("/flat_deduction", "not_continuous", "须等于 flat_up_to × deduction_percent，税额才连续", "must be flat_up_to × deduction_percent, so that the tax has no jump");
        }
        if self.brackets.is_empty() || self.brackets.len() > 10 || self.brackets.first().is_some_and(|first| !first.over.is_zero() || !first.deduction.is_zero()) {
            faults.add("/brackets", "bands_incomplete", "须有 1 至 10 档，且第一档自 0.00 起、无速算扣除", "1 to 10 steps, the first one from 0.00 without a deduction");
        }
        for (index, bracket) in self.brackets.iter().enumerate() {
            if !(1..=60).contains(&bracket.rate_percent) {
                faults.add(&format!("/brackets/{index}/rate_percent"), "out_of_range", "须为 1 至 60", "1 to 60");
            }
            let Some(before) = index.checked_sub(1).and_then(|before| self.brackets.get(before)) else {
                continue;
            };
            if bracket.over <= before.over || bracket.rate_percent <= before.rate_percent {
                faults.add(&format!("/brackets/{index}/over"), "not_rising", "起点与税率须逐档递增", "bounds and rates rise from step to step");
            }
            let rise = i128::from(bracket.rate_percent.saturating_sub(before.rate_percent));
            let deduction = i128::from(before.deduction.0).saturating_mul(100).saturating_add(i128::from(bracket.over.0).saturating_mul(rise));
            if i128::from(bracket.deduction.0).saturating_mul(100) != deduction {
                faults.add(&format!("/brackets/{index}/deduction"), "not_continuous", "速算扣除数须使税额在起点处连续", "must be such that the tax has no jump where the step begins");
            }
        }
    }
}

/// Sets a district's next tax rule; it ends the one before.
///
/// # Errors
/// 409 `effective_date_taken` where it does not begin after the last one, or rewrites the past.
pub async fn set(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewTaxRule) -> Result<tax_rule::Model, Problem> {
    let own = tx.select::<tax_rule::Entity>().filter(tax_rule::Column::DistrictId.eq(district.district_id));
    let last = tx.one(own.order_by_desc(tax_rule::Column::EffectiveFrom)).await?;
    if let Some(last) = last
        && (new.effective_from <= last.effective_from || new.effective_from < act.today)
    {
        return Err(refusals::effective_date_taken(last.effective_from, act.today));
    }
    let row = tax_rule::Model {
        id: new_id(),
        district_id: district.district_id,
        flat_up_to: new.flat_up_to,
        flat_deduction: new.flat_deduction,
        deduction_percent: new.deduction_percent,
        brackets: serde_json::to_value(&new.brackets).map_err(Problem::internal)?,
        effective_from: new.effective_from,
        source: new.source,
        to_be_confirmed: new.to_be_confirmed,
        set_by: act.user_id(),
        created_at: act.at,
    };
    let row = tx.insert::<tax_rule::Entity, _>(tax_rule::ActiveModel::from(row).reset_all()).await?;
    audit::record(tx, act, Event::new("tax_rule.set", "tax_rule", row.id, tax_rule::Entity::place(&row)).after(&row)?).await?;
    Ok(row)
}

/// The rule that a district goes by on a day: the last one that has begun, else the shipped one.
///
/// # Errors
/// 500 where the data cannot be read.
pub async fn labour_on(tx: &Tx, on: NaiveDate) -> Result<LabourTax, Problem> {
    let select = tx.select::<tax_rule::Entity>().filter(tax_rule::Column::EffectiveFrom.lte(on));
    let Some(own) = tx.one(select.order_by_desc(tax_rule::Column::EffectiveFrom)).await? else {
        return Ok(shipped()?.rule);
    };
    Ok(LabourTax {
        flat_up_to: own.flat_up_to,
        flat_deduction: own.flat_deduction,
        deduction_percent: own.deduction_percent,
        brackets: serde_json::from_value(own.brackets).map_err(Problem::internal)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule() -> LabourTax {
        shipped().unwrap().rule
    }

    #[test]
    fn the_shipped_rule_is_one_that_could_be_set() {
        let shipped = shipped().unwrap();
        let LabourTax { flat_up_to, flat_deduction, deduction_percent, brackets } = shipped.rule;
        let new = NewTaxRule { effective_from: NaiveDate::MIN, flat_up_to, flat_deduction, deduction_percent, brackets, source: shipped.source, to_be_confirmed: shipped.to_be_confirmed };
        let mut faults = Faults::none();
        new.faults(&mut faults);
        assert_eq!(faults.into_result(), Ok(()));
    }

    #[test]
    fn a_rule_with_a_jump_or_falling_rates_is_refused_with_every_fault() {
        let bracket = |over, rate_percent, deduction| TaxBracket { over: Fen(over), rate_percent, deduction: Fen(deduction) };
        let brackets = vec![bracket(0, 20, 0), bracket(2_000_000, 30, 100_000), bracket(1_000_000, 70, 0)];
        let new = NewTaxRule { effective_from: NaiveDate::MIN, flat_up_to: Fen(400_000), flat_deduction: Fen(90_000), deduction_percent: 20, brackets, source: "x".to_owned(), to_be_confirmed: false };
        let mut faults = Faults::none();
        new.faults(&mut faults);
        let found = faults.into_result().unwrap_err();
        let pointers: Vec<_> = found.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/flat_deduction", "/brackets/1/deduction", "/brackets/2/rate_percent", "/brackets/2/over", "/brackets/2/deduction"]);
    }

    #[test]
    fn the_tax_follows_the_steps() {
        for (gross, tax) in [
            (60_000, 0),
            (80_000, 0),
            (120_000, 8_000),
            (230_000, 30_000),
            (240_000, 32_000),
            (400_000, 64_000),
            (500_000, 80_000),
            (2_500_000, 400_000),
            (3_000_000, 520_000),
            (10_000_000, 2_500_000),
        ] {
            assert_eq!(rule().tax(Fen(gross)), Fen(tax), "{gross}");
        }
    }

    #[test]
    fn two_class_hours_at_a_thousand_net_are_2300_gross() {
        assert_eq!(rule().gross_of(Fen(200_000)), Fen(230_000));
        for (net, gross) in [(0, 0), (1, 1), (80_000, 80_000), (336_000, 400_000), (2_100_000, 2_500_000), (4_950_000, 6_250_000), (5_630_000, 7_250_000)] {
            assert_eq!(rule().gross_of(Fen(net)), Fen(gross), "{net}");
        }
    }

    /// The formulas as RULES writes them, rounded half up: (net - less) / (percent / 100).
    fn by_formula(net: i64) -> i64 {
        let (less, percent) = match net {
            ..=80_000 => (0, 100),
            80_001..=336_000 => (16_000, 80),
            336_001..=2_100_000 => (0, 84),
            2_100_001..=4_950_000 => (200_000, 76),
            _ => (700_000, 68),
        };
        ((net - less) * 200 + percent) / (2 * percent)
    }

    proptest! {
        #[test]
        fn gross_less_its_tax_is_the_net_to_the_fen_and_a_higher_net_needs_no_lower_gross(net in 0_i64..20_000_000) {
            let rule = rule();
            let gross = rule.gross_of(Fen(net));
            prop_assert_eq!(gross.0 - rule.tax(gross).0, net);
            prop_assert_eq!(gross.0, by_formula(net));
            prop_assert!(rule.gross_of(Fen(net + 1)) > gross);
        }

        #[test]
        fn a_higher_gross_leaves_no_lower_net(gross in 0_i64..20_000_000) {
            let rule = rule();
            let net = |gross: i64| gross - rule.tax(Fen(gross)).0;
            prop_assert!(net(gross + 1) >= net(gross));
        }
    }
}
