use std::io::{Cursor, Write as _};

use rust_xlsxwriter::{Format, Formula, Workbook};

use super::*;
use crate::platform::sheet::{FileFormat, read_cells, template};

const COLUMNS: [Column; 4] = [
    Column { key: "name", title: "姓名", required: true, kind: Kind::Text },
    Column { key: "id_number", title: "身份证号", required: true, kind: Kind::Identifier },
    Column { key: "rate", title: "标准", required: false, kind: Kind::Amount },
    Column { key: "from", title: "开始日期", required: false, kind: Kind::Date },
];
const PERSON: [&str; 4] = ["张三", "420104195001010012", "293.00", "2017-01-01"];

/// A workbook with the header and whatever `fill` writes.
fn workbook(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (place, column) in (0_u16..).zip(&COLUMNS) {
        sheet.write_string(0, place, column.title).unwrap();
    }
    fill(sheet);
    workbook.save_to_buffer().unwrap()
}

/// A zip with one member of zeros.
fn bomb(length: usize) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)).unwrap();
    writer.write_all(&vec![0; length]).unwrap();
    writer.finish().unwrap().into_inner()
}

/// The code of the refusal and the pointers and codes of its faults.
fn refusal(bytes: &[u8]) -> (&'static str, Vec<(String, &'static str)>) {
    let problem = read(bytes, &COLUMNS).and_then(|table| table.faults.into_result()).unwrap_err();
    assert_eq!(problem.status, 422);
    (problem.code, problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect())
}

fn fault(pointer: &str, code: &'static str) -> (&'static str, Vec<(String, &'static str)>) {
    ("import_refused", vec![(pointer.to_owned(), code)])
}

#[test]
fn a_template_filled_in_is_read_back_in_both_formats_and_is_the_same_each_time() {
    for format in [FileFormat::Csv, FileFormat::Xlsx] {
        let bytes = template(&COLUMNS, &[&PERSON], format).unwrap();
        assert_eq!(bytes, template(&COLUMNS, &[&PERSON], format).unwrap());
        let table = read(&bytes, &COLUMNS).unwrap();
        let row = &table.rows[0];
        assert_eq!((row.number, row.text("name"), row.text("id_number")), (2, "张三", "420104195001010012"));
        assert_eq!((row.amount("rate"), row.date("from")), (Ok(Some(Fen(29_300))), Ok(NaiveDate::from_ymd_opt(2017, 1, 1))));
        assert_eq!(table.header["from"], 3);
    }
}

#[test]
fn csv_in_gb18030_is_read_and_blank_rows_keep_their_numbers() {
    let text = "姓名,身份证号\r\n\r\n 㐂三 ,42010419500101001X\r\n,\r\n\"李\n四\",1\r\n王五,2\r\n";
    let expected = [(3, "㐂三"), (5, "李\n四"), (6, "王五")];
    for bytes in [text.as_bytes().to_vec(), encoding_rs::GB18030.encode(text).0.into_owned()] {
        let table = read(&bytes, &COLUMNS).unwrap();
        assert_eq!(table.rows.iter().map(|row| (row.number, row.text("name"))).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_date_cell_and_a_small_number_are_read_as_they_are_shown() {
    let bytes = workbook(|sheet| {
        sheet.write_string(1, 0, "张三").unwrap();
        sheet.write_string(1, 1, "1").unwrap();
        sheet.write_number(1, 2, 293.1).unwrap();
        sheet.write_datetime_with_format(1, 3, rust_xlsxwriter::ExcelDateTime::from_ymd(2017, 3, 20).unwrap(), &Format::new().set_num_format("yyyy/m/d")).unwrap();
    });
    let table = read(&bytes, &COLUMNS).unwrap();
    assert_eq!((table.rows[0].amount("rate"), table.rows[0].date("from")), (Ok(Some(Fen(29_310))), Ok(NaiveDate::from_ymd_opt(2017, 3, 20))));
}

#[test]
fn a_formula_in_a_name_is_refused_with_its_row_and_column() {
    let bytes = workbook(|sheet| {
        sheet.write_formula(11, 0, Formula::new("=HYPERLINK(\"http://x\")").set_result("张三")).unwrap();
        sheet.write_string(11, 1, "1").unwrap();
    });
    assert_eq!(refusal(&bytes), fault("/rows/12/name", "formula_in_cell"));
    assert_eq!(refusal("姓名,身份证号\n=1+1,2\n".as_bytes()), fault("/rows/2/name", "formula_in_cell"));
    assert_eq!(read_cells("a,b\n1,@SUM(A1)\n".as_bytes(), None).unwrap().1.named(|_, _| None).into_problem().errors[0].pointer, "/rows/2/B");
}

#[test]
fn a_number_that_lost_its_digits_is_refused() {
    let bytes = workbook(|sheet| {
        sheet.write_string(1, 0, "张三").unwrap();
        sheet.write_number(1, 1, 420_104_195_001_010_012.0).unwrap();
    });
    assert_eq!(refusal(&bytes), fault("/rows/2/id_number", "number_lost_digits"));
    assert_eq!(refusal("姓名,身份证号\n张三,4.20104E+17\n".as_bytes()), fault("/rows/2/id_number", "number_lost_digits"));
}

#[test]
fn what_is_no_table_is_refused() {
    for bytes in [&b"\x00\x01\x02"[..], b"PK\x03\x04 no zip", b"\xff\xff\xff", &bomb(10)] {
        assert_eq!(refusal(bytes).0, "unreadable_file");
    }
    assert_eq!(refusal(b"").0, "empty_file");
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused_also_where_it_lies_about_its_size() {
    let honest = bomb(70_000_000);
    assert!(honest.len() < 1_000_000);
    assert_eq!(refusal(&honest).0, "file_too_large_unpacked");
    // The sizes that the local header and the directory declare are made small.
    let mut lying = honest;
    let size = 70_000_000_u32.to_le_bytes();
    let places: Vec<usize> = lying.windows(4).enumerate().filter(|(_, window)| *window == size).map(|(place, _)| place).collect();
    assert_eq!(places.len(), 2);
    for place in places {
        lying[place..place + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    assert!(["file_too_large_unpacked", "unreadable_file"].contains(&refusal(&lying).0));
}

#[test]
fn a_cell_far_away_costs_no_memory_and_is_refused() {
    let far = workbook(|sheet| {
        sheet.write_string(1_048_575, 16_383, "x").unwrap();
    });
    assert_eq!(refusal(&far).0, "too_many_rows");
    let long = format!("姓名,身份证号\n{}", "张三,1\n".repeat(20_000));
    assert_eq!(refusal(long.as_bytes()).0, "too_many_rows");
    let wide = vec!["x"; 61].join(",");
    assert_eq!(refusal(wide.as_bytes()).0, "too_many_rows");
}

#[test]
fn all_faults_are_told_at_once_by_row_and_column() {
    let text = "姓名*,标准,标准,颜色\n,一百,1,2\n";
    let (code, faults) = refusal(text.as_bytes());
    assert_eq!(code, "import_refused");
    let expected = [("/rows/1/rate", "duplicate_column"), ("/rows/1/D", "unknown_column"), ("/rows/1/id_number", "missing_column"), ("/rows/2/name", "required"), ("/rows/2/rate", "not_an_amount")];
    assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}
