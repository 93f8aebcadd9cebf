//! The signature of requests to S3, version 4, in a field of the head.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::target::Target;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const BODY: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
// format: the name of the method in the field
const METHOD: &str = "AWS4-HMAC-SHA256";
// format: the SHA-256 of no bytes
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// All but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is signed with.
pub(super) struct Keys {
    pub(super) region: String,
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<HeaderValue>,
}

/// Signs a request without a body, with all fields that it has; those which are added later are not signed.
pub(super) fn sign(keys: &Keys, method: &str, target: &Target, fields: &mut HeaderMap, now: Timestamp) {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &time[..8];
    let mut set = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            fields.insert(name, value);
        }
    };
    set(DATE, &time);
    set(BODY, NOTHING);
    if let Some(token) = &keys.token {
        fields.insert(TOKEN, token.clone());
    }
    let mut signed: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
        .collect();
    signed.push(("host", target.site.host_field()));
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let (path, query) = target.path.split_once('?').unwrap_or((&target.path, ""));
    let mut request = format!("{method}\n{}\n{}\n", canonical_path(path), canonical_query(query));
    for (name, value) in &signed {
        // Writing to a String cannot fail.
        let _ = writeln!(request, "{name}:{value}");
    }
    let _ = write!(request, "\n{names}\n{NOTHING}");
    let scope = format!("{day}/{}/s3/aws4_request", keys.region);
    let text = format!("{METHOD}\n{time}\n{scope}\n{}", hexadecimal(&Sha256::digest(request.as_bytes())));
    let steps = [day, &keys.region, "s3", "aws4_request", &text];
    let first = format!("AWS4{}", keys.secret).into_bytes();
    let signature = steps.iter().fold(first, |key, step| keyed(&key, step.as_bytes()));
    let signature = hexadecimal(&signature);
    let field =
        format!("{METHOD} Credential={}/{scope},SignedHeaders={names},Signature={signature}", keys.id);
    if let Ok(mut value) = HeaderValue::from_str(&field) {
        value.set_sensitive(true);
        fields.insert(AUTHORIZATION, value);
    }
}

/// S3 encodes each byte once and leaves the slashes.
fn canonical_path(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(again).collect();
    parts.join("/")
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (again(name), again(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Whatever is encoded, encoded as the signature wants it.
fn again(text: &str) -> String {
    utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), ENCODED).to_string()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use http::header::RANGE;

    use super::*;

    /// The examples of Amazon's own description of the signature.
    #[test]
    fn the_published_examples_have_the_published_signatures() {
        let keys = Keys {
            region: "us-east-1".to_owned(),
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let cases = [
            (
                "/test.txt",
                Some("bytes=0-9"),
                "host;range;x-amz-content-sha256;x-amz-date",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "/?lifecycle",
                None,
                "host;x-amz-content-sha256;x-amz-date",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "/?max-keys=2&prefix=J",
                None,
                "host;x-amz-content-sha256;x-amz-date",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ];
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        for (path, range, names, signature) in cases {
            let target = Target::parse(&format!("https://examplebucket.s3.amazonaws.com{path}")).unwrap();
            let mut fields = HeaderMap::new();
            if let Some(range) = range {
                fields.insert(RANGE, HeaderValue::from_static(range));
            }
            sign(&keys, "GET", &target, &mut fields, now);
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders={names},Signature={signature}"
            );
            assert_eq!(fields[AUTHORIZATION], expected, "{path}");
        }
    }

    #[test]
    fn what_is_encoded_in_any_way_is_signed_in_one() {
        assert_eq!(canonical_path("/a b/+%2b/ä%C3%A4/~"), "/a%20b/%2B%2B/%C3%A4%C3%A4/~");
        assert_eq!(canonical_query("b=2&a&a=%2f&&c=x=y"), "a=&a=%2F&b=2&c=x%3Dy");
    }
}
