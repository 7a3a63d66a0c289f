//! The newest rows of a stream in memory: delivery that keeps up reads nothing from the store.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_rules::AppId;
use baton_store::{JournalRow, Position, Slice};

/// So many of each stream.
const RECENT: usize = 4_096;
/// And no more than this many bytes of them.
const RECENT_BYTES: usize = 4 * 1024 * 1024;

/// The newest rows of a stream, without a gap.
#[derive(Default)]
pub(super) struct Recent {
    rows: VecDeque<Arc<JournalRow>>,
    bytes: usize,
}

impl Recent {
    pub(super) fn add(&mut self, rows: &[Arc<JournalRow>]) {
        // What was written elsewhere before what is known here stays out: memory must have no gap.
        let known = self.rows.back().map(|last| last.position);
        let rows = &rows[rows.partition_point(|row| Some(row.position) <= known)..];
        let Some(first) = rows.first() else { return };
        // A change of settings wrote a row of its own in between, or another node did: it starts anew.
        if known.is_some_and(|known| known.next() != first.position) {
            *self = Self::default();
        }
        self.bytes += rows.iter().map(|row| row.weight()).sum::<usize>();
        self.rows.extend(rows.iter().cloned());
        while self.rows.len() > RECENT || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.rows.pop_front() else { return };
            self.bytes -= oldest.weight();
        }
    }

    /// Those for an app after a position; none where they are not all here.
    pub(super) fn slice(&self, app: AppId, after: Position, limit: usize) -> Option<Slice> {
        let first = self.rows.front().filter(|row| row.position <= after.next())?.position;
        let skip = usize::try_from(after.next().0 - first.0).ok()?;
        let looked = self.rows.iter().skip(skip).take(limit);
        let scanned = looked.clone().next_back()?.position;
        let rows = looked.filter(|row| row.notices.iter().any(|notice| notice.app == app)).cloned().collect();
        Some(Slice { rows, scanned })
    }

    pub(super) fn forget(&mut self, up_to: Position) {
        while let Some(oldest) = self.rows.pop_front_if(|oldest| oldest.position <= up_to) {
            self.bytes -= oldest.weight();
        }
    }
}
