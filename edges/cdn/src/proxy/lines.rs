//! Fields as the tests of this folder write them.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut fields = HeaderMap::new();
    lines.iter().map(line).for_each(|(name, value)| _ = fields.append(name, value));
    fields
}
