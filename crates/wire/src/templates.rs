//! The templates of the Send API beside the two that everybody uses: what each must have, and how much of it
//! (wire.md 2.4). What passes is handed on as it was given.

use serde_json::{Map, Value};

use crate::errors::GraphError;
use crate::params::{Params, text_of};
use crate::requests::{buttons, limited, list, object};

type Object = Map<String, Value>;

/// The longest title and subtitle of an element, in characters.
pub(crate) const ELEMENT_TEXT: usize = 80;
/// Templates that the platform retired; they are taken and stored.
const RETIRED: &[&str] = &["list", "open_graph"];

/// Checks a template's payload.
pub(crate) fn check(
    params: &Params,
    name: &str,
    template: &str,
    payload: &mut Object,
) -> Result<(), GraphError> {
    let part = Part { params, name };
    match template {
        "media" => part.media(payload),
        "receipt" => part.receipt(payload),
        "coupon" => part.coupon(payload),
        "product" => part.elements(payload, 1..=10, |element, object| element.needs(object, &["id"])),
        "one_time_notif_req" => {
            part.texts(payload, &[("title", 65)])?;
            part.needs(payload, &["title", "payload"])
        }
        // What goes out by the token, as one library writes it; without elements it asks for one.
        "notification_messages" if payload.contains_key("elements") => part.needs_list(payload, "elements"),
        "notification_messages" => {
            part.texts(payload, &[("title", 65), ("payload", 1000)])?;
            part.needs(payload, &["payload"])
        }
        "customer_information" => part.needs_list(payload, "countries"),
        "image_grid" => part.image_grid(payload),
        "instant_form" => part.needs(payload, &["form_id"]),
        retired if RETIRED.contains(&retired) || retired.starts_with("airline_") => Ok(()),
        other => Err(GraphError::not_built(&format!("The template {other}"))),
    }
}

/// A part of a payload, by the name that errors call it.
struct Part<'a> {
    params: &'a Params,
    name: &'a str,
}

impl Part<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}[{key}]", self.name)
    }

    /// These must be there, as texts that are not empty.
    fn needs(&self, object: &Object, keys: &[&str]) -> Result<(), GraphError> {
        let missing = |key: &&&str| object.get(**key).and_then(text_of).is_none_or(|text| text.is_empty());
        match keys.iter().find(missing) {
            Some(key) => Err(GraphError::required(&self.key(key))),
            None => Ok(()),
        }
    }

    fn needs_list(&self, object: &Object, key: &str) -> Result<(), GraphError> {
        let given = object.get(key).and_then(|value| self.params.array_of(value));
        if given.is_none_or(|list| list.is_empty()) {
            Err(GraphError::required(&self.key(key)))
        } else {
            Ok(())
        }
    }

    /// These must not be longer, where they are there.
    fn texts(&self, object: &Object, keys: &[(&str, usize)]) -> Result<(), GraphError> {
        for (key, most) in keys {
            if let Some(value) = object.get(*key) {
                limited(&self.key(key), value, *most)?;
            }
        }
        Ok(())
    }

    /// `elements`, so many of them, each checked.
    fn elements(
        &self,
        payload: &mut Object,
        count: std::ops::RangeInclusive<usize>,
        check: impl Fn(&Part<'_>, &mut Object) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        let name = self.key("elements");
        let given = payload.get("elements").ok_or_else(|| GraphError::required(&name))?;
        let given = list(self.params, &name, given, *count.end())?;
        if given.len() < *count.start() {
            return Err(GraphError::required(&name));
        }
        let mut elements = Vec::with_capacity(given.len());
        for (index, element) in given.iter().enumerate() {
            let name = format!("{name}[{index}]");
            let mut element = object(self.params, &name, element)?;
            check(&Part { params: self.params, name: &name }, &mut element)?;
            elements.push(Value::Object(element));
        }
        payload.insert("elements".to_owned(), Value::Array(elements));
        Ok(())
    }

    /// `buttons`, where there are some.
    fn buttons(&self, object: &mut Object) -> Result<(), GraphError> {
        if let Some(given) = object.get("buttons") {
            let all = buttons(self.params, self.name, given)?;
            object.insert("buttons".to_owned(), Value::Array(all));
        }
        Ok(())
    }

    fn media(&self, payload: &mut Object) -> Result<(), GraphError> {
        self.elements(payload, 1..=1, |element, object| {
            element.needs(object, &["media_type"])?;
            let kind = object.get("media_type").and_then(text_of).unwrap_or_default().to_ascii_lowercase();
            if kind != "image" && kind != "video" {
                let text = format!("Param {} must be one of {{image, video}}", element.key("media_type"));
                return Err(GraphError::parameter(text));
            }
            if object.contains_key("attachment_id") == object.contains_key("url") {
                let text = format!("Param {} must have either attachment_id or url", element.name);
                return Err(GraphError::parameter(text));
            }
            object.insert("media_type".to_owned(), Value::String(kind));
            element.buttons(object)
        })
    }

    fn receipt(&self, payload: &mut Object) -> Result<(), GraphError> {
        self.needs(payload, &["recipient_name", "order_number", "currency", "payment_method"])?;
        if payload.contains_key("elements") {
            self.elements(payload, 0..=100, |element, object| element.needs(object, &["title", "price"]))?;
        }
        let name = self.key("summary");
        let summary = payload.get("summary").ok_or_else(|| GraphError::required(&name))?;
        let summary = object(self.params, &name, summary)?;
        Part { params: self.params, name: &name }.needs(&summary, &["total_cost"])
    }

    fn coupon(&self, payload: &Object) -> Result<(), GraphError> {
        self.texts(payload, &[("title", ELEMENT_TEXT), ("subtitle", ELEMENT_TEXT)])?;
        self.needs(payload, &["title"])?;
        let code = payload.get("coupon_code").and_then(text_of);
        if code.is_none() && !payload.contains_key("coupon_url") {
            return Err(GraphError::required(&self.key("coupon_code")));
        }
        if code.is_some_and(|code| code.contains(char::is_whitespace)) {
            return Err(GraphError::parameter(format!(
                "Param {} must have no spaces",
                self.key("coupon_code")
            )));
        }
        Ok(())
    }

    fn image_grid(&self, payload: &mut Object) -> Result<(), GraphError> {
        self.elements(payload, 1..=1, |element, object| {
            element.texts(object, &[("title", 45), ("subtitle", ELEMENT_TEXT)])?;
            let name = element.key("images");
            let images = object.get("images").ok_or_else(|| GraphError::required(&name))?;
            let images = list(element.params, &name, images, 6)?;
            if images.len() < 2 {
                return Err(GraphError::parameter(format!("Param {name} must have at least 2 elements")));
            }
            for (index, image) in images.iter().enumerate() {
                let name = format!("{name}[{index}]");
                let image = self::object(element.params, &name, image)?;
                Part { params: element.params, name: &name }.needs(&image, &["url"])?;
            }
            element.buttons(object)
        })
    }
}
