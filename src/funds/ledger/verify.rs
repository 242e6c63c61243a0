//! Verifying the books: what was written is recomputed from the lines up, and the first voucher that does not fit is named.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::append::content_hash;
use super::model::{self, Account};
use super::{ledger_checkpoint, voucher, voucher_line};
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};

/// The place that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// The street.
    pub street: String,
    /// The voucher, such as `2017-03-0007`; null where the fault is in no voucher.
    pub voucher: Option<String>,
    /// What does not fit, in English.
    pub what: String,
    /// What does not fit, in Chinese.
    pub what_zh: String,
}

/// What does not fit, with the voucher's name where the fault is in one.
pub type Found = (Option<String>, Words);

/// A head of a street's chain as it is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCheckpoint {
    /// The street.
    pub street_id: Uuid,
    /// The voucher's place in the chain.
    pub seq: i64,
    /// Its hash.
    pub head_hash: String,
}

/// What verifying a street's vouchers found.
#[derive(Debug)]
pub struct Checked {
    /// How many vouchers the street has.
    pub vouchers: i64,
    /// The first fault.
    pub fault: Option<Found>,
    /// Where the chain ends: what was looked at, and a checkpoint may sign.
    pub head: Head,
}

/// How many vouchers are read at a time.
const BATCH: u64 = 500;

/// A place in a street's chain, and the hash of the voucher there.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Head {
    /// 0 where there is no voucher.
    pub seq: i64,
    /// The hash.
    pub hash: String,
}

#[derive(FromQueryResult)]
struct Counter {
    month: Month,
    last: i32,
}

/// Recomputes the chain, the numbers, each voucher's sums, the balances and the checkpoints of one street.
///
/// # Errors
/// 500 where the database fails.
pub async fn check(tx: &Tx, keys: &KeyRing, street: Uuid, kept: &[KeptCheckpoint]) -> Result<Checked, Problem> {
    let checkpoints = tx.all(tx.select::<ledger_checkpoint::Entity>().filter(ledger_checkpoint::Column::StreetId.eq(street))).await?;
    let mut heads: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for checkpoint in &checkpoints {
        heads.entry(checkpoint.seq).or_default().push(checkpoint.head_hash.clone());
    }
    for checkpoint in kept.iter().filter(|checkpoint| checkpoint.street_id == street) {
        heads.entry(checkpoint.seq).or_default().push(checkpoint.head_hash.clone());
    }
    let mut chain = Chain { previous: model::first_previous(street), seq: 0, numbers: BTreeMap::new(), sums: BTreeMap::new(), last: BTreeMap::new() };
    loop {
        let next = tx.select::<voucher::Entity>().filter(voucher::Column::StreetId.eq(street)).filter(voucher::Column::Seq.gt(chain.seq)).order_by_asc(voucher::Column::Seq).limit(BATCH);
        let vouchers = tx.all(next).await?;
        if vouchers.is_empty() {
            break;
        }
        let ids = vouchers.iter().map(|voucher| voucher.id);
        let lines = tx.all(tx.select::<voucher_line::Entity>().filter(voucher_line::Column::VoucherId.is_in(ids)).order_by_asc(voucher_line::Column::LineNumber)).await?;
        let mut by_voucher: BTreeMap<Uuid, Vec<voucher_line::Model>> = BTreeMap::new();
        for line in lines {
            by_voucher.entry(line.voucher_id).or_default().push(line);
        }
        for voucher in vouchers {
            let lines = by_voucher.remove(&voucher.id).unwrap_or_default();
            let name = model::voucher_name(voucher.month, voucher.number);
            let fault = chain.fault(&voucher, &lines, &heads)?;
            if let Some(what) = fault {
                return Ok(Checked { vouchers: chain.seq, fault: Some((Some(name), what)), head: chain.head() });
            }
        }
    }
    let (vouchers, head) = (chain.seq, chain.head());
    let fault = match signatures(keys, street, &checkpoints).or_else(|| {
        heads
            .keys()
            .next_back()
            .filter(|seq| **seq > chain.seq)
            .map(|seq| Words::new(format!("校验点指向链上第 {seq} 张凭证，该凭证缺失"), format!("a checkpoint names voucher {seq} of the chain, which is missing")))
    }) {
        Some(what) => Some((None, what)),
        None => chain.balances(tx, street).await?,
    };
    Ok(Checked { vouchers, fault, head })
}

type Dimensions = (String, String, Uuid, Uuid, bool);

struct Chain {
    previous: String,
    seq: i64,
    numbers: BTreeMap<Month, i32>,
    sums: BTreeMap<Dimensions, (Fen, Fen)>,
    last: BTreeMap<Dimensions, String>,
}

impl Chain {
    fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.previous.clone() }
    }

    fn fault(&mut self, voucher: &voucher::Model, lines: &[voucher_line::Model], heads: &BTreeMap<i64, Vec<String>>) -> Result<Option<Words>, Problem> {
        self.seq = self.seq.saturating_add(1);
        let number = self.numbers.entry(voucher.month).or_default();
        *number = number.saturating_add(1);
        if voucher.seq != self.seq {
            return Ok(Some(Words::new(
                format!("它之前的凭证缺失：在链上的位置是 {}，应为 {}", voucher.seq, self.seq),
                format!("the voucher before it is missing: its place in the chain is {}, not {}", voucher.seq, self.seq),
            )));
        }
        if voucher.number != *number {
            return Ok(Some(Words::new(format!("凭证断号：应为 {number} 号"), format!("numbers have a gap: expected {number}"))));
        }
        let debit = Fen::checked_sum(lines.iter().map(|line| line.debit)).map_err(Problem::internal)?;
        let credit = Fen::checked_sum(lines.iter().map(|line| line.credit)).map_err(Problem::internal)?;
        if debit != credit || debit != voucher.amount {
            return Ok(Some(Words::new(
                format!("借方 {debit}、贷方 {credit} 与凭证金额 {} 不符", voucher.amount),
                format!("debit {debit} and credit {credit} do not make its amount {}", voucher.amount),
            )));
        }
        if voucher.algorithm != model::ALGORITHM || content_hash(&self.previous, voucher, lines)? != voucher.hash {
            return Ok(Some(Words::new("内容与登记的哈希值不符", "its content does not have the hash that was written")));
        }
        if heads.get(&voucher.seq).is_some_and(|hashes| hashes.iter().any(|hash| *hash != voucher.hash)) {
            return Ok(Some(Words::new("不是校验点所签署的凭证", "it is not the voucher that a checkpoint signed")));
        }
        self.previous.clone_from(&voucher.hash);
        for line in lines {
            let key = |id: Option<Uuid>| id.unwrap_or(Uuid::nil());
            let dimensions = (voucher.month.to_string(), line.account.clone(), key(line.category_id), key(line.community_id), voucher.kind == "closing");
            let sum = self.sums.entry(dimensions.clone()).or_default();
            *sum = (sum.0.checked_add(line.debit).map_err(Problem::internal)?, sum.1.checked_add(line.credit).map_err(Problem::internal)?);
            self.last.insert(dimensions, model::voucher_name(voucher.month, voucher.number));
        }
        Ok(None)
    }

    /// The balances that are kept are the sums of the lines; head and counters are where the chain ends.
    async fn balances(mut self, tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
        let kept = tx
            .query::<Kept>(
                Sql::both("SELECT month, account, category_key, community_key, closing, debit, credit FROM ledger_turnovers WHERE street_id = $1 ORDER BY month, account, category_key, community_key, closing"),
                vec![street.into()],
            )
            .await?;
        for row in kept {
            let dimensions = (row.month.clone(), row.account.clone(), row.category_key, row.community_key, row.closing);
            let sum = self.sums.remove(&dimensions).unwrap_or_default();
            if sum != (row.debit, row.credit) {
                let what = Words::new(
                    format!("科目 {} {} 的发生额登记为借 {} 贷 {}，分录合计为借 {} 贷 {}", row.account, row.month, row.debit, row.credit, sum.0, sum.1),
                    format!("the balance of account {} in {} is kept as debit {} credit {}, its lines make debit {} credit {}", row.account, row.month, row.debit, row.credit, sum.0, sum.1),
                );
                return Ok(Some((self.last.get(&dimensions).cloned(), what)));
            }
        }
        if let Some((dimensions, _)) = self.sums.first_key_value() {
            let what = Words::new(format!("缺少科目 {} {} 的发生额", dimensions.1, dimensions.0), format!("the balance of account {} in {} is missing", dimensions.1, dimensions.0));
            return Ok(Some((self.last.get(dimensions).cloned(), what)));
        }
        let head = tx.query_one::<Head>(Sql::both("SELECT seq, hash FROM ledger_heads WHERE street_id = $1"), vec![street.into()]).await?;
        match head {
            None if self.seq > 0 => {
                return Ok(Some((None, Words::new(format!("缺少链首，链上有 {} 张凭证", self.seq), format!("the head is missing, the chain has {} vouchers", self.seq)))));
            }
            Some(head) if head.seq != self.seq || (head.seq > 0 && head.hash != self.previous) => {
                let what = Words::new(format!("链首登记为 {} 张凭证，链上有 {} 张", head.seq, self.seq), format!("the head says {} vouchers, the chain has {}", head.seq, self.seq));
                return Ok(Some((None, what)));
            }
            _ => {}
        }
        self.counters(tx, street).await
    }

    /// The next voucher of each month has the number after its last.
    async fn counters(mut self, tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
        let counters = tx.query::<Counter>(Sql::both("SELECT month, last FROM ledger_counters WHERE street_id = $1 ORDER BY month"), vec![street.into()]).await?;
        for counter in counters {
            let last = self.numbers.remove(&counter.month).unwrap_or_default();
            if last != counter.last {
                return Ok(Some((
                    (last > 0).then(|| model::voucher_name(counter.month, last)),
                    Words::new(
                        format!("{} 的凭证号计数登记为 {}，该月最后一张凭证为 {last} 号", counter.month, counter.last),
                        format!("the counter of {} is kept as {}, its last voucher has the number {last}", counter.month, counter.last),
                    ),
                )));
            }
        }
        let missing = self
            .numbers
            .first_key_value()
            .map(|(month, last)| (Some(model::voucher_name(*month, *last)), Words::new(format!("缺少 {month} 的凭证号计数"), format!("the counter of {month} is missing"))));
        Ok(missing)
    }
}

#[derive(FromQueryResult)]
struct Kept {
    month: String,
    account: String,
    category_key: Uuid,
    community_key: Uuid,
    closing: bool,
    debit: Fen,
    credit: Fen,
}

fn signatures(keys: &KeyRing, street: Uuid, checkpoints: &[ledger_checkpoint::Model]) -> Option<Words> {
    checkpoints.iter().find_map(|checkpoint| {
        let message = signed_text(street, checkpoint.seq, &checkpoint.head_hash, checkpoint.business_date);
        let good = hex::decode(&checkpoint.signature).ok().is_some_and(|signature| keys.verify(&checkpoint.key_id, message.as_bytes(), &signature).is_ok());
        let day = checkpoint.business_date;
        (!good).then(|| Words::new(format!("{day} 的校验点签名不符"), format!("the checkpoint of {day} does not bear its signature")))
    })
}

fn signed_text(street: Uuid, seq: i64, head: &str, date: NaiveDate) -> String {
    format!("mingzhang checkpoint v1\n{street}\n{seq}\n{head}\n{date}")
}

/// Writes the day's signed checkpoint of a street over a head that was verified, where there is a voucher and none is written yet.
///
/// # Errors
/// 500 where it cannot be signed or the database fails.
pub async fn checkpoint(tx: &Tx, act: &Act, place: (Uuid, Uuid), head: Head) -> Result<Option<ledger_checkpoint::Model>, Problem> {
    let of_today = tx.select::<ledger_checkpoint::Entity>().filter(ledger_checkpoint::Column::StreetId.eq(place.1)).filter(ledger_checkpoint::Column::BusinessDate.eq(act.today));
    if let Some(written) = tx.one(of_today).await? {
        return Ok(Some(written));
    }
    if head.seq == 0 {
        return Ok(None);
    }
    let (key_id, signature) = act.keys.sign(signed_text(place.1, head.seq, &head.hash, act.today).as_bytes()).map_err(Problem::internal)?;
    let row = ledger_checkpoint::ActiveModel {
        id: Set(new_id()),
        district_id: Set(place.0),
        street_id: Set(place.1),
        seq: Set(head.seq),
        head_hash: Set(head.hash),
        business_date: Set(act.today),
        at: Set(act.at),
        algorithm: Set("ed25519-v1".to_owned()),
        key_id: Set(key_id),
        signature: Set(hex::encode(signature)),
    };
    tx.insert::<ledger_checkpoint::Entity, _>(row).await.map(Some)
}

#[derive(FromQueryResult)]
struct YearSums {
    year: i32,
    state: String,
    carried_in: Fen,
    received: Fen,
    spent: Fen,
}

/// What the years of a street say against the ledger; none where everything agrees.
///
/// # Errors
/// 500 where the database fails.
pub async fn check_years(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let years = tx.query::<YearSums>(Sql::both("SELECT year, state, carried_in, received, spent FROM fiscal_years WHERE street_id = $1 ORDER BY year"), vec![street.into()]).await?;
    let mut open = Fen::ZERO;
    for year in years {
        let booked = |sums: Vec<super::read::Turnover>, debit: bool| {
            Fen::checked_sum(sums.into_iter().map(|sum| Fen(if debit { sum.debit.0.saturating_sub(sum.credit.0) } else { sum.credit.0.saturating_sub(sum.debit.0) })))
        };
        let spent = booked(super::turnover_of_year(tx, street, Account::Expenditure, year.year).await?, true).map_err(Problem::internal)?;
        let received = booked(super::turnover_of_year(tx, street, Account::Appropriation, year.year).await?, false).map_err(Problem::internal)?;
        if (spent, received) != (year.spent, year.received) {
            return Ok(Some(Words::new(
                format!("{} 年度登记为到位 {}、支出 {}，账上到位 {received}、支出 {spent}", year.year, year.received, year.spent),
                format!("the year {} says received {} spent {}, the ledger received {received} spent {spent}", year.year, year.received, year.spent),
            )));
        }
        if year.state == "open" {
            open = Fen::checked_sum([open, year.carried_in, year.received]).and_then(|sum| sum.checked_sub(year.spent)).map_err(Problem::internal)?;
        }
    }
    let mut balances = BTreeMap::new();
    for account in Account::ALL {
        balances.insert(account, super::balance_of(tx, street, account).await?);
    }
    let of = |accounts: &[Account]| Fen::checked_sum(accounts.iter().filter_map(|account| balances.get(account).copied())).map_err(Problem::internal);
    let on_hand = of(&[Account::FundOnHand, Account::TreasuryQuota])?;
    let owed = open.checked_add(of(&[Account::StipendsPayable, Account::TaxWithheld])?).map_err(Problem::internal)?;
    if on_hand != owed {
        return Ok(Some(Words::new(format!("库存资金 {on_hand} 与未结账年度和负债应有的 {owed} 不符"), format!("money on hand {on_hand} is not what open years and liabilities make: {owed}"))));
    }
    let donations = of(&[Account::RestrictedDonations, Account::DonationIncome])?.checked_sub(of(&[Account::DonationExpenditure])?).map_err(Problem::internal)?;
    let fund = of(&[Account::DonationFund])?;
    Ok((fund != donations).then(|| Words::new(format!("红色基金专户 {fund} 与捐赠收支应有的 {donations} 不符"), format!("the donation fund {fund} is not what donations make: {donations}"))))
}
