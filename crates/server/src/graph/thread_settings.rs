//! `/{page}/thread_settings`: the profile as it was set before there was `messenger_profile`, for libraries that still
//! do. What it sets is what `messenger_profile` shows, and the same rules say who may.

use baton_wire::params::Params;
use baton_wire::thread_settings::{self, Change};
use serde_json::{Value, json};

use super::{Answer, Wrong, kept, messenger_profile};
use crate::caller::Caller;

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = messenger_profile::surface(caller, params)?;
    let (property, change) = thread_settings::set(params)?;
    let turn = kept::turn(caller).await;
    let listed = async || -> Result<Vec<String>, Wrong> {
        let known = kept::read(caller, &messenger_profile::key(caller, surface, property)).await?;
        Ok(known.and_then(|known| serde_json::from_value(known).ok()).unwrap_or_default())
    };
    let value = match change {
        Change::Set(value) => value,
        Change::Add(more) => {
            let mut all = listed().await?;
            all.extend(more);
            let mut seen = std::collections::HashSet::new();
            all.retain(|one| seen.insert(one.clone()));
            json!(all)
        }
        Change::Remove(gone) => {
            let mut all = listed().await?;
            all.retain(|one| !gone.contains(one));
            json!(all)
        }
    };
    if value == Value::Array(Vec::new()) {
        return messenger_profile::forget(caller, surface, vec![property], &turn).await;
    }
    messenger_profile::keep(caller, surface, vec![(property, value)], &turn).await
}

pub(super) async fn delete(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = messenger_profile::surface(caller, params)?;
    let property = thread_settings::property(params)?;
    messenger_profile::forget(caller, surface, vec![property], &kept::turn(caller).await).await
}
