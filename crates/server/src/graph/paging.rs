//! Lists in pages (wire.md 1.5): so many at once, cursors, and the addresses of the pages beside, which clients follow as
//! they are.

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Value, json};

use crate::caller::Caller;

/// Items of an answer when nobody says how many, and at most.
const USUAL: usize = 25;
const MOST: usize = 100;
/// Parameters that the address of another page does not repeat.
const NOT_REPEATED: &[&str] =
    &["access_token", "appsecret_proof", "appsecret_time", "limit", "after", "before", "method", "batch"];

/// Which page is wanted.
pub(super) struct Wanted {
    pub(super) limit: usize,
    /// What stands after this, or before that, or the first.
    pub(super) place: Place,
}

/// Where a page stands in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    After(String),
    Before(String),
}

impl Wanted {
    pub(super) fn of(params: &Params) -> Result<Self, GraphError> {
        let limit = params.get("limit").map(|_| params.integer("limit"));
        Self::said(limit, params.text("after"), params.text("before"))
    }

    /// The same, as somebody said it elsewhere: a number of items, and cursors.
    pub(super) fn said(
        limit: Option<Option<i64>>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Self, GraphError> {
        let limit = match limit {
            None => USUAL,
            Some(Some(limit)) if limit > 0 => usize::try_from(limit).unwrap_or(MOST).min(MOST),
            Some(_) => return Err(GraphError::parameter("Param limit must be a positive number")),
        };
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let place = match (some(after), some(before)) {
            (None, None) => Place::First,
            (Some(after), None) => Place::After(after),
            (None, Some(before)) => Place::Before(before),
            (Some(_), Some(_)) => {
                return Err(GraphError::parameter("Cannot specify both a before cursor and an after cursor"));
            }
        };
        Ok(Self { limit, place })
    }
}

/// A page as it was found: its items, in the order of the list, and whether there are more on either side.
pub(super) struct Found<T> {
    pub(super) items: Vec<T>,
    next: bool,
    previous: bool,
}

impl<T> Found<T> {
    /// What stands at a place, where one item more than wanted was looked for in the list's direction.
    pub(super) fn forwards(mut items: Vec<T>, wanted: &Wanted) -> Self {
        let next = items.len() > wanted.limit;
        items.truncate(wanted.limit);
        Self { items, next, previous: wanted.place != Place::First }
    }

    /// What stands before a cursor.
    pub(super) fn backwards(before: Before<T>) -> Self {
        let previous = before.items.len() > before.limit;
        let items = before.items.into_iter().skip(usize::from(previous)).collect();
        Self { items, next: true, previous }
    }
}

/// The last so many items before a cursor, of a list that can only be read forwards.
pub(super) struct Before<T> {
    limit: usize,
    items: std::collections::VecDeque<T>,
}

impl<T> Before<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, items: std::collections::VecDeque::new() }
    }

    pub(super) fn push(&mut self, item: T) {
        self.items.push_back(item);
        if self.items.len() > self.limit + 1 {
            self.items.pop_front();
        }
    }
}

/// A list as an edge of a node answers it.
pub(super) struct Shown<'a> {
    pub(super) caller: &'a Caller,
    /// What the addresses of other pages repeat.
    pub(super) params: &'a Params,
    pub(super) node: &'a str,
    pub(super) edge: &'a str,
    pub(super) limit: usize,
}

impl Shown<'_> {
    /// `data` is what becomes of the items that were found, and `cursor` the place of one.
    pub(super) fn list<T>(&self, found: &Found<T>, data: &[Value], cursor: impl Fn(&T) -> String) -> Value {
        let mut body = json!({"data": data});
        // An empty page has no `paging`: some clients ask on and on where there is one (clients.md 15).
        if let Some((first, last)) = found.items.first().zip(found.items.last()) {
            let (before, after) = (cursor(first), cursor(last));
            let mut paging = json!({"cursors": {"before": before, "after": after}});
            if found.next {
                paging["next"] = json!(self.address("after", &after));
            }
            if found.previous {
                paging["previous"] = json!(self.address("before", &before));
            }
            body["paging"] = paging;
        }
        body
    }

    /// The address of the page beside a cursor: with the token in it, as the platform has it.
    fn address(&self, side: &str, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("access_token", self.caller.token_text());
        for (name, value) in self.params.as_object() {
            if !NOT_REPEATED.contains(&name.as_str()) && !value.is_null() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.append_pair(name, &text);
            }
        }
        query.append_pair("limit", &self.limit.to_string()).append_pair(side, cursor);
        let (base, version) = (&self.caller.shared().public_url, super::VERSION);
        format!("{base}/{version}/{}/{}?{}", self.node, self.edge, query.finish())
    }
}
