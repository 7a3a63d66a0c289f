//! What must hold after a step, as a file says it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What must hold after a step.
#[derive(Debug, Default)]
pub(super) struct Expect {
    pub(super) rule: Option<String>,
    pub(super) via: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) until: Option<Until>,
    pub(super) folder: Option<String>,
    pub(super) waiting: Option<Vec<String>>,
    pub(super) heard: Option<BTreeMap<String, Vec<String>>>,
    pub(super) refused: Option<Refused>,
}

/// When control lapses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It does not.
    NoEnd,
    /// So many milliseconds after the step.
    After(i64, String),
    /// Then, in milliseconds since 1970.
    At(i64, String),
}

impl Until {
    pub(super) fn of(text: String) -> Result<Self, String> {
        if text == "no end" {
            return Ok(Self::NoEnd);
        }
        if let Ok(after) = crate::api::time::duration(&text) {
            return Ok(Self::After(after, text));
        }
        match crate::api::time::moment(&text) {
            Ok(at) => Ok(Self::At(at.0, text)),
            Err(_) => Err(format!(
                "{text:?} is no duration (\"24h\", from this step on), no time (\"2026-01-02T09:00:00Z\") and not \
                 \"no end\""
            )),
        }
    }
}

/// A refusal that is expected: by its rule, or by more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) rule: Option<String>,
    pub(super) code: Option<u32>,
    pub(super) subcode: Option<u32>,
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "the rule as text, or a table of `rule`, `code` and `subcode`")]
        enum Form {
            Rule(String),
            Table(Table),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            rule: Option<String>,
            code: Option<u32>,
            subcode: Option<u32>,
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Rule(rule) => Self { rule: Some(rule), ..Self::default() },
            Form::Table(Table { rule, code, subcode }) => Self { rule, code, subcode },
        })
    }
}
