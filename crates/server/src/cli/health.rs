//! `baton health`: whether the server is ready, for containers and scripts that have no other HTTP client.

use serde_json::json;

use super::client::Client;
use super::{Common, Failure, look};

pub(crate) async fn run(common: &Common) -> Result<(), Failure> {
    let said = Client::find(common)?.get_beside("/readyz").await?;
    if common.json {
        look::json(&json!({"status": said["status"]}));
    } else {
        look::line(said["status"].as_str().unwrap_or("ready"));
    }
    Ok(())
}
