//! The judges judged: histories, journals and webhooks that are known to be wrong are refused, and what differs from
//! them by that one mistake is not.

mod facts;
mod histories;
