//! Pages for people: what keeps text from being markup.

/// Text between tags or in quotes of HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(escaped("<b>\"R&B\"</b> it's"), "&lt;b&gt;&quot;R&amp;B&quot;&lt;/b&gt; it&#39;s");
        assert_eq!(escaped("Пруд"), "Пруд");
    }
}
