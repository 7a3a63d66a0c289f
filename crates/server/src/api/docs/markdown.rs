//! As much of Markdown as the description's own texts use: paragraphs, lists, headings, and in them code, links and
//! what is strong.

use super::escaped;

/// A text as HTML.
pub(super) fn html(text: &str) -> String {
    let mut html = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(heading) = block.strip_prefix("### ") {
            html.push_str(&format!("<h3>{}</h3>\n", spans(heading)));
        } else if block.lines().all(|line| line.starts_with("- ")) {
            let items =
                block.lines().map(|line| format!("<li>{}</li>", spans(line.trim_start_matches("- "))));
            html.push_str(&format!("<ul>{}</ul>\n", items.collect::<String>()));
        } else {
            html.push_str(&format!("<p>{}</p>\n", spans(block)));
        }
    }
    html
}

/// A line as HTML.
fn spans(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[', '*']) {
        let (before, from) = rest.split_at(at);
        html.push_str(&escaped(before));
        match span(from) {
            Some((made, after)) => {
                html.push_str(&made);
                rest = after;
            }
            None => {
                let mut letters = from.chars();
                html.push_str(&escaped(letters.next().map(String::from).unwrap_or_default().as_str()));
                rest = letters.as_str();
            }
        }
    }
    html.push_str(&escaped(rest));
    html
}

/// What begins here, if something does, and what is left after it.
fn span(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('`') {
        let (code, after) = rest.split_once('`')?;
        return Some((format!("<code>{}</code>", escaped(code)), after));
    }
    if let Some(rest) = text.strip_prefix("**") {
        let (strong, after) = rest.split_once("**")?;
        return Some((format!("<strong>{}</strong>", escaped(strong)), after));
    }
    let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (address, after) = rest.split_once(')')?;
    Some((format!("<a href=\"{}\">{}</a>", escaped(address), spans(words)), after))
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn what_is_written_is_shown() {
        assert_eq!(html("a `<b>` **c**\nd"), "<p>a <code>&lt;b&gt;</code> <strong>c</strong>\nd</p>\n");
        assert_eq!(
            html("### T\n\n- [`x`](/y): z\n- w"),
            "<h3>T</h3>\n<ul><li><a href=\"/y\"><code>x</code></a>: z</li><li>w</li></ul>\n"
        );
        assert_eq!(html("2 * 3 [a] `b"), "<p>2 * 3 [a] `b</p>\n");
    }
}
