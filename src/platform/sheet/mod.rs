//! Reading tables that people upload (XLSX, or CSV in UTF-8 or GB18030), and the templates they fill in.
//!
//! [`read`] gives rows of trimmed text under the keys of the columns asked for, each with the row's number as a spreadsheet shows it, and every fault of the
//! reading by row and column, so that whoever takes the rows refuses those and its own together. A file is hostile until read: what it unpacks to is counted before a reader of workbooks sees it, and formulas are refused.

mod cell;
mod grid;
mod refusals;
mod table;
mod template;
mod xlsx;

pub use cell::{amount, date};
pub use grid::{CellFaults, Grid, GridRow, read_cells};
pub use refusals::{RowFault, RowFaults, not_a_date, not_an_amount};
pub use table::{Column, Kind, Row, Table, read};
pub use template::{FileFormat, template};
pub use xlsx::measure as measure_archive;

/// What a workbook may unpack to: 64 MiB.
pub const MOST_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;
/// Rows of a table, its header among them.
pub const MOST_ROWS: u32 = 20_000;
/// Columns of a table.
pub const MOST_COLUMNS: u32 = 60;
