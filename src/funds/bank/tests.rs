use std::fmt::Write as _;

use proptest::prelude::*;
use uuid::Uuid;

use super::seed::BUILT_IN;
use super::*;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::sheet::read_cells;

fn template(code: &str) -> Template {
    serde_json::from_str(BUILT_IN.iter().find(|(known, ..)| *known == code).unwrap().2).unwrap()
}

fn line(serial: u32, account: &str, holder: &str, fen: i64) -> PaymentLine {
    PaymentLine {
        item_id: Uuid::from_u128(u128::from(serial)),
        serial,
        account_number: account.to_owned(),
        holder_name: holder.to_owned(),
        bank_name: "汉口银行".to_owned(),
        bank_code: None,
        identity_number_masked: None,
        amount: Fen(fen),
        summary: "2017年一季度遗属补助".to_owned(),
    }
}

fn batch(lines: &[PaymentLine]) -> Batch {
    let sum = Fen::checked_sum(lines.iter().map(|line| line.amount)).unwrap();
    Batch { number: "HJD-2017-0001".to_owned(), date: "2017-03-20".parse().unwrap(), count: u32::try_from(lines.len()).unwrap(), sum }
}

fn two() -> Vec<PaymentLine> {
    vec![line(1, "6222020000000000123", "张三", 87_900), line(2, "6222020000000000456", "李四", 87_900)]
}

/// Code, pointer and code of the first fault.
fn refusal<T: std::fmt::Debug>(result: Result<T, Problem>) -> (&'static str, String, &'static str) {
    let problem = result.unwrap_err();
    let first = problem.errors.first().cloned().unwrap();
    (problem.code, first.pointer, first.code)
}

/// The bank reads the file as rendered and answers each line; those in `returned` come back.
fn answer(template: &Template, file: &[u8], batch: &Batch, returned: &[u32]) -> String {
    let file = if template.delimiter == "|" { encoding_rs::GB18030.decode(file).0.replace('|', ",").into_bytes() } else { file.to_vec() };
    let grid = read_cells(&file, None).unwrap().0;
    let amount = template.columns.iter().position(|column| column.source == Source::Amount).unwrap();
    let mut text = format!("批次号,{},笔数,{},金额,{},日期,2017-03-21\n序号,账号后四位,金额,结果,原因\n", batch.number, batch.count, batch.sum);
    for row in grid.rows.iter().skip(1) {
        let back = returned.contains(&row.cell(0).parse().unwrap());
        let outcome = if back { "退票,账号已销户" } else { "成功," };
        writeln!(text, "{},{},{},{outcome}", row.cell(0), account_tail(row.cell(1)), row.cell(amount)).unwrap();
    }
    text
}

#[test]
fn the_layouts_that_come_with_the_program_keep_their_own_rules() {
    for (code, _, text) in BUILT_IN {
        let mut faults = Faults::none();
        serde_json::from_str::<Template>(text).unwrap().faults("", &mut faults);
        assert_eq!(faults.into_result(), Ok(()), "{code}");
    }
}

#[test]
fn a_csv_has_the_bytes_of_its_layout() {
    let lines = two();
    let header = render(&template("csv_utf8_header"), &batch(&lines), &lines).unwrap();
    let expected = "\u{feff}序号,账号,户名,开户行,金额,摘要\r\n1,6222020000000000123,张三,汉口银行,879.00,2017年一季度遗属补助\r\n2,6222020000000000456,李四,汉口银行,879.00,2017年一季度遗属补助\r\n";
    assert_eq!(String::from_utf8(header).unwrap(), expected);
    let total = render(&template("csv_gb18030_total"), &batch(&lines), &lines).unwrap();
    let expected = "HJD-2017-0001|2017-03-20|2|1758.00\r\n1|6222020000000000123|张三|879.00|2017年一季度遗属补助\r\n2|6222020000000000456|李四|879.00|2017年一季度遗属补助\r\n";
    assert_eq!(encoding_rs::GB18030.decode(&total).0, expected);
    assert_eq!(file_name(&template("csv_gb18030_total"), &batch(&lines)), "HJD-2017-0001.txt");
}

#[test]
fn the_same_batch_gives_the_same_bytes_also_as_a_workbook_and_accounts_are_text() {
    let lines = two();
    for (code, ..) in BUILT_IN {
        let render = || render(&template(code), &batch(&lines), &lines).unwrap();
        let first = render();
        // A zip counts time in steps of two seconds; the workbook's properties in seconds. Both are fixed, so nothing needs to pass.
        assert_eq!(first, render(), "{code}");
    }
    let workbook = render(&template("xlsx"), &batch(&lines), &lines).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&workbook)).unwrap();
    let properties = std::io::read_to_string(archive.by_name("docProps/core.xml").unwrap()).unwrap();
    assert!(properties.contains("2017-01-01T00:00:00Z"), "{properties}");
    // A number of 19 digits would be refused on reading.
    assert_eq!(read_cells(&workbook, None).unwrap().0.rows[1].cells, ["1", "6222020000000000123", "张三", "汉口银行", "879", "2017年一季度遗属补助"]);
}

#[test]
fn what_a_layout_cannot_hold_is_refused_by_line_and_never_bent() {
    let with = |change: fn(&mut PaymentLine), code: &str| {
        let mut lines = two();
        change(&mut lines[1]);
        render(&template(code), &batch(&lines), &lines)
    };
    let private: fn(&mut PaymentLine) = |line| line.holder_name = "张\u{e5e5}".to_owned();
    assert_eq!(refusal(with(private, "csv_gb18030_total")), ("bank_file_refused", "/lines/1/holder_name".to_owned(), "unmappable_character"));
    let delimiter: fn(&mut PaymentLine) = |line| line.summary = "一季度|二季度".to_owned();
    assert_eq!(refusal(with(delimiter, "csv_gb18030_total")).2, "unwritable_value");
    assert!(with(delimiter, "csv_utf8_header").is_ok());
    let quoted: fn(&mut PaymentLine) = |line| line.summary = "一季度,\"二\"季度".to_owned();
    let bytes = with(quoted, "csv_utf8_header").unwrap();
    assert_eq!(read_cells(&bytes, None).unwrap().0.rows[2].cell(5), "一季度,\"二\"季度");
    let newline: fn(&mut PaymentLine) = |line| line.summary = "一\n二".to_owned();
    assert_eq!(refusal(with(newline, "csv_utf8_header")).2, "unwritable_value");
    let formula: fn(&mut PaymentLine) = |line| line.holder_name = "=1+1".to_owned();
    assert_eq!(refusal(with(formula, "xlsx")).2, "unwritable_value");
    let long: fn(&mut PaymentLine) = |line| line.account_number = "6".repeat(33);
    assert_eq!(refusal(with(long, "xlsx")), ("bank_file_refused", "/lines/1/account_number".to_owned(), "too_long"));
    let missing: fn(&mut PaymentLine) = |line| line.bank_name = String::new();
    assert_eq!(refusal(with(missing, "xlsx")).2, "missing_value");
}

#[test]
fn a_batch_that_is_not_the_sum_of_its_lines_is_never_written() {
    let lines = two();
    let wrong = [Batch { count: 3, ..batch(&lines) }, Batch { sum: Fen(1), ..batch(&lines) }];
    assert_eq!(wrong.map(|batch| render(&template("xlsx"), &batch, &lines).unwrap_err().status), [500, 500]);
    let gap = [line(1, "6222020000000000123", "张三", 1), line(3, "6222020000000000456", "李四", 1)];
    assert_eq!(render(&template("xlsx"), &batch(&gap), &gap).unwrap_err().status, 500);
}

#[test]
fn a_result_is_read_in_gb18030_and_tells_all_its_faults_at_once() {
    let text = "批次号,B1,笔数,2,金额,20,日期,2017-03-21\n序号,账号后四位,金额,结果,原因\n1,0123,10.00,成功,\n2,0456,10,退票,账号已销户\n";
    let result = read_result(&encoding_rs::GB18030.encode(text).0).unwrap();
    assert_eq!((result.batch_number.as_str(), result.count, result.sum, result.value_date), ("B1", 2, Fen(2000), "2017-03-21".parse().unwrap()));
    assert_eq!((result.lines[1].row, result.lines[1].paid, result.lines[1].reason.as_deref()), (4, false, Some("账号已销户")));
    let bad = "批次号,B1,笔数,二,金额,20.001,日期,昨天\n序号,账号后四位,金额,结果,原因\n一,123,x,退票,\n2,0456,10,好,\n3,0456,10,成功,户名不符\n";
    let faults: Vec<_> = read_result(bad.as_bytes()).unwrap_err().errors.into_iter().map(|error| (error.pointer, error.code)).collect();
    let expected = [
        ("/rows/1/count", "not_a_number"),
        ("/rows/1/sum", "not_an_amount"),
        ("/rows/1/date", "not_a_date"),
        ("/rows/3/serial", "not_a_number"),
        ("/rows/3/account_tail", "wrong_account_tail"),
        ("/rows/3/amount", "not_an_amount"),
        ("/rows/3/reason", "reason_required"),
        ("/rows/4/result", "unknown_result"),
        ("/rows/5/reason", "reason_not_expected"),
    ];
    assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    for text in ["", "a,b\n1,2\n", "批次号,B1,笔数,2,金额,20,日期,2017-03-21\n"] {
        assert_eq!(refusal(read_result(text.as_bytes())), ("import_refused", "/rows/1".to_owned(), "unknown_layout"));
    }
}

#[test]
fn a_serial_twice_and_a_line_missing_are_told() {
    let lines = two();
    let batch = batch(&lines);
    let mut result = read_result(answer(&template("csv_utf8_header"), &render(&template("csv_utf8_header"), &batch, &lines).unwrap(), &batch, &[]).as_bytes()).unwrap();
    result.lines[1] = result.lines[0].clone();
    let codes: Vec<_> = match_result(&result, &batch, &lines).unwrap_err().errors.into_iter().map(|error| (error.pointer, error.code)).collect();
    assert_eq!(codes, [("/lines/1".to_owned(), "duplicate_serial"), ("/lines".to_owned(), "line_missing")]);
}

fn payments() -> impl Strategy<Value = Vec<PaymentLine>> {
    let one = ("[0-9]{12,19}", "[一-龥]{2,4}", 1_i64..10_000_000);
    proptest::collection::vec(one, 1..20).prop_map(|all| (1_u32..).zip(all).map(|(serial, (account, holder, fen))| line(serial, &account, &holder, fen)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_rendered_and_answered_matches_whole_in_every_layout(lines in payments(), returned in proptest::collection::vec(1_u32..20, 0..4)) {
        let batch = batch(&lines);
        for (code, ..) in BUILT_IN {
            let template = template(code);
            let file = render(&template, &batch, &lines).unwrap();
            prop_assert_eq!(&file, &render(&template, &batch, &lines).unwrap());
            let result = read_result(answer(&template, &file, &batch, &returned).as_bytes()).unwrap();
            let matched = match_result(&result, &batch, &lines).unwrap();
            prop_assert_eq!(matched.len(), lines.len());
            for (matched, line) in matched.iter().zip(&lines) {
                prop_assert_eq!(matched.item_id, line.item_id);
                prop_assert_eq!(matched.paid, !returned.contains(&line.serial));
                prop_assert_eq!(matched.reason.is_some(), !matched.paid);
            }
        }
    }

    #[test]
    fn one_field_altered_and_nothing_is_accepted(lines in payments(), place: prop::sample::Index, field in 0..7) {
        let batch = batch(&lines);
        let template = template("csv_utf8_header");
        let good = read_result(answer(&template, &render(&template, &batch, &lines).unwrap(), &batch, &[]).as_bytes()).unwrap();
        let mut bad = good.clone();
        let index = place.index(lines.len());
        match field {
            0 => bad.batch_number.push('1'),
            1 => bad.count += 1,
            2 => bad.sum = Fen(bad.sum.0 + 1),
            3 => bad.lines[index].serial += 1,
            4 => bad.lines[index].amount = Fen(bad.lines[index].amount.0 + 1),
            5 => bad.lines[index].account_tail = if bad.lines[index].account_tail == "0000" { "0001" } else { "0000" }.to_owned(),
            _ => drop(bad.lines.remove(index)),
        }
        prop_assert!(match_result(&good, &batch, &lines).is_ok());
        let problem = match_result(&bad, &batch, &lines).unwrap_err();
        prop_assert_eq!((problem.status, problem.code), (422, "result_mismatch"));
    }
}
