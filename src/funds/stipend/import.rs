//! Importing beneficiaries and enrolments from a table: every fault is told by row and column, and all rows are taken or none.
//! What a person enters one by one waits for a second person; so does what is imported.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::routes_enrolments::{NewEnrolment, Relation, Survivor};
use super::routes_people::{HolderRelation, NewAccount, NewBeneficiary};
use super::{beneficiary, enrolment, people, stipend_scheme, verify};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::Act;
use crate::kernel::bank_card;
use crate::kernel::bank_code::is_bank_code;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::money::Fen;
use crate::kernel::period::Period;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::db::{Authorised, Tx};
use crate::platform::sheet::{Column, Kind, Row, RowFault, RowFaults, Table};

const fn column(key: &'static str, title: &'static str, required: bool, kind: Kind) -> Column {
    Column { key, title, required, kind }
}

/// The columns of a table of beneficiaries.
pub const BENEFICIARIES: [Column; 8] = [
    column("name", "姓名", true, Kind::Text),
    column("id_number", "身份证号", true, Kind::Identifier),
    column("community", "社区", false, Kind::Text),
    column("on_payroll", "财政供养", false, Kind::Text),
    column("account_number", "银行账号", false, Kind::Identifier),
    column("bank_name", "开户银行", false, Kind::Text),
    column("bank_code", "联行号", false, Kind::Identifier),
    column("guardian_name", "监护人姓名", false, Kind::Text),
];
/// An example row of it: its person does not exist.
pub const BENEFICIARY_EXAMPLE: [&str; 8] = ["张示例", "420104199001010009", "古四社区", "否", "6222021234567890128", "武汉农村商业银行", "", ""];

/// The columns of a table of enrolments.
pub const ENROLMENTS: [Column; 11] = [
    column("id_number", "身份证号", true, Kind::Identifier),
    column("scheme", "补贴方案", true, Kind::Text),
    column("from_date", "开始日期", true, Kind::Date),
    column("to_date", "结束日期", false, Kind::Date),
    column("paid_through", "已发至", true, Kind::Text),
    column("own_rate", "个人标准", false, Kind::Amount),
    column("deceased_name", "逝者姓名", false, Kind::Text),
    column("died_on", "逝世日期", false, Kind::Date),
    column("relation", "与逝者关系", false, Kind::Text),
    column("ends_at_age", "止发年龄", false, Kind::Text),
    column("study_until", "在读证明至", false, Kind::Date),
];
/// An example row of it.
pub const ENROLMENT_EXAMPLE: [&str; 11] = ["420104199001010009", "遗属补助", "2016-05-01", "", "2016Q4", "", "王示例", "2016-04-12", "子女", "18", ""];

fn id_number(act: &Act, row: &Row) -> Result<String, RowFault> {
    let number =
        IdentityNumber::parse(row.text("id_number")).map_err(|_fault| row.fault("id_number", "id_number_invalid", "身份证号码或校验码不对", "the ID number or its check character is wrong"))?;
    Ok(act.keys.lookup_hash("person", number.as_str()))
}

/// The persons of a street's beneficiaries, by keyed hash.
async fn known(tx: &Tx, street: Uuid) -> Result<BTreeMap<String, beneficiary::Model>, Problem> {
    let rows = tx.all(tx.select::<beneficiary::Entity>().filter(beneficiary::Column::StreetId.eq(street))).await?;
    Ok(rows.into_iter().map(|row| (row.person_key.clone(), row)).collect())
}

/// What an import did.
pub struct Imported {
    /// How many rows.
    pub count: usize,
    /// What may be wrong in them and did not hinder it.
    pub warnings: Vec<RowFault>,
}

/// The account of a row; none where it names none, or where a fault of it is added.
fn account_of(row: &Row, faults: &mut RowFaults) -> Option<NewAccount> {
    let Some(number) = row.filled("account_number") else {
        if row.filled("bank_name").is_some() {
            faults.add(row.fault("account_number", "required", "填写了开户银行，账号不能为空", "a bank is named, so the account must be"));
        }
        return None;
    };
    let digits: String = number.chars().filter(|character| !character.is_whitespace()).collect();
    if !(8..=30).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        faults.add(row.fault("account_number", "account_number_invalid", "账号须为 8 至 30 位数字", "must be 8 to 30 digits"));
    }
    if row.filled("bank_name").is_none() {
        faults.add(row.fault("bank_name", "required", "填写了账号，开户银行不能为空", "an account is given, so its bank must be"));
    }
    for key in ["bank_name", "guardian_name"] {
        if row.text(key).chars().count() > 60 {
            faults.add(row.fault(key, "too_long", "最多 60 个字", "at most 60 characters"));
        }
    }
    let bank_code = row.filled("bank_code").map(str::to_owned);
    if bank_code.as_deref().is_some_and(|code| !is_bank_code(code)) {
        faults.add(row.fault("bank_code", "bank_code_invalid", "联行号须为 12 位数字", "must be 12 digits"));
    }
    let holder_name = row.filled("guardian_name").map(str::to_owned);
    let holder_relation = if holder_name.is_some() { HolderRelation::Guardian } else { HolderRelation::OwnAccount };
    Some(NewAccount { number: digits, bank_name: row.text("bank_name").to_owned(), bank_code, holder_name, holder_relation })
}

/// A card number whose check digit does not fit is told and taken: passbook accounts have none.
fn luhn_warning(row: &Row, account: &NewAccount) -> Option<RowFault> {
    let warning = || row.fault("account_number", "luhn_failed", "银行卡号校验位不符，请核对；存折账号可不理会", "the card number's check digit does not fit: check it; passbook accounts have none");
    (!bank_card::luhn(&account.number)).then(warning)
}

fn yes_or_no(row: &Row, key: &str) -> Result<bool, RowFault> {
    match row.text(key) {
        "" | "否" | "no" => Ok(false),
        "是" | "yes" => Ok(true),
        _ => Err(row.fault(key, "invalid_value", "须为 是 或 否", "Must be 是 (yes) or 否 (no)")),
    }
}

/// Imports beneficiaries of a street; gives how many, and which card numbers look wrong.
///
/// # Errors
/// 422 `import_refused` with every fault.
pub async fn beneficiaries(tx: &Tx, act: &Act, actor: &Actor, street: &Authorised<org_unit::Model>, table: Table) -> Result<Imported, Problem> {
    let known = known(tx, street.id).await?;
    let communities = tx.all(tx.select::<org_unit::Entity>().filter(org_unit::Column::StreetId.eq(street.id)).filter(org_unit::Column::CommunityId.is_not_null())).await?;
    let communities: BTreeMap<String, Uuid> = communities.into_iter().map(|unit| (unit.name, unit.id)).collect();
    let (mut faults, mut warnings, mut seen, mut new) = (table.faults, Vec::new(), BTreeSet::new(), Vec::with_capacity(table.rows.len()));
    for row in &table.rows {
        if let Some(person) = faults.keep(id_number(act, row)) {
            if known.contains_key(&person) {
                faults.add(row.fault("id_number", "already_exists", "本街道已有该身份证号码的领取人", "the street has a beneficiary with this ID number"));
            }
            if !seen.insert(person) {
                faults.add(row.fault("id_number", "duplicate", "该身份证号码在表中出现过", "the ID number stands in the table already"));
            }
        }
        if row.text("name").chars().count() > 60 {
            faults.add(row.fault("name", "too_long", "最多 60 个字", "at most 60 characters"));
        }
        let community =
            row.filled("community").map(|name| communities.get(name).copied().ok_or_else(|| row.fault("community", "unknown_reference", "本街道没有该社区", "the street has no such community")));
        let community_id = community.and_then(|found| faults.keep(found));
        let account = account_of(row, &mut faults);
        warnings.extend(account.as_ref().and_then(|account| luhn_warning(row, account)));
        if let Some(on_payroll) = faults.keep(yes_or_no(row, "on_payroll")) {
            new.push(NewBeneficiary { street_id: Some(street.id), community_id, name: row.text("name").to_owned(), id_number: row.text("id_number").to_owned(), on_payroll, account });
        }
    }
    faults.into_result()?;
    let count = new.len();
    for new in new {
        let unit = new.community_id.unwrap_or(street.id);
        let unit = tx.load::<org_unit::Entity>(unit).await?.authorise(actor, Capability::StipendPrepare)?;
        people::add(tx, act, &unit, new).await?;
    }
    Ok(Imported { count, warnings })
}

fn period_of(row: &Row) -> Result<Period, RowFault> {
    row.text("paid_through").parse().map_err(|_form| row.fault("paid_through", "not_a_period", "须写作 2016-12、2016Q4 或 2016", "write it as 2016-12, 2016Q4 or 2016"))
}

/// From when to when.
fn days_of(row: &Row) -> Result<(NaiveDate, Option<NaiveDate>), RowFault> {
    let from = row.date("from_date")?.ok_or_else(|| row.fault("from_date", "required", "不能为空", "Must not be empty"))?;
    let to = row.date("to_date")?;
    if to.is_some_and(|to| to < from) {
        return Err(row.fault("to_date", "date_before_start", "不得早于开始日期", "must not lie before the start"));
    }
    Ok((from, to))
}

fn own_rate_of(row: &Row) -> Result<Option<Fen>, RowFault> {
    let rate = row.amount("own_rate")?;
    if rate.is_some_and(|rate| rate.is_negative() || rate > super::model::RATE_MAX) {
        return Err(row.fault("own_rate", "rate_out_of_bound", "超出标准上限", "is beyond the bound of a rate"));
    }
    Ok(rate)
}

/// Whose survivor 遗属 it is; none where the row names nobody who died.
fn survivor_of(row: &Row) -> Result<Option<Survivor>, RowFault> {
    let Some(deceased) = row.filled("deceased_name") else {
        return match ["died_on", "relation"].into_iter().find(|key| row.filled(key).is_some()) {
            Some(_) => Err(row.fault("deceased_name", "required", "填写了逝世日期或关系，逝者姓名不能为空", "a day of death or a relation is told, so the name must be")),
            None => Ok(None),
        };
    };
    if deceased.chars().count() > 60 {
        return Err(row.fault("deceased_name", "too_long", "最多 60 个字", "at most 60 characters"));
    }
    let relation = match row.text("relation") {
        "配偶" | "spouse" => Relation::Spouse,
        "子女" | "child" => Relation::Child,
        "父母" | "parent" => Relation::Parent,
        "兄弟姐妹" | "sibling" => Relation::Sibling,
        "其他" | "other" => Relation::Other,
        _ => return Err(row.fault("relation", "invalid_value", "须为 配偶、子女、父母、兄弟姐妹 或 其他", "must be 配偶 (spouse), 子女 (child), 父母 (parent), 兄弟姐妹 (sibling) or 其他 (other)")),
    };
    Ok(Some(Survivor { deceased_name: deceased.to_owned(), died_on: row.date("died_on")?, relation }))
}

fn age_of(row: &Row) -> Result<Option<i32>, RowFault> {
    let age =
        row.filled("ends_at_age").map(|text| text.parse().ok().filter(|age| (1..=99).contains(age)).ok_or_else(|| row.fault("ends_at_age", "out_of_range", "须为 1 至 99 岁", "must be from 1 to 99")));
    age.transpose()
}

/// What a row says of an enrolment, without whose and of which scheme; every fault of the row is added.
fn terms(row: &Row, faults: &mut RowFaults) -> Option<NewEnrolment> {
    let (paid_through, days, own_rate) = (faults.keep(period_of(row)), faults.keep(days_of(row)), faults.keep(own_rate_of(row)));
    let (survivor, ends_at_age, study_until) = (faults.keep(survivor_of(row)), faults.keep(age_of(row)), faults.keep(row.date("study_until")));
    let (from_date, to_date) = days?;
    Some(NewEnrolment {
        scheme_id: Uuid::nil(),
        beneficiary_id: Uuid::nil(),
        from_date,
        to_date,
        paid_through: Some(paid_through?),
        own_rate: own_rate?,
        own_rate_from: None,
        survivor: survivor?,
        ends_at_age: ends_at_age?,
        study_until: study_until?,
    })
}

/// Imports enrolments of a street; gives how many. Each waits for a second person's confirmation.
///
/// # Errors
/// As [`beneficiaries`].
pub async fn enrolments(tx: &Tx, act: &Act, actor: &Actor, street: &Authorised<org_unit::Model>, table: Table) -> Result<Imported, Problem> {
    let known = known(tx, street.id).await?;
    let schemes = tx.all(tx.select::<stipend_scheme::Entity>().filter(stipend_scheme::Column::StreetId.eq(street.id))).await?;
    let enrolled = tx.all(tx.select::<enrolment::Entity>().filter(enrolment::Column::StreetId.eq(street.id))).await?;
    let mut taken: BTreeSet<(Uuid, Uuid)> = enrolled.into_iter().map(|row| (row.scheme_id, row.beneficiary_id)).collect();
    let (mut faults, mut new) = (table.faults, Vec::with_capacity(table.rows.len()));
    for row in &table.rows {
        let person = faults.keep(id_number(act, row)).and_then(|key| {
            let found =
                known.get(&key).ok_or_else(|| row.fault("id_number", "unknown_reference", "本街道没有该领取人，请先导入领取人", "the street has no such beneficiary; import the beneficiaries first"));
            faults.keep(found)
        });
        let name = row.text("scheme");
        let scheme = schemes.iter().find(|scheme| scheme.name == name).ok_or_else(|| row.fault("scheme", "unknown_reference", "本街道没有该方案", "the street has no such scheme"));
        let (scheme, terms) = (faults.keep(scheme), terms(row, &mut faults));
        let (Some(person), Some(scheme), Some(terms)) = (person, scheme, terms) else {
            continue;
        };
        if terms.paid_through.is_some_and(|period| period.frequency() != scheme.first_period.frequency()) {
            faults.add(row.fault("paid_through", "period_not_of_scheme", "与方案的发放频率不符", "has another frequency than the scheme"));
        }
        if !taken.insert((scheme.id, person.id)) {
            faults.add(row.fault("id_number", "already_exists", "该领取人已登记此方案，或在表中出现过", "is enrolled in the scheme already, or stands in the table twice"));
        }
        if verify::expected_end(act, person, terms.ends_at_age, terms.study_until)?.is_some_and(|end| end < terms.from_date) {
            let key = if terms.ends_at_age.is_some() { "ends_at_age" } else { "study_until" };
            faults.add(row.fault(key, "date_before_start", "止发日期早于开始日期", "it would end before it began"));
        }
        new.push(NewEnrolment { scheme_id: scheme.id, beneficiary_id: person.id, ..terms });
    }
    faults.into_result()?;
    let count = new.len();
    for new in new {
        let scheme = tx.load::<stipend_scheme::Entity>(new.scheme_id).await?.authorise(actor, Capability::StipendPrepare)?;
        people::enrol(tx, act, &scheme, new).await?;
    }
    Ok(Imported { count, warnings: Vec::new() })
}
