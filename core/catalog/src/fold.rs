//! How names are compared and sorted: one artist however he is spelled in capitals, and "The Beatles" under B.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Leading words that do not count when artists and albums are sorted, in the order and spelling that Subsonic shows.
pub const ARTICLES: &str = "The El La Los Las Le Les";

/// Letters of the Latin alphabet that no mark makes of others, as Unicode has them, each with what people type who have no
/// such key. `letters!([name] first)` is `name!(first letter plain letter plain …)`, so that statements have the same table.
macro_rules! letters {
    ([$($then:tt)*] $($first:tt)*) => {
        $($then)*! {
            $($first)*
            'ß' "ss" 'ẞ' "SS" 'æ' "ae" 'Æ' "AE" 'œ' "oe" 'Œ' "OE" 'ø' "o" 'Ø' "O" 'ł' "l" 'Ł' "L" 'đ' "d" 'Đ' "D"
            'ð' "d" 'Ð' "D" 'þ' "th" 'Þ' "TH" 'ı' "i" 'ħ' "h" 'Ħ' "H" 'ŧ' "t" 'Ŧ' "T" 'ŋ' "n" 'Ŋ' "N"
        }
    };
}
pub(crate) use letters;

macro_rules! pairs {
    ($($from:literal $to:literal)*) => {
        &[$(($from, $to)),*]
    };
}
const LETTERS: &[(char, &str)] = letters!([pairs]);

/// A text with the plain letters for those of [`LETTERS`], as the words to search by have it.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match LETTERS.iter().find(|(letter, _)| !c.is_ascii() && *letter == c) {
            Some((_, letters)) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    plain
}

/// What makes two spellings one name: lower case, runs of white space as one blank, letters and their marks composed.
pub(crate) fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
    }
    if key.is_ascii() { key } else { key.nfc().collect() }
}

/// What a name is sorted by: its key in plain letters without diacritics, a leading article moved behind a comma.
pub(crate) fn sort_name(name: &str) -> String {
    let key = key(name);
    let bare = |key: String| plain(&key.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>());
    let plain = if key.is_ascii() { key } else { bare(key) };
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
        check("Beyonce\u{301}", "beyonc\u{e9}");
        check("BEYONC\u{c9}", "beyonc\u{e9}");
        check("Trentem\u{f8}ller", "trentem\u{f8}ller");
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
        check("Ørsted", "orsted");
        check("Łódź", "lodz");
        check("Ægir", "aegir");
        check("Die Straße", "die strasse");
        check("Ǿ", "o");
    }
}
