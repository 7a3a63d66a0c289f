//! How much of an app's backlog is in memory: so many events and so many bytes, whatever the number of its streams.
//! Half of both is there for every lane in turn, and of the rest each has a part of its own: what fills one lane, or
//! parked conversations that catch up, stops no other.

use super::{Lanes, PIECE};

/// What lanes may hold together of something, events or bytes.
#[derive(Clone, Copy)]
struct Share {
    /// What each lane may hold, whatever the others do.
    own: u64,
    /// What there is beyond that, for all of them.
    common: u64,
    /// As much as is worth a read.
    piece: u64,
}

impl Share {
    fn of(most: u64, lanes: usize, piece: u64) -> Self {
        let lanes = (lanes as u64).max(1);
        let own = (most / 2 / lanes).max(1);
        Self { own, common: most.saturating_sub(own * lanes), piece: piece.max(1) }
    }

    /// What is left for a lane that holds so much, where so much of the common part is free.
    const fn left(&self, held: u64, free: u64) -> u64 {
        self.own.saturating_sub(held) + free
    }

    /// The same where it is worth a read, else nothing: it is not read again for each event that is served.
    const fn worth(&self, held: u64, free: u64) -> u64 {
        let left = self.left(held, free);
        if left >= self.piece || held <= self.own / 2 { left } else { 0 }
    }
}

/// Something held, or free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Amount {
    pub(super) const fn add(&mut self, bytes: u64) {
        self.rows += 1;
        self.bytes += bytes;
    }

    pub(super) const fn remove(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether one more of so many bytes fits.
    pub(super) const fn fits(&self, bytes: u64) -> bool {
        self.rows > 0 && self.bytes >= bytes
    }
}

impl Lanes {
    fn shares(&self) -> (Share, Share) {
        let Self { bounds, lanes, .. } = self;
        let rows = Share::of(bounds.read_ahead, lanes.len(), self.piece());
        (rows, Share::of(bounds.bytes, lanes.len(), bounds.bytes / 16))
    }

    fn piece(&self) -> u64 {
        (self.bounds.read_ahead / 4).clamp(1, PIECE)
    }

    /// What is free of the part that is common to all lanes. Parked conversations have no other.
    pub(super) fn free(&self) -> Amount {
        let (rows, bytes) = self.shares();
        let mut taken = self.walking;
        for lane in &self.lanes {
            taken.rows += lane.held.rows.saturating_sub(rows.own);
            taken.bytes += lane.held.bytes.saturating_sub(bytes.own);
        }
        Amount {
            rows: rows.common.saturating_sub(taken.rows),
            bytes: bytes.common.saturating_sub(taken.bytes),
        }
    }

    /// What a lane may take into memory now.
    pub(super) fn left(&self, at: usize) -> Amount {
        let ((rows, bytes), free, held) = (self.shares(), self.free(), self.lanes[at].held);
        Amount { rows: rows.left(held.rows, free.rows), bytes: bytes.left(held.bytes, free.bytes) }
    }

    /// How many rows a lane may read now, where so much is free; none where it would be few.
    pub(super) fn room(&self, at: usize, free: Amount) -> u64 {
        let lane = &self.lanes[at];
        let ahead = self.bounds.read_ahead.saturating_sub(lane.read_to.0 - lane.served.0);
        if ahead < self.piece() {
            return 0;
        }
        let (rows, bytes) = self.shares();
        let left = bytes.worth(lane.held.bytes, free.bytes);
        if left == 0 {
            return 0;
        }
        ahead.min(rows.worth(lane.held.rows, free.rows)).min((left / self.typical).max(1))
    }
}
