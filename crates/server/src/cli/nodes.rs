//! `baton nodes`: who uses the database, and which streams each delivers.

use serde_json::Value;

use super::client::Client;
use super::{Common, Failure, look};

pub(crate) async fn run(common: &Common) -> Result<(), Failure> {
    let answer = Client::find(common)?.get("/nodes").await?;
    if common.json {
        look::json(&answer);
        return Ok(());
    }
    let nodes: &[Value] = answer["nodes"].as_array().map_or(&[], Vec::as_slice);
    let text = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let width = nodes.iter().map(|node| text(node, "name").chars().count()).max().unwrap_or(0);
    for node in nodes {
        let name = look::column(look::STRONG, &text(node, "name"), width);
        let mark = if node["this"] == true { " (this one)" } else { "" };
        let stands = if node["there"] == true {
            let waiting = node["waiting"].as_u64().unwrap_or_default();
            let since = node["oldest_waiting"].as_str().map(|at| format!(", the oldest since {at}"));
            let waits = format!("{waiting} waiting{}", since.unwrap_or_default());
            format!("{}  {waits}", delivers(&node["streams"]))
        } else {
            look::styled(look::BAD, "gone")
        };
        let version = text(node, "version");
        look::line(format!("{name}  {stands}  {}", look::styled(look::DIM, format!("{version}{mark}"))));
    }
    let undelivered: &[Value] = answer["undelivered"].as_array().map_or(&[], Vec::as_slice);
    if !undelivered.is_empty() {
        let which = ranges(undelivered.iter().filter_map(Value::as_u64));
        look::line(format!("{}  {which}", look::styled(look::WARNING, "nobody delivers")));
    }
    Ok(())
}

fn delivers(streams: &Value) -> String {
    let streams: Vec<u64> = streams.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    match streams.len() {
        0 => "delivers no stream".to_owned(),
        1 => format!("delivers stream {}", ranges(streams)),
        many => format!("delivers {many} streams: {}", ranges(streams)),
    }
}

/// Numbers that only grow, as `0-3, 7`.
fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            Some(_) | None => ranges.push((number, number)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| match first {
        _ if first == last => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges([0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
        assert_eq!(ranges([]), "");
    }
}
