//! What the rules of spending say of a claim's lines: the item is one that the category pays for, the line carries the quantities of its standard and keeps to it,
//! and a lecture's net, tax and gross belong together. Asked when a claim is drafted, changed, copied and submitted; every line at fault is told, all at once.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::bodies::{ClaimKind, NewLine};
use super::labour_month::{self, Fees};
use super::{claim, claim_line, refusals};
use crate::funds::spending::standards::{self, Asked};
use crate::funds::spending::tax::{self, LabourTax};
use crate::funds::spending::{category_item, expense_item, of_items};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::Tx;
use crate::work::activity::activity;

/// What a line was judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The standard that was in force.
    pub standard_id: Option<Uuid>,
    /// How many of its units.
    pub quantity: Option<i32>,
    /// What it allows for them; none at cost.
    pub allowed: Option<Fen>,
    /// Whether the net is above it.
    pub over_standard: bool,
}

/// Checks the lines of a claim, works out what is net, tax and gross, and notes the standard of each.
///
/// # Errors
/// 422 `unknown_reference`, `item_not_allowed`, `item_forbidden`, `not_a_lecture_fee`, `payee_not_a_person`, `over_standard`, `reason_required`; `validation_failed` where lines are at fault in more ways than one.
pub async fn check(tx: &Tx, act: &Act, row: &claim::Model, lines: &mut [NewLine]) -> Result<(), Problem> {
    let mut problems = Vec::new();
    let items = items_of(tx, row.category_id, lines, &mut problems).await?;
    together(std::mem::take(&mut problems))?;
    let by_net: Vec<bool> = lines.iter().map(|line| line.net.is_some()).collect();
    let is_labour = |line: &NewLine| items.get(&line.expense_item_id).is_some_and(|item| item.labour_income);
    if row.kind == ClaimKind::Lecture.code() {
        let others = lines.iter().enumerate().filter(|(_, line)| !is_labour(line));
        problems.extend(others.map(|(index, _)| refusals::not_a_lecture_fee(&format!("/lines/{index}/expense_item_id"))));
    }
    money(tx, act, row, lines, &is_labour, &mut problems).await?;
    let standards = of_items(tx, items.keys().copied()).await?;
    let named = match row.activity_id {
        Some(id) => tx.maybe_load::<activity::Entity>(id).await?,
        None => None,
    };
    for ((index, line), by_net) in lines.iter_mut().enumerate().zip(by_net) {
        let pointer = format!("/lines/{index}");
        let on = judged_on(line, named.as_ref(), act.today);
        let own: Vec<_> = standards.iter().filter(|standard| standard.expense_item_id == line.expense_item_id).cloned().collect();
        let mut faults = Faults::none();
        date_faults(line, row.fiscal_year, act.today, &pointer, &mut faults);
        let asked = Asked { quantities: &line.quantities, grade: line.grade.as_deref(), place: line.place.as_deref(), on, today: act.today };
        let judged = standards::judge(&own, asked, &pointer, &mut faults);
        problems.extend(faults.into_result().err());
        let Some(judged) = judged else {
            line.verdict = Verdict::default();
            continue;
        };
        // Whose tax is at fault has no net yet to compare.
        let net = if is_labour(line) { line.net } else { Some(line.amount) }.unwrap_or(Fen::ZERO);
        let over = judged.allowed.filter(|(_, allowed)| net > *allowed);
        line.verdict = Verdict {
            standard_id: Some(judged.standard.id),
            quantity: judged.allowed.and_then(|(quantity, _)| i32::try_from(quantity).ok()),
            allowed: judged.allowed.map(|(_, allowed)| allowed),
            over_standard: over.is_some(),
        };
        let Some((_, allowed)) = over else {
            continue;
        };
        match judged.standard.above.as_str() {
            "refuse" => problems.push(refusals::over_standard(&format!("{pointer}/{}", if by_net { "net" } else { "amount" }), net, allowed)),
            "needs_reason" if line.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) => problems.push(refusals::reason_required(&format!("{pointer}/reason"), net, allowed)),
            _ => {}
        }
    }
    together(problems)
}

/// The day whose standard a line is judged by: the day it says, else today. Of a claim that names an activity the day it says counts within the activity's days only; what was bought
/// or paid on account before them, or settled after them, goes by the activity's first day: nobody chooses a standard by choosing a day.
fn judged_on(line: &NewLine, named: Option<&activity::Model>, today: NaiveDate) -> NaiveDate {
    match named {
        None => line.date.unwrap_or(today),
        Some(named) => line.date.filter(|day| (named.from_date..=named.to_date).contains(day)).unwrap_or(named.from_date),
    }
}

/// A line was spent in the year that the claim charges, and not after today.
fn date_faults(line: &NewLine, year: i32, today: NaiveDate, pointer: &str, faults: &mut Faults) {
    let Some(day) = line.date else {
        return;
    };
    if day > today {
        faults.add(&format!("{pointer}/date"), "date_in_future", "发生日期不得晚于今天", "it was not spent after today");
    } else if day.year() != year {
        faults.add(&format!("{pointer}/date"), "date_not_in_year", format!("发生日期须在 {year} 年度内"), format!("it must lie in {year}, the year that the claim charges"));
    }
}

/// One refusal for all: under its own code where they agree, else as content that breaks rules.
fn together(problems: Vec<Problem>) -> Result<(), Problem> {
    let mut problems = problems.into_iter();
    let Some(mut first) = problems.next() else {
        return Ok(());
    };
    let mut alike = true;
    for problem in problems {
        alike &= problem.code == first.code;
        first.errors.extend(problem.errors);
    }
    Err(if alike { first } else { Problem::invalid(first.errors) })
}

/// The items of the lines; each is one that the category allows.
async fn items_of(tx: &Tx, category: Uuid, lines: &[NewLine], problems: &mut Vec<Problem>) -> Result<BTreeMap<Uuid, expense_item::Model>, Problem> {
    let items = tx.all(tx.select::<expense_item::Entity>().filter(expense_item::Column::Id.is_in(lines.iter().map(|line| line.expense_item_id)))).await?;
    let items: BTreeMap<Uuid, expense_item::Model> = items.into_iter().map(|item| (item.id, item)).collect();
    let rules = tx.all(tx.select::<category_item::Entity>().filter(category_item::Column::CategoryId.eq(category))).await?;
    let rules: BTreeMap<Uuid, bool> = rules.into_iter().map(|rule| (rule.expense_item_id, rule.allowed)).collect();
    for (index, line) in lines.iter().enumerate() {
        let pointer = format!("/lines/{index}/expense_item_id");
        match (items.contains_key(&line.expense_item_id), rules.get(&line.expense_item_id)) {
            (false, _) => problems.push(Problem::unknown_reference(&pointer)),
            (true, Some(true)) => {}
            (true, Some(false)) => problems.push(refusals::item_forbidden(&pointer)),
            (true, None) => problems.push(refusals::item_not_allowed(&pointer)),
        }
    }
    Ok(items)
}

/// Net, tax and gross of every line. What pays a person for work is taxed as one payment: the lines of a claim together, and with what else the payee gets in the month ([`labour_month`]), so that
/// splitting them saves nothing.
async fn money(tx: &Tx, act: &Act, row: &claim::Model, lines: &mut [NewLine], is_labour: &impl Fn(&NewLine) -> bool, problems: &mut Vec<Problem>) -> Result<(), Problem> {
    let mut faults = Faults::none();
    let mut taxed = Vec::new();
    for (index, line) in lines.iter_mut().enumerate() {
        if is_labour(line) {
            taxed.push((index, line));
            continue;
        }
        for (field, given) in [("net", line.net.is_some_and(|net| net != line.amount)), ("tax", line.tax.is_some_and(|tax| !tax.is_zero()))] {
            if given {
                faults.add(&format!("/lines/{index}/{field}"), "not_taxed", "该费用项目不代扣个人所得税，只填 amount", "the item is not labour income: give the amount only");
            }
        }
        line.net = None;
    }
    if let Some((index, _)) = taxed.first() {
        if row.payee_kind != "person" {
            problems.push(refusals::payee_not_a_person(&format!("/lines/{index}/expense_item_id")));
        }
        // What counts is when it is paid, not when the work was done.
        let before = labour_month::besides(tx, row, Month::of(act.today)).await?;
        tax_of_lines(&tax::labour_on(tx, act.today).await?, before, &mut taxed, &mut faults);
    }
    problems.extend(faults.into_result().err());
    Ok(())
}

/// Works out what was not given of lines that are taxed together, and with what else the payee gets: all of them say the net, or all of them the gross.
fn tax_of_lines(rule: &LabourTax, before_them: Fees, lines: &mut [(usize, &mut NewLine)], faults: &mut Faults) {
    let by_net = lines.iter().all(|(_, line)| line.net.is_some());
    if !by_net && lines.iter().any(|(_, line)| line.net.is_some()) {
        for (index, _) in lines.iter().filter(|(_, line)| line.net.is_none()) {
            faults.add(
                &format!("/lines/{index}/net"),
                "net_or_gross",
                "同一报销单的劳务报酬须全部填税后额，或全部填税前额",
                "the lines of a claim that pay for work all give the net, or all the gross",
            );
        }
        return;
    }
    let parts: Vec<Fen> = lines.iter().map(|(_, line)| line.net.unwrap_or(line.amount)).collect();
    let sum = Fen(parts.iter().fold(0_i64, |sum, part| sum.saturating_add(part.0)));
    let tax = if by_net { Fen(before_them.gross_beside(rule, sum).0.saturating_sub(sum.0)) } else { before_them.tax_beside(rule, sum) };
    let given = Fen(lines.iter().fold(0_i64, |sum, (_, line)| sum.saturating_add(line.tax.unwrap_or(Fen::ZERO).0)));
    let says_tax = lines.iter().any(|(_, line)| line.tax.is_some());
    if says_tax && given != tax {
        let at = lines.first().map_or(0, |(index, _)| *index);
        faults.add(
            &format!("/lines/{at}/tax"),
            "tax_differs",
            format!("按税法（含该收款人本月其他劳务报酬）应代扣 {tax}；请重新填写该行金额，不填 tax"),
            format!("by the rule, with what else the payee gets this month, {tax} is withheld; give the lines anew and leave the tax out"),
        );
        return;
    }
    // The gross says the tax of each line already where it came from a claim that was worked out before.
    let keep = says_tax && !by_net;
    let mut before = 0_i64;
    let mut passed = 0_i64;
    for ((index, line), part) in lines.iter_mut().zip(parts) {
        passed = passed.saturating_add(part.0);
        let upto = share(tax, passed, sum);
        let own = if keep { line.tax.unwrap_or(Fen::ZERO) } else { Fen(upto.saturating_sub(before)) };
        before = upto;
        let (gross, net) = if by_net { (Fen(part.0.saturating_add(own.0)), part) } else { (part, Fen(part.0.saturating_sub(own.0))) };
        if by_net && !line.amount.is_zero() && line.amount != gross {
            faults.add(
                &format!("/lines/{index}/amount"),
                "gross_differs",
                format!("税后 {net} 的税前额为 {gross}，请勿填写或照此更正"),
                format!("{net} net is {gross} gross; leave the amount out, or say so"),
            );
        }
        (line.amount, line.tax, line.net) = (gross, Some(own), Some(net));
    }
}

/// The share of the tax that falls on the first part of a sum, rounded half up to the fen: the shares of all lines are the tax.
fn share(tax: Fen, part: i64, sum: Fen) -> i64 {
    let (tax, part, sum) = (i128::from(tax.0), i128::from(part), i128::from(sum.0.max(1)));
    i64::try_from((2 * tax * part + sum) / (2 * sum)).unwrap_or(0)
}

/// Keeps on the lines of a claim that is submitted what they were judged by now; gives them.
///
/// # Errors
/// 500 where the database fails.
pub async fn keep(tx: &Tx, before: Vec<claim_line::Model>, lines: &[NewLine]) -> Result<Vec<claim_line::Model>, Problem> {
    let mut kept = Vec::with_capacity(before.len());
    for (row, line) in before.into_iter().zip(lines) {
        let verdict = Verdict { standard_id: row.standard_id, quantity: row.quantity, allowed: row.allowed, over_standard: row.over_standard };
        let Verdict { standard_id, quantity, allowed, over_standard } = line.verdict;
        let next = claim_line::Model { standard_id, quantity, allowed, over_standard, ..row };
        kept.push(if verdict == line.verdict { next } else { tx.update::<claim_line::Entity, _>(claim_line::ActiveModel::from(next).reset_all()).await? });
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule() -> LabourTax {
        serde_json::from_str(include_str!("../spending/defaults/tax_rule.json")).unwrap()
    }

    fn line(amount: i64, net: Option<i64>) -> NewLine {
        let line = serde_json::json!({"expense_item_id": Uuid::nil(), "description": "x", "amount": Fen(amount), "net": net.map(Fen)});
        serde_json::from_value(line).unwrap()
    }

    fn worked(lines: &mut [NewLine]) -> Faults {
        let mut faults = Faults::none();
        tax_of_lines(&rule(), Fees::default(), &mut lines.iter_mut().enumerate().collect::<Vec<_>>(), &mut faults);
        faults
    }

    #[test]
    fn two_lectures_of_one_claim_are_taxed_as_one_payment() {
        let mut lines = [line(0, Some(50_000)), line(0, Some(50_000))];
        worked(&mut lines).into_result().unwrap();
        assert_eq!(lines.iter().map(|line| (line.amount, line.tax.unwrap())).collect::<Vec<_>>(), [(Fen(52_500), Fen(2_500)), (Fen(52_500), Fen(2_500))]);
    }

    #[test]
    fn one_line_by_net_and_another_by_gross_is_refused() {
        let problem = worked(&mut [line(0, Some(50_000)), line(60_000, None)]).into_result().unwrap_err();
        assert_eq!(problem.errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect::<Vec<_>>(), [("/lines/1/net", "net_or_gross")]);
    }

    proptest! {
        #[test]
        fn the_lines_sum_to_the_gross_of_the_whole_and_stand_when_they_are_read_again(nets in proptest::collection::vec(1_i64..3_000_000, 1..6)) {
            let mut lines: Vec<NewLine> = nets.iter().map(|net| line(0, Some(*net))).collect();
            prop_assert!(worked(&mut lines).into_result().is_ok());
            let sum: i64 = nets.iter().sum();
            prop_assert_eq!(lines.iter().map(|line| line.amount.0).sum::<i64>(), rule().gross_of(Fen(sum)).0);
            let mut again: Vec<NewLine> = lines.iter().map(|known| NewLine { tax: known.tax, ..line(known.amount.0, None) }).collect();
            prop_assert!(worked(&mut again).into_result().is_ok());
            for (first, second) in lines.iter().zip(&again) {
                prop_assert_eq!((first.amount, first.tax, first.net), (second.amount, second.tax, second.net));
            }
        }
    }
}
