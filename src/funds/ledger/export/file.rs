//! The file of an export: written piece by piece into the database, so that a big year needs no more memory than a small one.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::ActiveValue::Set;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::entity::voucher_export_chunk;
use super::halves::OfficialLine;
use crate::funds::ledger::voucher;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// Bytes of a piece.
const CHUNK: usize = 256 * 1024;

/// A voucher, ready to be written.
pub(super) struct Printed<'a> {
    pub(super) voucher: &'a voucher::Model,
    pub(super) lines: &'a [OfficialLine],
    /// 制单人, as the print view shows it.
    pub(super) prepared_by: &'a str,
    /// 审核人.
    pub(super) reviewed_by: &'a str,
}

/// A format: it takes vouchers one after the other.
pub(super) trait Format {
    /// Writes a voucher.
    fn add(&mut self, printed: &Printed<'_>) -> Result<(), Problem>;
    /// Writes what comes after the last one.
    fn finish(self: Box<Self>) -> Result<(), Problem>;
}

/// What was written and not yet kept. Its clones are the same buffer: a format writes, the export takes.
#[derive(Clone, Default)]
pub(super) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// Takes what is there.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The pieces of one export's file.
pub(super) struct Pieces<'a> {
    tx: &'a Tx,
    /// District, street, export.
    ids: (Uuid, Uuid, Uuid),
    number: i32,
    size: usize,
    digest: Sha256,
    pending: Vec<u8>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(tx: &'a Tx, ids: (Uuid, Uuid, Uuid)) -> Self {
        Self { tx, ids, number: 0, size: 0, digest: Sha256::new(), pending: Vec::new() }
    }

    /// Adds bytes; whole pieces are kept at once.
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.digest.update(bytes);
        self.size = self.size.saturating_add(bytes.len());
        self.pending.extend_from_slice(bytes);
        while self.pending.len() >= CHUNK {
            let rest = self.pending.split_off(CHUNK);
            let piece = std::mem::replace(&mut self.pending, rest);
            self.keep(piece).await?;
        }
        Ok(())
    }

    /// Keeps the last piece; gives SHA-256 and size.
    pub(super) async fn finish(mut self) -> Result<(String, i64), Problem> {
        let last = std::mem::take(&mut self.pending);
        if !last.is_empty() {
            self.keep(last).await?;
        }
        Ok((hex::encode(self.digest.finalize()), i64::try_from(self.size).map_err(Problem::internal)?))
    }

    async fn keep(&mut self, content: Vec<u8>) -> Result<(), Problem> {
        self.number = self.number.saturating_add(1);
        let (district, street, export) = self.ids;
        let row = voucher_export_chunk::ActiveModel { id: Set(new_id()), district_id: Set(district), street_id: Set(street), export_id: Set(export), number: Set(self.number), content: Set(content) };
        self.tx.insert::<voucher_export_chunk::Entity, _>(row).await?;
        Ok(())
    }
}
