//! Reads the fields of a small JSON object, and gathers what is wrong with them, each with its pointer.

use baton_rules::AppId;
use baton_wire::inbound::FieldError;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// An object that is being read.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    wrong: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a Value) -> Result<Self, Problem> {
        let wrong = || FieldError { pointer: String::new(), detail: "the body must be an object".to_owned() };
        let object = body.as_object().ok_or_else(|| Problem::bad_body(vec![wrong()]))?;
        Ok(Self { object, wrong: Vec::new() })
    }

    pub(super) fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = if name.is_empty() { String::new() } else { format!("/{name}") };
        self.wrong.push(FieldError { pointer, detail: detail.into() });
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `most` characters.
    pub(super) fn text(&mut self, name: &str, most: usize) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if text.chars().count() <= most => Some(text),
            Value::String(_) => {
                self.wrong(name, format!("is longer than {most} characters"));
                None
            }
            _ => {
                self.wrong(name, "must be a string");
                None
            }
        }
    }

    /// A text whose length a setting bounds.
    pub(super) fn limited_text(&mut self, name: &str, most: usize, setting: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if text.chars().count() > most => {
                self.wrong(name, format!("is longer than {most} characters ({setting})"));
                None
            }
            _ => self.text(name, usize::MAX),
        }
    }

    /// A text that must be there and say something.
    pub(super) fn required_text(&mut self, name: &str, most: usize) -> Option<&'a str> {
        let given = self.get(name).is_some();
        match self.text(name, most) {
            Some("") => {
                self.wrong(name, "must not be empty");
                None
            }
            None if !given => {
                self.wrong(name, "is required");
                None
            }
            text => text,
        }
    }

    /// One of some words, and what it means.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let given = self.text(name, 64)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, means)| *means);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(name, format!("{given:?} is not one of {}", known.join(", ")));
        }
        found
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let given = self.get(name)?;
        let flag = given.as_bool();
        if flag.is_none() {
            self.wrong(name, "is neither true nor false");
        }
        flag
    }

    /// An app that must be there.
    pub(super) fn app(&mut self, name: &str) -> Option<AppId> {
        if let Some(number @ Value::Number(_)) = self.get(name) {
            self.wrong(name, format!("ids are strings: write \"{number}\""));
            return None;
        }
        match self.required_text(name, 64)?.parse() {
            Ok(app) => Some(app),
            Err(wrong) => {
                self.wrong(name, format!("{wrong}"));
                None
            }
        }
    }

    /// An app, or nobody (null); none where nothing is said.
    pub(super) fn app_or_nobody(&mut self, name: &str) -> Option<Option<AppId>> {
        match self.object.get(name)? {
            Value::Null => Some(None),
            _ => Some(Some(self.app(name)?)),
        }
    }

    /// What was read, if nothing was wrong and nothing else is there.
    pub(super) fn done<T>(mut self, known: &[&str], read: Option<T>) -> Result<T, Problem> {
        for name in self.object.keys().filter(|name| !known.contains(&name.as_str())) {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let detail = format!("unknown field; known here: {}", known.join(", "));
            self.wrong.push(FieldError { pointer, detail });
        }
        match read {
            Some(read) if self.wrong.is_empty() => Ok(read),
            Some(_) | None => Err(Problem::bad_body(self.wrong)),
        }
    }
}
