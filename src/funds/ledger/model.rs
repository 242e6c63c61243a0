//! Accounts, kinds of vouchers, and what a voucher must be, without the database.

use chrono::NaiveDate;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::refusals;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;

/// The type of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// 资产.
    Asset,
    /// 负债.
    Liability,
    /// 净资产.
    NetAssets,
    /// 收入.
    Income,
    /// 支出.
    Expenditure,
}

/// An account of the chart. There are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// 1002 fund on hand 银行存款.
    FundOnHand,
    /// 1003 donation fund on hand 红色基金专户.
    DonationFund,
    /// 1011 treasury quota 零余额账户用款额度.
    TreasuryQuota,
    /// 2302 stipends payable 应付补贴.
    StipendsPayable,
    /// 2307 income tax withheld 代扣个人所得税.
    TaxWithheld,
    /// 3001 carried-over balance 累计结转结余.
    CarriedOver,
    /// 3101 restricted donations 限定性捐赠结余.
    RestrictedDonations,
    /// 4001 appropriation income 财政拨款收入.
    Appropriation,
    /// 4101 donation income 捐赠收入.
    DonationIncome,
    /// 5001 appropriation expenditure 经费支出.
    Expenditure,
    /// 5101 donation expenditure 捐赠支出.
    DonationExpenditure,
}

impl Account {
    /// Every account, by code.
    pub const ALL: [Self; 11] = [
        Self::FundOnHand,
        Self::DonationFund,
        Self::TreasuryQuota,
        Self::StipendsPayable,
        Self::TaxWithheld,
        Self::CarriedOver,
        Self::RestrictedDonations,
        Self::Appropriation,
        Self::DonationIncome,
        Self::Expenditure,
        Self::DonationExpenditure,
    ];

    /// Code, Chinese and English name, type.
    #[must_use]
    pub const fn facts(self) -> (&'static str, &'static str, &'static str, AccountType) {
        match self {
            Self::FundOnHand => ("1002", "银行存款", "fund on hand", AccountType::Asset),
            Self::DonationFund => ("1003", "红色基金专户", "donation fund on hand", AccountType::Asset),
            Self::TreasuryQuota => ("1011", "零余额账户用款额度", "treasury quota", AccountType::Asset),
            Self::StipendsPayable => ("2302", "应付补贴", "stipends payable", AccountType::Liability),
            Self::TaxWithheld => ("2307", "代扣个人所得税", "income tax withheld", AccountType::Liability),
            Self::CarriedOver => ("3001", "累计结转结余", "carried-over balance", AccountType::NetAssets),
            Self::RestrictedDonations => ("3101", "限定性捐赠结余", "restricted donations", AccountType::NetAssets),
            Self::Appropriation => ("4001", "财政拨款收入", "appropriation income", AccountType::Income),
            Self::DonationIncome => ("4101", "捐赠收入", "donation income", AccountType::Income),
            Self::Expenditure => ("5001", "经费支出", "appropriation expenditure", AccountType::Expenditure),
            Self::DonationExpenditure => ("5101", "捐赠支出", "donation expenditure", AccountType::Expenditure),
        }
    }

    /// The code in the database and in exports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().0
    }

    /// The account with this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.code() == code)
    }

    /// Whether its balance is debit minus credit (assets and expenditure).
    #[must_use]
    pub const fn is_debit(self) -> bool {
        matches!(self.facts().3, AccountType::Asset | AccountType::Expenditure)
    }

    /// Whether it is kept by category.
    #[must_use]
    pub const fn by_category(self) -> bool {
        matches!(self, Self::StipendsPayable | Self::CarriedOver | Self::Appropriation | Self::Expenditure)
    }

    /// Whether it is kept by community.
    #[must_use]
    pub const fn by_community(self) -> bool {
        matches!(self, Self::Expenditure | Self::DonationIncome | Self::DonationExpenditure)
    }

    /// Money on hand: what would take it below 0 is refused.
    #[must_use]
    pub const fn never_below_zero(self) -> bool {
        matches!(self, Self::FundOnHand | Self::DonationFund | Self::TreasuryQuota)
    }
}

/// What a voucher books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoucherKind {
    /// Money received from the treasury.
    Receipt,
    /// Taken back by the treasury in the same year.
    ReceiptTakenBack,
    /// A claim was paid.
    ClaimPayment,
    /// Money of a claim came back.
    ClaimRefund,
    /// 红字冲销: a whole voucher undone.
    Reversal,
    /// A stipend run was posted.
    StipendRun,
    /// The bank paid stipends.
    StipendPayment,
    /// The bank returned stipends.
    StipendReturn,
    /// A beneficiary paid back.
    Recovery,
    /// A donation was received.
    Donation,
    /// A donation was used.
    DonationUse,
    /// Unused quota lapsed at year-end.
    QuotaLapse,
    /// The year-end transfer.
    Closing,
    /// Surplus returned to the treasury.
    SurplusReturn,
    /// Opening balances.
    Opening,
    /// Tax paid over.
    TaxPayment,
}

impl VoucherKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Receipt,
        Self::ReceiptTakenBack,
        Self::ClaimPayment,
        Self::ClaimRefund,
        Self::Reversal,
        Self::StipendRun,
        Self::StipendPayment,
        Self::StipendReturn,
        Self::Recovery,
        Self::Donation,
        Self::DonationUse,
        Self::QuotaLapse,
        Self::Closing,
        Self::SurplusReturn,
        Self::Opening,
        Self::TaxPayment,
    ];

    /// The identifier, and the summary that is printed.
    #[must_use]
    pub const fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Receipt => ("receipt", "收到财政拨款"),
            Self::ReceiptTakenBack => ("receipt_taken_back", "财政收回拨款"),
            Self::ClaimPayment => ("claim_payment", "支付报销"),
            Self::ClaimRefund => ("claim_refund", "报销退款"),
            Self::Reversal => ("reversal", "红字冲销"),
            Self::StipendRun => ("stipend_run", "计提补贴发放批次"),
            Self::StipendPayment => ("stipend_payment", "支付补贴"),
            Self::StipendReturn => ("stipend_return", "补贴退票"),
            Self::Recovery => ("recovery", "收回多发补贴"),
            Self::Donation => ("donation", "收到捐赠"),
            Self::DonationUse => ("donation_use", "使用捐赠"),
            Self::QuotaLapse => ("quota_lapse", "注销未用额度"),
            Self::Closing => ("closing", "年终结转"),
            Self::SurplusReturn => ("surplus_return", "上缴结余"),
            Self::Opening => ("opening", "期初余额"),
            Self::TaxPayment => ("tax_payment", "缴纳代扣个人所得税"),
        }
    }

    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().0
    }

    /// Which dates it may choose.
    #[must_use]
    pub const fn dating(self) -> Dating {
        match self {
            Self::Receipt | Self::Donation | Self::Opening => Dating::Chosen,
            Self::QuotaLapse | Self::Closing => Dating::YearEnd,
            Self::ClaimPayment => Dating::BankDate,
            _ => Dating::Today,
        }
    }
}

/// Which date a posting bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dating {
    /// The business date.
    Today,
    /// A day of this year, not after today.
    Chosen,
    /// A day not after today, of the last year too: what the bank paid in it.
    BankDate,
    /// 31 December.
    YearEnd,
}

/// A posting is dated today, except where its kind chooses; never after today. From 1 January a year takes only what belongs to its end.
///
/// # Errors
/// 422 `date_in_future`, `date_not_in_year`.
pub fn check_date(kind: VoucherKind, date: NaiveDate, today: NaiveDate) -> Result<(), Problem> {
    use chrono::Datelike;
    if date > today {
        return Err(refusals::date_in_future(date, today));
    }
    let fits = match kind.dating() {
        Dating::Today => date == today,
        Dating::Chosen => date.year() == today.year(),
        Dating::BankDate => true,
        Dating::YearEnd => (date.month(), date.day()) == (12, 31),
    };
    if fits { Ok(()) } else { Err(refusals::date_not_in_year(date, today)) }
}

/// One line of a voucher: an account, debit or credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// Debit, or 0.00.
    pub debit: Fen,
    /// Credit, or 0.00.
    pub credit: Fen,
    /// The category, where the account is kept by category.
    pub category: Option<Uuid>,
    /// The community, where the account is kept by community.
    pub community: Option<Uuid>,
}

impl Entry {
    /// A debit.
    #[must_use]
    pub const fn debit(account: Account, amount: Fen) -> Self {
        Self { account, debit: amount, credit: Fen::ZERO, category: None, community: None }
    }

    /// A credit.
    #[must_use]
    pub const fn credit(account: Account, amount: Fen) -> Self {
        Self { account, debit: Fen::ZERO, credit: amount, category: None, community: None }
    }

    /// Of this category.
    #[must_use]
    pub const fn of_category(mut self, category: Uuid) -> Self {
        self.category = Some(category);
        self
    }

    /// Of this community; none is the street's own.
    #[must_use]
    pub const fn of_community(mut self, community: Option<Uuid>) -> Self {
        self.community = community;
        self
    }

    /// The same account on the same side with a minus (红字冲销).
    ///
    /// # Errors
    /// 500 where the amount has no opposite.
    pub fn red(&self) -> Result<Self, Problem> {
        Ok(Self { debit: self.debit.checked_neg().map_err(Problem::internal)?, credit: self.credit.checked_neg().map_err(Problem::internal)?, ..self.clone() })
    }
}

/// The entries of a voucher as they may be written: lines of 0.00 left out, debit equal to credit, negative ones only in red letters; gives the total.
///
/// # Errors
/// 500: the caller has made a wrong voucher; 422 `amount_too_large`.
pub fn check_entries(kind: VoucherKind, entries: Vec<Entry>) -> Result<(Vec<Entry>, Fen), Problem> {
    let entries: Vec<Entry> = entries.into_iter().filter(|entry| !(entry.debit.is_zero() && entry.credit.is_zero())).collect();
    let debit = Fen::checked_sum(entries.iter().map(|entry| entry.debit)).map_err(Problem::internal)?;
    let credit = Fen::checked_sum(entries.iter().map(|entry| entry.credit)).map_err(Problem::internal)?;
    if entries.is_empty() || debit != credit {
        return Err(Problem::internal(format!("a voucher of kind {} with debit {debit} and credit {credit}", kind.code())));
    }
    if debit.0.abs() > Fen::DOCUMENT_MAX.0 {
        return Err(refusals::amount_too_large(debit));
    }
    let negative = entries.iter().any(|entry| entry.debit.is_negative() || entry.credit.is_negative());
    if negative && kind != VoucherKind::Reversal {
        return Err(Problem::internal(format!("a negative line in a voucher of kind {}", kind.code())));
    }
    Ok((entries, debit))
}

/// The algorithm that is written beside each hash.
pub const ALGORITHM: &str = "sha256-rfc8785-v1";

/// The hash before a street's first voucher.
#[must_use]
pub fn first_previous(street: Uuid) -> String {
    hex::encode(Sha256::digest(format!("mingzhang ledger v1\n{street}").as_bytes()))
}

/// The hash of a voucher: SHA-256 of the one before it and the RFC 8785 JSON of the voucher with its lines.
///
/// # Errors
/// 500 where the content cannot be written as JSON.
pub fn hash(previous: &str, content: &impl Serialize) -> Result<String, Problem> {
    let json = serde_json_canonicalizer::to_vec(content).map_err(Problem::internal)?;
    let mut digest = Sha256::new();
    digest.update(previous.as_bytes());
    digest.update(&json);
    Ok(hex::encode(digest.finalize()))
}

/// A voucher's name: its month and its number in it, such as `2017-03-0007`.
#[must_use]
pub fn voucher_name(month: Month, number: i32) -> String {
    format!("{month}-{number:04}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_posting_is_dated_today_and_a_receipt_in_this_year() {
        let today = day("2017-03-20");
        assert!(check_date(VoucherKind::StipendRun, today, today).is_ok());
        assert_eq!(check_date(VoucherKind::StipendRun, day("2017-03-19"), today).unwrap_err().code, "date_not_in_year");
        assert!(check_date(VoucherKind::Receipt, day("2017-01-05"), today).is_ok());
        assert_eq!(check_date(VoucherKind::Receipt, day("2016-12-31"), today).unwrap_err().code, "date_not_in_year");
        assert_eq!(check_date(VoucherKind::Receipt, day("2017-03-21"), today).unwrap_err().code, "date_in_future");
        assert!(check_date(VoucherKind::Closing, day("2016-12-31"), today).is_ok());
    }

    #[test]
    fn a_voucher_that_does_not_balance_or_is_negative_is_never_written() {
        let lines = |debit, credit| vec![Entry::debit(Account::FundOnHand, Fen(debit)), Entry::credit(Account::Appropriation, Fen(credit))];
        assert!(check_entries(VoucherKind::Receipt, lines(100, 100)).is_ok());
        assert_eq!(check_entries(VoucherKind::Receipt, lines(100, 99)).unwrap_err().status, 500);
        assert_eq!(check_entries(VoucherKind::Receipt, lines(-1, -1)).unwrap_err().status, 500);
        assert!(check_entries(VoucherKind::Reversal, lines(-1, -1)).is_ok());
        assert_eq!(check_entries(VoucherKind::Receipt, lines(0, 0)).unwrap_err().status, 500);
        assert_eq!(check_entries(VoucherKind::Receipt, lines(Fen::DOCUMENT_MAX.0 + 1, Fen::DOCUMENT_MAX.0 + 1)).unwrap_err().code, "amount_too_large");
    }

    proptest! {
        #[test]
        fn another_content_or_another_predecessor_has_another_hash(a: i64, b: i64, p in "[a-f0-9]{8}", q in "[a-f0-9]{8}") {
            let one = hash(&p, &serde_json::json!({"amount": a.to_string()})).unwrap();
            prop_assert_eq!(a == b, one == hash(&p, &serde_json::json!({"amount": b.to_string()})).unwrap());
            prop_assert_eq!(p == q, one == hash(&q, &serde_json::json!({"amount": a.to_string()})).unwrap());
        }
    }
}
