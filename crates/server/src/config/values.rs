//! How a setting's value is read, whether it comes from a file, the environment or a flag; and what is said
//! when it cannot be.

use baton_store::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use baton_store::postgres::Address;
use ipnet::IpNet;
use toml::Value;

use super::Database;

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("a text belongs here, not {value}"))
}

pub(super) fn whole<T: TryFrom<i64>>(
    value: &Value,
    range: std::ops::RangeInclusive<i64>,
) -> Result<T, String> {
    let number = value.as_integer().or_else(|| value.as_str()?.parse().ok());
    let fits = number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| {
        format!("a whole number from {} to {} belongs here, not {value}", range.start(), range.end())
    })
}

pub(super) fn word<T: Copy>(value: &Value, known: &[(T, &str)]) -> Result<T, String> {
    let given = value.as_str().unwrap_or_default();
    let names = || known.iter().map(|(_, name)| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ");
    let found = known.iter().find(|(_, name)| *name == given).map(|(meaning, _)| *meaning);
    found.ok_or_else(|| format!("{} belongs here, not {value}", names()))
}

pub(super) fn address(value: &Value) -> Result<SocketAddr, String> {
    let wrong = || format!("an address and a port belong here, as in \"127.0.0.1:4300\", not {value}");
    let text = text(value)?;
    let of_port = text.strip_prefix(':').map(|port| format!("127.0.0.1:{port}"));
    let text = of_port.as_deref().unwrap_or(text).replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| wrong())
}

pub(super) fn public_url(value: &Value) -> Result<String, String> {
    let text = text(value)?.trim_end_matches('/');
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => Ok(text.to_owned()),
        Ok(_) | Err(_) => {
            Err(format!("an address that starts with http:// or https:// belongs here, not {value}"))
        }
    }
}

/// Where traces go. It may have a password in it, so the value itself is in no message.
pub(super) fn collector(value: &Value) -> Result<String, String> {
    public_url(value).map_err(|_| "an address that starts with http:// or https:// belongs here".to_owned())
}

/// A token that nobody guesses: whoever has it reads everything.
pub(super) fn viewer_token(value: &Value) -> Result<Secret, String> {
    // The value itself is in no message.
    let found =
        value.as_str().filter(|token| token.len() >= 16 && token.bytes().all(|byte| byte.is_ascii_graphic()));
    found.map(Secret::new).ok_or_else(|| "a token of 16 printing characters at least belongs here".to_owned())
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    match text(value)? {
        "" => Err("the path of a file belongs here".to_owned()),
        path => Ok(path.into()),
    }
}

/// Names of hosts: a list, or a text with commas.
pub(super) fn host_names(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("names of hosts belong here, as in [\"baton.test\"], not {value}");
    let texts: Vec<&str> = match value {
        Value::String(text) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    let is_name = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        text.len() <= 253 && text.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
    };
    texts.into_iter().map(|text| is_name(text).then(|| text.to_owned()).ok_or_else(wrong)).collect()
}

pub(super) fn database(value: &Value) -> Result<Database, String> {
    let text = text(value)?;
    if Address::is_meant(text) {
        return match text.parse() {
            Ok(address) => Ok(Database::Postgres(Box::new(address))),
            Err(wrong) => Err(format!("this is no address of a PostgreSQL database: {wrong}")),
        };
    }
    match text.strip_prefix("sqlite://") {
        Some(path) if path.starts_with('/') && !path.ends_with('/') => Ok(Database::Sqlite(path.into())),
        Some(_) | None => {
            // What stands there instead may have a password in it.
            Err("\"sqlite:///path/to/baton.db\", with the whole path, or \"postgres://user@host/database\" belongs here"
                .to_owned())
        }
    }
}

/// What a node is called.
pub(super) fn node(value: &Value) -> Result<String, String> {
    let text = text(value)?.trim();
    if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
        return Err(format!("a name of at most 100 bytes belongs here, as in \"baton-1\", not {value}"));
    }
    Ok(text.to_owned())
}

/// How long a node may be silent: long enough for it to say several times that it is there.
pub(super) fn lease(value: &Value) -> Result<Duration, String> {
    let found = duration(value)?;
    let fits = (Duration::from_secs(2)..=Duration::from_secs(600)).contains(&found);
    fits.then_some(found).ok_or_else(|| format!("a duration from 2s to 10m belongs here, not {value}"))
}

pub(super) fn networks(value: &Value) -> Result<Vec<IpNet>, String> {
    let wrong =
        |given: &dyn std::fmt::Display| format!("networks belong here, as in [\"10.0.0.0/8\"], not {given}");
    let texts: Vec<&str> = match value {
        Value::String(text) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| wrong(value))?
        }
        other => return Err(wrong(other)),
    };
    let one =
        |text: &str| text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    texts.into_iter().map(|text| one(text).map_err(|_| wrong(&text))).collect()
}

pub(super) fn level(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("a level belongs here (error, warn, info, debug, trace), not {value}")),
    }
}

pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let found = value
        .as_str()
        .and_then(milliseconds)
        .filter(|span| *span > 0)
        .and_then(|span| u64::try_from(span).ok());
    found
        .map(Duration::from_millis)
        .ok_or_else(|| format!("a duration belongs here, as in \"5s\", not {value}"))
}

/// How long something is kept, in milliseconds: an hour at least.
pub(super) fn age(value: &Value) -> Result<i64, String> {
    const LEAST: i64 = 3_600_000;
    // A hundred thousand years: every sum with a moment can be held.
    const MOST: i64 = LEAST * 24 * 365 * 100_000;
    let found = value.as_str().and_then(milliseconds).filter(|span| (LEAST..=MOST).contains(span));
    found.ok_or_else(|| format!("a duration of an hour or more belongs here, as in \"30d\", not {value}"))
}

/// Reads a duration (`"24h"`, `"7d"`, `"90s"`, `"1h30m"`) as milliseconds.
pub fn milliseconds(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0_i64);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit())?);
        let (unit, after) =
            after.split_at(after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len()));
        let each = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(each)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}
