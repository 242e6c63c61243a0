//! The books leave the house: vouchers in the codes of the street's official books, as 用友 U8 text, as common XLSX, or as a package in the style of GB/T 24589.2-2010.
//!
//! An export is written once and keeps its bytes; each voucher in it is marked; a second export of a voucher needs a reason.

pub mod entity;
mod file;
mod halves;
mod make;
mod package;
mod read;
mod text;
mod workbook;

pub use make::{NewVoucherExport, make};
pub use read::{exports_of, read_chunk};
