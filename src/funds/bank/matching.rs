//! The rules of matching, without the database: which lines of a statement and of the books are the same money. Each line is taken at most once, and each match agrees to the fen.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

/// A reference shorter than this is not looked for in the bank's words.
const WORD_LEAST: usize = 4;

/// A line of a statement, as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankSide {
    /// The day.
    pub date: NaiveDate,
    /// Received; negative where paid.
    pub amount: i64,
    /// The bank's reference.
    pub reference: String,
    /// The bank's serial.
    pub serial: String,
    /// The bank's words.
    pub summary: String,
}

/// A line of a voucher on the account, as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookSide {
    /// The voucher.
    pub voucher: Uuid,
    /// Its date.
    pub date: NaiveDate,
    /// Received; negative where paid.
    pub amount: i64,
    /// What it books.
    pub kind: String,
    /// How the bank names it.
    pub reference: Option<String>,
    /// The voucher that it undoes.
    pub reverses: Option<Uuid>,
}

/// Lines that are the same money, by their places in what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The rule that found it.
    pub rule: &'static str,
    /// Lines of the statement.
    pub bank: Vec<usize>,
    /// Lines of the books.
    pub books: Vec<usize>,
}

/// Runs the rules: exact amount and reference; exact amount within `days` and unique; a sum of lines that belong together; a voucher and its reversal that the bank never saw.
#[must_use]
pub fn propose(bank: &[BankSide], books: &[BookSide], days: i64) -> Vec<Proposal> {
    let mut rules = Rules { bank, books, days, open_bank: (0..bank.len()).collect(), open_books: (0..books.len()).collect(), found: Vec::new() };
    rules.by_reference();
    rules.by_date();
    rules.sums_of_books();
    rules.sums_of_bank();
    rules.alike_on_a_day();
    rules.offsets();
    rules.found
}

struct Rules<'a> {
    bank: &'a [BankSide],
    books: &'a [BookSide],
    days: i64,
    open_bank: BTreeSet<usize>,
    open_books: BTreeSet<usize>,
    found: Vec<Proposal>,
}

/// Whether the bank names this reference.
fn names(line: &BankSide, reference: &str) -> bool {
    line.reference == reference || line.serial == reference || (reference.chars().count() >= WORD_LEAST && (line.summary.contains(reference) || line.reference.contains(reference)))
}

fn near(one: NaiveDate, other: NaiveDate, days: i64) -> bool {
    one.signed_duration_since(other).num_days().abs() <= days
}

/// The places of what is open, by a key.
fn grouped<K: Ord>(open: &BTreeSet<usize>, key: impl Fn(usize) -> Option<K>) -> BTreeMap<K, Vec<usize>> {
    let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for place in open {
        if let Some(key) = key(*place) {
            groups.entry(key).or_default().push(*place);
        }
    }
    groups
}

/// The only one that fits.
fn only(mut fitting: impl Iterator<Item = usize>) -> Option<usize> {
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

impl Rules<'_> {
    fn take(&mut self, rule: &'static str, bank: Vec<usize>, books: Vec<usize>) {
        for place in &bank {
            self.open_bank.remove(place);
        }
        for place in &books {
            self.open_books.remove(place);
        }
        self.found.push(Proposal { rule, bank, books });
    }

    fn bank_line(&self, place: usize) -> Option<&BankSide> {
        self.bank.get(place)
    }

    fn book_line(&self, place: usize) -> Option<&BookSide> {
        self.books.get(place)
    }

    fn bank_by_amount(&self) -> BTreeMap<i64, Vec<usize>> {
        grouped(&self.open_bank, |place| Some(self.bank_line(place)?.amount))
    }

    fn books_by_amount(&self) -> BTreeMap<i64, Vec<usize>> {
        grouped(&self.open_books, |place| Some(self.book_line(place)?.amount))
    }

    /// The same amount and the same reference; where there are several alike, as many on each side.
    fn by_reference(&mut self) {
        let amounts = self.bank_by_amount();
        let named = grouped(&self.open_books, |place| self.book_line(place).and_then(|line| Some((line.reference.clone().filter(|reference| !reference.is_empty())?, line.amount))));
        for ((reference, amount), books) in named {
            let fits = |place: &usize| self.open_bank.contains(place) && self.bank_line(*place).is_some_and(|line| names(line, &reference));
            let lines: Vec<usize> = amounts.get(&amount).into_iter().flatten().copied().filter(fits).collect();
            if lines.len() == books.len() {
                for (line, book) in lines.into_iter().zip(books) {
                    self.take("reference", vec![line], vec![book]);
                }
            }
        }
    }

    /// The same amount within some days, where neither could be another.
    fn by_date(&mut self) {
        let books = self.books_by_amount();
        for (amount, lines) in self.bank_by_amount() {
            let entries = books.get(&amount).cloned().unwrap_or_default();
            let fit = |line: usize, book: usize| self.bank_line(line).zip(self.book_line(book)).is_some_and(|(line, book)| near(line.date, book.date, self.days));
            let pairs: Vec<(usize, usize)> = lines
                .iter()
                .filter_map(|line| {
                    let book = only(entries.iter().copied().filter(|book| fit(*line, *book)))?;
                    only(lines.iter().copied().filter(|other| fit(*other, book))).map(|_alone| (*line, book))
                })
                .collect();
            for (line, book) in pairs {
                self.take("date", vec![line], vec![book]);
            }
        }
    }

    /// One line of the bank for several of the books: those that bear one reference (a batch), or those of one day and kind.
    fn sums_of_books(&mut self) {
        let by_reference = grouped(&self.open_books, |place| self.book_line(place).and_then(|line| Some((line.reference.clone().filter(|reference| !reference.is_empty())?, line.amount > 0))));
        for books in by_reference.into_values() {
            self.sum_of_books(books);
        }
        let by_day = grouped(&self.open_books, |place| self.book_line(place).map(|line| (line.date, line.kind.clone(), line.amount > 0)));
        for books in by_day.into_values() {
            self.sum_of_books(books);
        }
    }

    fn sum_of_books(&mut self, books: Vec<usize>) {
        let parts: Vec<&BookSide> = books.iter().filter_map(|place| self.book_line(*place)).collect();
        let sum = parts.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
        let fits = |line: &BankSide| line.amount == sum && parts.iter().all(|part| near(line.date, part.date, self.days));
        let line = only(self.open_bank.iter().copied().filter(|place| self.bank_line(*place).is_some_and(fits)));
        if let (Some(line), true) = (line, parts.len() > 1) {
            self.take("group", vec![line], books);
        }
    }

    /// Several lines of the bank for one of the books: those of one day and reference, or of one day and the same words.
    fn sums_of_bank(&mut self) {
        let by_reference = grouped(&self.open_bank, |place| self.bank_line(place).filter(|line| !line.reference.is_empty()).map(|line| (line.date, line.reference.clone(), line.amount > 0)));
        for lines in by_reference.into_values() {
            self.sum_of_bank(lines);
        }
        let by_words = grouped(&self.open_bank, |place| self.bank_line(place).filter(|line| !line.summary.is_empty()).map(|line| (line.date, line.summary.clone(), line.amount > 0)));
        for lines in by_words.into_values() {
            self.sum_of_bank(lines);
        }
    }

    fn sum_of_bank(&mut self, lines: Vec<usize>) {
        let parts: Vec<&BankSide> = lines.iter().filter_map(|place| self.bank_line(*place)).collect();
        let sum = parts.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
        let fits = |book: &BookSide| book.amount == sum && parts.iter().all(|part| near(book.date, part.date, self.days));
        let book = only(self.open_books.iter().copied().filter(|place| self.book_line(*place).is_some_and(fits)));
        if let (Some(book), true) = (book, parts.len() > 1) {
            self.take("group", lines, vec![book]);
        }
    }

    /// As many lines of one amount on a day at the bank as in the books: whichever is whose, the money is the same.
    fn alike_on_a_day(&mut self) {
        let mut books = grouped(&self.open_books, |place| self.book_line(place).map(|line| (line.date, line.amount)));
        for (key, lines) in grouped(&self.open_bank, |place| self.bank_line(place).map(|line| (line.date, line.amount))) {
            if let Some(entries) = books.remove(&key).filter(|entries| entries.len() == lines.len() && lines.len() > 1) {
                self.take("group", lines, entries);
            }
        }
    }

    /// A voucher and the one that undoes it, where the bank saw neither.
    fn offsets(&mut self) {
        let reversals = grouped(&self.open_books, |place| self.book_line(place).and_then(|line| line.reverses));
        for (undone, mut red) in reversals {
            // A reversal that was itself undone may have gone with the voucher that undid it.
            red.retain(|place| self.open_books.contains(place));
            let original = self.open_books.iter().copied().filter(|place| !red.contains(place) && self.book_line(*place).is_some_and(|line| line.voucher == undone));
            let whole: Vec<usize> = original.chain(red.iter().copied()).collect();
            let sum = whole.iter().filter_map(|place| self.book_line(*place)).fold(0_i64, |sum, line| sum.saturating_add(line.amount));
            if sum == 0 && whole.len() > 1 {
                self.take("offset", Vec::new(), whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2017, 1, number).unwrap()
    }

    fn line(date: u32, amount: i64, reference: &str, summary: &str) -> BankSide {
        BankSide { date: day(date), amount, reference: reference.to_owned(), serial: String::new(), summary: summary.to_owned() }
    }

    fn book(voucher: u128, date: u32, amount: i64, reference: &str) -> BookSide {
        BookSide { voucher: Uuid::from_u128(voucher), date: day(date), amount, kind: "claim_payment".to_owned(), reference: (!reference.is_empty()).then(|| reference.to_owned()), reverses: None }
    }

    fn told(bank: &[BankSide], books: &[BookSide]) -> Vec<(&'static str, Vec<usize>, Vec<usize>)> {
        propose(bank, books, 3).into_iter().map(|found| (found.rule, found.bank, found.books)).collect()
    }

    #[test]
    fn a_reference_decides_before_the_date_also_in_the_banks_words() {
        let bank = [line(20, -100, "", "报销 BX-0002"), line(2, -100, "B1", "")];
        let books = [book(1, 20, -100, "B1"), book(2, 2, -100, "BX-0002")];
        assert_eq!(told(&bank, &books), [("reference", vec![1], vec![0]), ("reference", vec![0], vec![1])]);
    }

    #[test]
    fn an_amount_within_three_days_is_matched_where_it_can_be_no_other() {
        assert_eq!(told(&[line(5, -100, "", "")], &[book(1, 2, -100, "")]), [("date", vec![0], vec![0])]);
        assert_eq!(told(&[line(6, -100, "", "")], &[book(1, 2, -100, "")]), []);
        assert_eq!(told(&[line(5, -100, "", "")], &[book(1, 4, -100, ""), book(2, 6, -100, "")]), [], "two could be it");
        assert_eq!(told(&[line(5, -100, "", ""), line(6, -100, "", "")], &[book(1, 5, -100, "")]), [], "it could be two");
        assert_eq!(told(&[line(5, 100, "", "")], &[book(1, 5, -100, "")]), [], "received is not paid");
    }

    #[test]
    fn a_batch_is_one_line_and_a_file_is_paid_in_singles() {
        let batch = [book(1, 5, -300, "ZF1"), book(2, 5, -200, "ZF1"), book(3, 5, -70, "")];
        assert_eq!(told(&[line(5, -500, "", "代付")], &batch), [("group", vec![0], vec![0, 1])]);
        let singles = [line(5, -300, "", "遗属补助"), line(5, -200, "", "遗属补助"), line(5, -1, "", "手续费")];
        assert_eq!(told(&singles, &[book(1, 6, -500, "F1")]), [("group", vec![0, 1], vec![0])]);
        let alike = [line(5, -60, "", ""), line(5, -60, "", "")];
        assert_eq!(told(&alike, &[book(1, 5, -60, ""), book(2, 5, -60, "")]), [("group", vec![0, 1], vec![0, 1])]);
    }

    #[test]
    fn a_payment_and_its_reversal_that_the_bank_never_saw_cancel_each_other() {
        let red = BookSide { reverses: Some(Uuid::from_u128(1)), kind: "reversal".to_owned(), ..book(2, 9, 100, "") };
        assert_eq!(told(&[], &[book(1, 2, -100, ""), red]), [("offset", vec![], vec![0, 1])]);
    }

    #[test]
    fn a_reversal_that_was_itself_undone_goes_with_one_of_the_two_only() {
        let red = |voucher, date, amount, undone: u128| BookSide { reverses: Some(Uuid::from_u128(undone)), kind: "reversal".to_owned(), ..book(voucher, date, amount, "") };
        let books = [book(9, 2, -100, ""), red(2, 9, 100, 9), red(1, 12, -100, 2)];
        assert_eq!(told(&[], &books), [("offset", vec![], vec![1, 2])], "the payment stands, as it does in the books");
    }

    fn bank_lines() -> impl Strategy<Value = Vec<BankSide>> {
        proptest::collection::vec((1_u32..10, -3_i64..4, 0_u32..3, 0_u32..3), 0..25)
            .prop_map(|all| all.into_iter().map(|(date, amount, reference, words)| line(date, amount, &"R".repeat(usize::try_from(reference).unwrap()), &format!("词{words}"))).collect())
    }

    fn book_lines() -> impl Strategy<Value = Vec<BookSide>> {
        proptest::collection::vec((1_u32..10, -3_i64..4, 0_u32..3, 0_u32..20), 0..25).prop_map(|all| {
            let made = all.into_iter().enumerate().map(|(index, (date, amount, reference, undone))| BookSide {
                reverses: (undone < 3).then(|| Uuid::from_u128(u128::from(undone))),
                ..book(u128::try_from(index).unwrap(), date, amount, &"R".repeat(usize::try_from(reference).unwrap()))
            });
            made.collect()
        })
    }

    proptest! {
        #[test]
        fn no_line_is_taken_twice_and_every_match_agrees(bank in bank_lines(), books in book_lines(), days in 0_i64..5) {
            let (mut taken_bank, mut taken_books) = (BTreeSet::new(), BTreeSet::new());
            for found in propose(&bank, &books, days) {
                let paid: i64 = found.bank.iter().map(|place| bank[*place].amount).sum();
                let booked: i64 = found.books.iter().map(|place| books[*place].amount).sum();
                prop_assert_eq!(paid, booked);
                prop_assert!(found.bank.len() + found.books.len() > 1);
                prop_assert!(found.bank.into_iter().all(|place| taken_bank.insert(place)));
                prop_assert!(found.books.into_iter().all(|place| taken_books.insert(place)));
            }
        }
    }
}
