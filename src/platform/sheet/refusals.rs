//! What may be wrong with a table.

use std::collections::BTreeSet;

use super::cell::letters;
use super::{MOST_COLUMNS, MOST_ROWS};
use crate::kernel::problem::{Problem, Words};

/// What is wrong with one cell or row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The row's number as a spreadsheet shows it, from 1.
    pub row: u32,
    /// The column's key (or its letter where the table has no such column); empty for the whole row.
    pub column: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub words: Words,
}

impl RowFault {
    /// A fault of one cell.
    pub fn new(row: u32, column: impl Into<String>, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { row, column: column.into(), code, words: Words::new(zh, en) }
    }

    /// Where: `/rows/12/id_number` (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        let column = self.column.replace('~', "~0").replace('/', "~1");
        if column.is_empty() { format!("/rows/{}", self.row) } else { format!("/rows/{}/{column}", self.row) }
    }

    /// 422 `import_refused` with this fault alone.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        import_refused(vec![self])
    }
}

/// Collects the faults of a table, so that they are told all at once: those of its reading, and those of the rules of whoever reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFaults {
    found: Vec<RowFault>,
    /// Cells (row and column) and columns (row 0) that could not be read: no rule has anything to say of what they hold.
    unread: BTreeSet<(u32, String)>,
}

impl RowFaults {
    /// No fault yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fault, unless its cell could not be read, which is told already.
    pub fn add(&mut self, fault: RowFault) {
        if !self.is_unread(fault.row, &fault.column) {
            self.found.push(fault);
        }
    }

    /// Adds the fault of a cell that could not be read.
    pub(super) fn unread(&mut self, fault: RowFault) {
        let cell = (fault.row, fault.column.clone());
        self.add(fault);
        self.unread.insert(cell);
    }

    /// Says that a whole column could not be read: its fault stands at the header.
    pub(super) fn unread_column(&mut self, column: &str) {
        self.unread.insert((0, column.to_owned()));
    }

    /// Whether a cell could not be read, which is told already.
    #[must_use]
    pub fn is_unread(&self, row: u32, column: &str) -> bool {
        !self.unread.is_empty() && [row, 0].into_iter().any(|row| self.unread.contains(&(row, column.to_owned())))
    }

    /// Keeps the value of a cell, or its fault.
    pub fn keep<T>(&mut self, result: Result<T, RowFault>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The faults found.
    #[must_use]
    pub fn into_vec(self) -> Vec<RowFault> {
        self.found
    }

    /// Ok where nothing was found.
    ///
    /// # Errors
    /// 422 `import_refused` with all faults.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.found.is_empty() { Ok(()) } else { Err(self.into_problem()) }
    }

    /// 422 `import_refused` with all faults, in the order of rows.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        import_refused(self.found)
    }
}

fn import_refused(mut faults: Vec<RowFault>) -> Problem {
    faults.sort_by_key(|fault| fault.row);
    let count = faults.len();
    let problem = Problem::new(422, "import_refused", "文件中有错误，未导入", "The file has faults; nothing was imported").detail(
        format!("共 {count} 处错误，已按行列列出。请全部更正后重新上传；本次未作任何更改。"),
        format!("{count} faults, listed by row and column. Correct them all and upload the file again; nothing was changed."),
    );
    faults.into_iter().fold(problem, |problem, fault| problem.field(&fault.pointer(), fault.code, fault.words.zh, fault.words.en))
}

/// 422: the bytes are neither a workbook nor text.
pub(super) fn unreadable_file(cause: &str) -> Problem {
    let mut problem = Problem::new(422, "unreadable_file", "无法读取文件", "The file cannot be read").detail(
        "文件不是可读的 XLSX，也不是 UTF-8 或 GB18030 编码的 CSV。请用表格软件另存为 XLSX 后再上传。",
        "The file is neither a readable XLSX nor a CSV in UTF-8 or GB18030. Save it as XLSX and upload it again.",
    );
    problem.cause = Some(cause.to_owned());
    problem
}

/// 422: the workbook unpacks to more than is taken.
pub(super) fn file_too_large_unpacked() -> Problem {
    Problem::new(422, "file_too_large_unpacked", "文件解压后过大", "The file unpacks to too much").detail(
        "文件解压后超过 64 MiB，未读取。表格请只保留要导入的一张表，其他文件请重新获取原件。",
        "The file unpacks to more than 64 MiB and was not read. Of a workbook keep only the sheet that is to be imported; of another file get the original again.",
    )
}

/// 422: more rows or columns than are taken.
pub(super) fn too_many_rows() -> Problem {
    Problem::new(422, "too_many_rows", "行数或列数过多", "Too many rows or columns")
        .detail(format!("一张表最多 {MOST_ROWS} 行、{MOST_COLUMNS} 列。请拆分后分次导入。"), format!("A table has at most {MOST_ROWS} rows and {MOST_COLUMNS} columns. Split it and import the parts."))
}

/// 422: there is no row.
pub(super) fn empty_file() -> Problem {
    Problem::new(422, "empty_file", "文件中没有数据", "The file is empty").detail("请按模板填写后再上传。", "Fill in the template and upload it again.")
}

/// A cell holds a formula.
pub(super) fn formula_in_cell(row: u32, column: String) -> RowFault {
    RowFault::new(row, column, "formula_in_cell", "单元格含公式，请改为值（选择性粘贴为数值）", "The cell holds a formula; paste it as a value")
}

/// A cell shows an error of the spreadsheet such as #N/A.
pub(super) fn error_in_cell(row: u32, column: String) -> RowFault {
    RowFault::new(row, column, "error_in_cell", "单元格为错误值（如 #N/A），请更正", "The cell shows an error such as #N/A; correct it")
}

/// A number of more than 15 digits: a spreadsheet keeps 15.
pub(super) fn number_lost_digits(row: u32, column: String) -> RowFault {
    RowFault::new(
        row,
        column,
        "number_lost_digits",
        "号码被存成了数字，第 15 位之后已丢失。请把该列设为文本格式后重新输入",
        "The number was kept as a number and lost its digits after the 15th; set the column to text and type it again",
    )
}

/// A cell that is to hold a day.
#[must_use]
pub fn not_a_date(row: u32, column: &str) -> RowFault {
    RowFault::new(row, column, "not_a_date", "不是日期，请写作 2017-03-20", "Not a date; write it as 2017-03-20")
}

/// A cell that is to hold an amount.
#[must_use]
pub fn not_an_amount(row: u32, column: &str) -> RowFault {
    RowFault::new(row, column, "not_an_amount", "不是金额，请写作 1234.50", "Not an amount; write it as 1234.50")
}

/// A title that no column has. It is told by its place: where the header is missing, what stands there is somebody's data.
pub(super) fn unknown_column(row: u32, place: usize) -> RowFault {
    let column = letters(place);
    RowFault::new(row, column.clone(), "unknown_column", format!("{column} 列的列名不在模板中，请用模板"), format!("The template has no column with the title in {column}; use the template"))
}
