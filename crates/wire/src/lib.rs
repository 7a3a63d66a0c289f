//! The platform's JSON: shapes and bytes. No IO, no decisions, no clock.

mod attachments;
pub mod batch;
pub mod envelope;
pub mod errors;
pub mod fields;
pub mod file_address;
pub mod inbound;
mod lenient;
pub mod message_id;
pub mod params;
pub mod profile;
pub mod requests;
mod shape;
pub mod signature;
mod templates;
pub mod thread_settings;
pub mod webhook;

pub use errors::GraphError;
pub use lenient::depth_of;
pub use message_id::MessageId;
