//! Making an export: what was exported before, the gaps of the map, then voucher after voucher into the file; marks and sums with it.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::{voucher_export, voucher_export_item};
use super::file::{Buffer, Format, Pieces, Printed};
use super::halves::{self, OfficialLine, Owed};
use super::package::{Facts, Key, Package};
use super::read::{Stretch, Sum};
use super::text::{TextEncoding, U8Text};
use super::workbook::CommonXlsx;
use crate::funds::ledger::account_map::{self, AccountMap, Half, PARALLEL_FROM};
use crate::funds::ledger::model::{Account, AccountType, VoucherKind, voucher_name};
use crate::funds::ledger::{ledger_period, refusals, voucher, voucher_line};
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::user;
use crate::people::tenancy::{org_unit, street_names};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};
use crate::platform::http::Body;

/// Lines of the books that one export takes: a sheet holds both halves of them.
const MOST_LINES: i64 = 100_000;
/// Vouchers that are held in memory at once.
const PAGE: u64 = 200;
/// Unbalanced vouchers that are told at once.
const MOST_TOLD: usize = 100;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// 用友 U8 text.
    U8Text,
    /// A workbook that most accounting software reads.
    CommonXlsx,
    /// A package in the style of GB/T 24589.2-2010.
    Gbt24589,
}

impl ExportFormat {
    const fn code_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Self::U8Text => ("u8_text", "txt"),
            Self::CommonXlsx => ("common_xlsx", "xlsx"),
            Self::Gbt24589 => ("gbt24589", "zip"),
        }
    }
}

const fn first_month() -> u32 {
    1
}

const fn last_month() -> u32 {
    12
}

/// Vouchers to be exported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fiscal_year": 2017, "from_month": 1, "to_month": 3, "format": "u8_text"}))]
pub struct NewVoucherExport {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The year.
    pub fiscal_year: i32,
    /// The first month, 1 to 12.
    #[serde(default = "first_month")]
    pub from_month: u32,
    /// The last month, 1 to 12.
    #[serde(default = "last_month")]
    pub to_month: u32,
    /// The form.
    pub format: ExportFormat,
    /// Of a U8 text: `gb18030` (default) or `utf8`.
    pub encoding: Option<TextEncoding>,
    /// Whether vouchers that were exported before are exported again.
    #[serde(default)]
    pub again: bool,
    /// Why they are, at most 200 characters.
    pub reason: Option<String>,
}

impl NewVoucherExport {
    fn months(&self) -> Option<(Month, Month)> {
        Month::new(self.fiscal_year, self.from_month).zip(Month::new(self.fiscal_year, self.to_month))
    }
}

impl Body for NewVoucherExport {
    fn faults(&self, faults: &mut Faults) {
        if !(2000..=2999).contains(&self.fiscal_year) {
            faults.add("/fiscal_year", "out_of_range", "年度须在 2000 至 2999 之间", "must be a year from 2000 to 2999");
        }
        for (pointer, month) in [("/from_month", self.from_month), ("/to_month", self.to_month)] {
            if !(1..=12).contains(&month) {
                faults.add(pointer, "out_of_range", "须为 1 至 12", "1 to 12");
            }
        }
        if self.from_month > self.to_month {
            faults.add("/to_month", "not_rising", "不得早于起始月份", "must not be before the first month");
        }
        if self.encoding.is_some() && self.format != ExportFormat::U8Text {
            faults.add("/encoding", "not_for_this_format", "仅 u8_text 可选编码", "only u8_text has an encoding to choose");
        }
        if self.again && self.reason.is_none() {
            faults.add("/reason", "required", "再次导出须说明理由", "say why they are exported again");
        }
        if let Some(reason) = &self.reason {
            faults.text("/reason", reason, 200);
        }
    }
}

/// What is exported, before the first byte is written.
struct Plan {
    stretch: Stretch,
    map: AccountMap,
    parallel: bool,
    months: Vec<(Month, bool)>,
    openings: BTreeMap<Key, Fen>,
    categories: BTreeMap<Uuid, (String, String)>,
    communities: BTreeSet<Uuid>,
}

/// Exports the vouchers of a street's months.
///
/// # Errors
/// 422 `nothing_to_export`, `export_too_large`, `account_map_gaps` (nothing is guessed), `export_half_unbalanced`; 409 `already_exported` without `again`.
pub async fn make(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewVoucherExport) -> Result<voucher_export::Model, Problem> {
    let (from, to) = new.months().ok_or_else(|| Problem::internal("months were judged before"))?;
    let map = account_map::for_year(tx, street.id, new.fiscal_year).await?;
    let stretch = Stretch::now(tx, street.id, from, to).await?;
    let extent = stretch.extent(tx).await?;
    if extent.vouchers == 0 {
        return Err(refusals::nothing_to_export(&from.to_string(), &to.to_string()));
    }
    check_size(extent.lines)?;
    let already = stretch.already_exported(tx).await?;
    if already > 0 && !new.again {
        return Err(refusals::already_exported(already, extent.vouchers));
    }
    let (map_row, map) = map.map_or_else(|| (None, AccountMap::default()), |(row, map)| (Some(row), map));
    let plan = plan(tx, stretch, map, new.format == ExportFormat::Gbt24589).await?;
    let map_row = map_row.ok_or_else(|| Problem::internal("an export without a map has gaps"))?;
    let id = new_id();
    let mut pieces = Pieces::new(tx, (street.district_id, street.id, id));
    let sums = write(tx, street, &new, plan, id, &mut pieces).await?;
    let (sha256, size) = pieces.finish().await?;
    let (format, extension) = new.format.code_and_extension();
    let open_months = open_months(tx, stretch).await?;
    let row = voucher_export::Model {
        id,
        district_id: street.district_id,
        street_id: street.id,
        fiscal_year: new.fiscal_year,
        from_month: from,
        to_month: to,
        format: format.to_owned(),
        encoding: (new.format == ExportFormat::U8Text).then(|| new.encoding.unwrap_or_default().code().to_owned()),
        account_map_id: map_row.id,
        account_map_version: map_row.version,
        last_seq: stretch.last_seq,
        open_months: serde_json::to_value(open_months).map_err(Problem::internal)?,
        vouchers: extent.vouchers,
        financial_entries: sums.financial.entries,
        financial_debit: sums.financial.debit,
        financial_credit: sums.financial.credit,
        budget_entries: sums.budget.entries,
        budget_debit: sums.budget.debit,
        budget_credit: sums.budget.credit,
        already_exported: already,
        reason: new.reason.filter(|_| new.again),
        sha256,
        size,
        file_name: format!("vouchers-{from}-{:02}.{extension}", to.number()),
        made_by: act.person()?.user_id,
        made_on: act.today,
        created_at: act.at,
    };
    let made = tx.insert::<voucher_export::Entity, _>(voucher_export::ActiveModel::from(row).reset_all()).await?;
    let mut event = Event::new("voucher_export.make", "voucher_export", made.id, voucher_export::Entity::place(&made)).after(&made)?;
    event.reason.clone_from(&made.reason);
    audit::record(tx, act, event).await?;
    Ok(made)
}

fn check_size(lines: i64) -> Result<(), Problem> {
    if lines > MOST_LINES { Err(refusals::export_too_large(lines, MOST_LINES)) } else { Ok(()) }
}

async fn periods(tx: &Tx, stretch: Stretch) -> Result<Vec<(Month, bool)>, Problem> {
    let select = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(stretch.street)).filter(ledger_period::Column::Month.between(stretch.from, stretch.to));
    Ok(tx.all(select.order_by_asc(ledger_period::Column::Month)).await?.into_iter().map(|period| (period.month, period.state == "closed")).collect())
}

async fn open_months(tx: &Tx, stretch: Stretch) -> Result<Vec<Month>, Problem> {
    Ok(periods(tx, stretch).await?.into_iter().filter(|(_, closed)| !closed).map(|(month, _)| month).collect())
}

/// Reads what is used, refuses the gaps, and gives what the file needs besides the vouchers.
async fn plan(tx: &Tx, stretch: Stretch, map: AccountMap, balances: bool) -> Result<Plan, Problem> {
    let year = stretch.from.year();
    let parallel = year >= PARALLEL_FROM;
    let used = stretch.sums(tx).await?;
    let (mut prior, mut earlier) = (Vec::new(), Vec::new());
    if balances {
        (prior, earlier) = before(tx, stretch).await?;
    }
    let mut needs: BTreeSet<(Half, &str, Option<Uuid>, Option<Uuid>)> = BTreeSet::new();
    let halves: &[Half] = if parallel { &[Half::Financial, Half::Budget] } else { &[Half::Financial] };
    for sum in used.iter().chain(&prior).chain(&earlier) {
        needs.extend(halves.iter().map(|half| (*half, sum.account.as_str(), sum.category, sum.community)));
        if parallel && is_owed(&sum.account) {
            // What is owed at a year's end stands in what is carried over.
            needs.insert((Half::Budget, Account::CarriedOver.code(), sum.category, None));
        }
    }
    let categories = categories(tx, needs.iter().filter_map(|need| need.2)).await?;
    let gaps: BTreeSet<(&str, Option<Uuid>, Half)> =
        needs.iter().filter(|(half, account, category, community)| is_gap(&map, *half, account, *category, *community)).map(|(half, account, category, _)| (*account, *category, *half)).collect();
    if !gaps.is_empty() {
        let named = gaps.into_iter().map(|(account, category, half)| {
            let name = Account::of_code(account).map_or("", |account| account.facts().1);
            (account.to_owned(), name, category.and_then(|id| categories.get(&id).cloned()), half)
        });
        return Err(refusals::account_map_gaps(year, &named.collect::<Vec<_>>()));
    }
    let communities = needs.iter().filter_map(|need| need.3).collect();
    let openings = openings(&map, parallel, &prior, &earlier)?;
    let months = periods(tx, stretch).await?;
    Ok(Plan { stretch, map, parallel, months, openings, categories, communities })
}

fn is_owed(account: &str) -> bool {
    Account::of_code(account).is_some_and(|account| account.facts().3 == AccountType::Liability)
}

fn is_gap(map: &AccountMap, half: Half, account: &str, category: Option<Uuid>, community: Option<Uuid>) -> bool {
    map.find(account, category, community).is_none_or(|entry| half == Half::Budget && entry.budget.is_none() && !entry.outside_budget)
}

/// The balances before the stretch: of the years before, and of the year's earlier months; those of 0.00 are left out.
async fn before(tx: &Tx, stretch: Stretch) -> Result<(Vec<Sum>, Vec<Sum>), Problem> {
    let january = Month::new(stretch.from.year(), 1).ok_or_else(|| Problem::internal("no January"))?;
    let first = Month::new(2000, 1).ok_or_else(|| Problem::internal("no first month"))?;
    let prior = Stretch { from: first, to: january.previous(), ..stretch }.sums(tx).await?;
    let earlier = Stretch { from: january, to: stretch.from.previous(), ..stretch }.sums(tx).await?;
    let moved = |sums: Vec<Sum>| sums.into_iter().filter(|sum| sum.debit != sum.credit).collect();
    Ok((moved(prior), moved(earlier)))
}

fn openings(map: &AccountMap, parallel: bool, prior: &[Sum], earlier: &[Sum]) -> Result<BTreeMap<Key, Fen>, Problem> {
    let mut openings: BTreeMap<Key, Fen> = BTreeMap::new();
    for (sum, is_prior) in prior.iter().map(|sum| (sum, true)).chain(earlier.iter().map(|sum| (sum, false))) {
        let balance = sum.debit.checked_sub(sum.credit).map_err(Problem::internal)?;
        let mut keys: Vec<Key> = Vec::new();
        if let Some(entry) = map.find(&sum.account, sum.category, sum.community) {
            keys.push((Half::Financial, entry.financial.code.clone(), sum.category, sum.community));
        }
        if parallel {
            let (account, community) = if is_prior && is_owed(&sum.account) { (Account::CarriedOver.code(), None) } else { (sum.account.as_str(), sum.community) };
            keys.extend(halves::budget_code(map, account, sum.category, community)?.map(|code| (Half::Budget, code, None, None)));
        }
        for key in keys {
            let opening = openings.entry(key).or_default();
            *opening = opening.checked_add(balance).map_err(Problem::internal)?;
        }
    }
    openings.retain(|_, balance| !balance.is_zero());
    Ok(openings)
}

async fn categories(tx: &Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<BTreeMap<Uuid, (String, String)>, Problem> {
    let ids: BTreeSet<Uuid> = ids.into_iter().collect();
    let rows = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(ids))).await?;
    Ok(rows.into_iter().map(|category| (category.id, (category.code, category.name))).collect())
}

/// Entries and sums of one half.
#[derive(Default)]
struct HalfSums {
    entries: i64,
    debit: Fen,
    credit: Fen,
}

#[derive(Default)]
struct Sums {
    financial: HalfSums,
    budget: HalfSums,
    unbalanced: Vec<(String, Half, Fen, Fen)>,
}

impl Sums {
    fn add(&mut self, name: &str, half: Half, lines: &[OfficialLine]) -> Result<(), Problem> {
        let (debit, credit) = halves::sums(lines, half)?;
        if debit != credit && self.unbalanced.len() < MOST_TOLD {
            self.unbalanced.push((name.to_owned(), half, debit, credit));
        }
        let sums = if half == Half::Financial { &mut self.financial } else { &mut self.budget };
        let entries = i64::try_from(lines.iter().filter(|line| line.half == half).count()).map_err(Problem::internal)?;
        sums.entries = sums.entries.saturating_add(entries);
        sums.debit = sums.debit.checked_add(debit).map_err(Problem::internal)?;
        sums.credit = sums.credit.checked_add(credit).map_err(Problem::internal)?;
        Ok(())
    }
}

/// Writes voucher after voucher in the order of months and numbers, marks them, and gives the sums.
async fn write(tx: &Tx, street: &org_unit::Model, new: &NewVoucherExport, plan: Plan, export: Uuid, pieces: &mut Pieces<'_>) -> Result<Sums, Problem> {
    let buffer = Buffer::default();
    let (stretch, map, parallel) = (plan.stretch, plan.map.clone(), plan.parallel);
    let mut format = format(tx, street, new, plan, buffer.clone()).await?;
    let mut sums = Sums::default();
    let mut names: BTreeMap<Uuid, String> = BTreeMap::new();
    let mut after: Option<(Month, i32)> = None;
    loop {
        let vouchers = page(tx, stretch, after).await?;
        let Some(last) = vouchers.last() else { break };
        after = Some((last.month, last.number));
        know(tx, &mut names, &vouchers).await?;
        let mut lines = lines_of(tx, &vouchers).await?;
        for voucher in &vouchers {
            let booked = lines.remove(&voucher.id).unwrap_or_default();
            let name = voucher_name(voucher.month, voucher.number);
            let mut official = halves::financial(&map, &booked)?;
            sums.add(&name, Half::Financial, &official)?;
            if parallel {
                let red = voucher.kind == VoucherKind::Reversal.code();
                official.extend(halves::budget(&map, red, &booked, &owed(tx, voucher).await?)?);
                sums.add(&name, Half::Budget, &official)?;
            }
            let of = |id: Option<Uuid>| id.and_then(|id| names.get(&id).cloned());
            let prepared_by = of(voucher.prepared_by).or_else(|| voucher.prepared_job.as_ref().map(|job| format!("系统（{job}）"))).unwrap_or_default();
            format.add(&Printed { voucher, lines: &official, prepared_by: &prepared_by, reviewed_by: &of(voucher.reviewed_by).unwrap_or_default() })?;
        }
        mark(tx, export, &vouchers).await?;
        pieces.add(&buffer.take()).await?;
    }
    if !sums.unbalanced.is_empty() {
        return Err(refusals::export_half_unbalanced(&sums.unbalanced));
    }
    format.finish()?;
    pieces.add(&buffer.take()).await?;
    Ok(sums)
}

async fn format(tx: &Tx, street: &org_unit::Model, new: &NewVoucherExport, plan: Plan, buffer: Buffer) -> Result<Box<dyn Format>, Problem> {
    Ok(match new.format {
        ExportFormat::U8Text => Box::new(U8Text::new(buffer, new.encoding.unwrap_or_default())),
        ExportFormat::CommonXlsx => Box::new(CommonXlsx::new(buffer)?),
        ExportFormat::Gbt24589 => {
            let facts = Facts {
                street: (street.id, street.name.clone()),
                year: new.fiscal_year,
                months: plan.months,
                map: plan.map,
                parallel: plan.parallel,
                categories: plan.categories,
                communities: street_names(tx, plan.communities).await?,
                openings: plan.openings,
            };
            Box::new(Package::new(buffer, facts)?)
        }
    })
}

async fn page(tx: &Tx, stretch: Stretch, after: Option<(Month, i32)>) -> Result<Vec<voucher::Model>, Problem> {
    let mut select = tx
        .select::<voucher::Entity>()
        .filter(voucher::Column::StreetId.eq(stretch.street))
        .filter(voucher::Column::Month.between(stretch.from, stretch.to))
        .filter(voucher::Column::Seq.lte(stretch.last_seq));
    if let Some((month, number)) = after {
        let later = Condition::all().add(voucher::Column::Month.eq(month)).add(voucher::Column::Number.gt(number));
        select = select.filter(Condition::any().add(voucher::Column::Month.gt(month)).add(later));
    }
    tx.all(select.order_by_asc(voucher::Column::Month).order_by_asc(voucher::Column::Number).limit(PAGE)).await
}

async fn lines_of(tx: &Tx, vouchers: &[voucher::Model]) -> Result<BTreeMap<Uuid, Vec<voucher_line::Model>>, Problem> {
    let ids = vouchers.iter().map(|voucher| voucher.id);
    let rows = tx.all(tx.select::<voucher_line::Entity>().filter(voucher_line::Column::VoucherId.is_in(ids)).order_by_asc(voucher_line::Column::LineNumber)).await?;
    let mut lines: BTreeMap<Uuid, Vec<voucher_line::Model>> = BTreeMap::new();
    for line in rows {
        lines.entry(line.voucher_id).or_default().push(line);
    }
    Ok(lines)
}

/// Display names of the staff who prepared and reviewed.
async fn know(tx: &Tx, names: &mut BTreeMap<Uuid, String>, vouchers: &[voucher::Model]) -> Result<(), Problem> {
    let unknown: BTreeSet<Uuid> = vouchers.iter().flat_map(|voucher| [voucher.prepared_by, voucher.reviewed_by]).flatten().filter(|id| !names.contains_key(id)).collect();
    if !unknown.is_empty() {
        let people = tx.all(tx.select::<user::Entity>().filter(user::Column::Id.is_in(unknown))).await?;
        names.extend(people.into_iter().map(|person| (person.id, person.display_name)));
    }
    Ok(())
}

/// What the year of a year-end transfer added to what is owed; nothing for other vouchers.
async fn owed(tx: &Tx, voucher: &voucher::Model) -> Result<Vec<Owed>, Problem> {
    if voucher.kind != VoucherKind::Closing.code() {
        return Ok(Vec::new());
    }
    let (from, to) = Month::new(voucher.fiscal_year, 1).zip(Month::new(voucher.fiscal_year, 12)).ok_or_else(|| Problem::internal("no such year"))?;
    let sums = Stretch { street: voucher.street_id, from, to, last_seq: voucher.seq }.sums(tx).await?;
    let owed = sums.into_iter().filter(|sum| is_owed(&sum.account)).map(|sum| {
        let amount = sum.credit.checked_sub(sum.debit).map_err(Problem::internal)?;
        Ok(Owed { account: sum.account, category: sum.category, amount })
    });
    owed.collect()
}

/// Each voucher knows its exports.
async fn mark(tx: &Tx, export: Uuid, vouchers: &[voucher::Model]) -> Result<(), Problem> {
    let marks = vouchers.iter().map(|voucher| voucher_export_item::Model { id: new_id(), district_id: voucher.district_id, street_id: voucher.street_id, export_id: export, voucher_id: voucher.id });
    tx.insert_all::<voucher_export_item::Entity, voucher_export_item::ActiveModel>(marks.collect()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_lines_than_a_file_takes_are_refused() {
        assert!(check_size(MOST_LINES).is_ok());
        assert_eq!(check_size(MOST_LINES + 1).unwrap_err().code, "export_too_large");
    }
}
