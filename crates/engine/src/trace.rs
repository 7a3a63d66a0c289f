//! What the traces of OpenTelemetry are called: one for what a chain was told at one moment, from the decision to each
//! app's answer. The name follows from what the journal holds, so that a webhook which is sent after a restart, or by
//! another node, is a part of the same trace, and nothing is kept for it.

use baton_rules::Timestamp;
use baton_store::Chain;
use sha2::{Digest, Sha256};

/// A trace, and the span at its root: the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace's id.
    pub id: u128,
    /// The id of the decision's span.
    pub root: u64,
}

impl Trace {
    /// Of what was decided of a chain at a moment. The key keeps whoever sees a trace from finding out by trial
    /// whose it is.
    pub(crate) fn of(key: &[u8; 32], chain: &Chain, at: Timestamp) -> Self {
        let mut hash = Sha256::new_with_prefix(key);
        hash.update(b"trace");
        hash.update(chain.page().to_string());
        hash.update([b'/']);
        hash.update(chain.surface().name());
        if let Some(thread) = chain.thread() {
            hash.update([b'/']);
            hash.update(thread.person.as_str());
        }
        hash.update([b'@']);
        hash.update(at.0.to_be_bytes());
        let hash = hash.finalize();
        let number = |bytes: &[u8]| bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        // All zeros are no id.
        let id = number(&hash[..16]).max(1);
        let root = u64::try_from(number(&hash[16..24])).unwrap_or_default().max(1);
        Self { id, root }
    }

    /// The value of `traceparent` (W3C Trace Context): what whoever is told joins the trace by.
    pub(crate) fn parent(&self) -> String {
        format!("00-{:032x}-{:016x}-01", self.id, self.root)
    }
}
