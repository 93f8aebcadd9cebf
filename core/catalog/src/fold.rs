//! How names are compared and sorted: one artist however he is spelled in capitals, and "The Beatles" under B.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Leading words that do not count when artists and albums are sorted, in the order and spelling that Subsonic shows.
pub const ARTICLES: &str = "The El La Los Las Le Les";

/// What makes two spellings one name: lower case, runs of white space as one blank.
pub(crate) fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
    }
    key
}

/// What a name is sorted by: its key without diacritics, a leading article moved behind a comma.
pub(crate) fn sort_name(name: &str) -> String {
    let plain: String = key(name).nfkd().filter(|c| !is_combining_mark(*c)).collect();
    let article = ARTICLES.split(' ').find_map(|article| {
        let rest = plain.strip_prefix(article.to_ascii_lowercase().as_str())?.strip_prefix(' ')?;
        Some(format!("{rest}, {}", article.to_ascii_lowercase()))
    });
    article.unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_more_than_capitals_and_blanks() {
        let check = |name: &str, expected: &str| assert_eq!(key(name), expected, "{name:?}");
        check("ABBA", "abba");
        check("  Sigur \t Rós ", "sigur rós");
        check("ÉDITH PIAF", "édith piaf");
        check("Motörhead", "motörhead");
        check("", "");
    }

    #[test]
    fn articles_and_diacritics_do_not_count_when_names_are_sorted() {
        let check = |name: &str, expected: &str| assert_eq!(sort_name(name), expected, "{name:?}");
        check("The Beatles", "beatles, the");
        check("Édith Piaf", "edith piaf");
        check("Les Négresses Vertes", "negresses vertes, les");
        check("Theory", "theory");
        check("The", "the");
        check("The The", "the, the");
        check("Beyonce\u{301}", "beyonce");
    }
}
