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

/// What is said in place of the digest of a body that is signed without it.
// format: the value of the field, of Amazon's own description
const UNTOLD: &str = "UNSIGNED-PAYLOAD";
/// The service whose paths are encoded once.
const S3: &str = "s3";

/// What is signed with.
pub(super) struct Keys {
    pub(super) region: String,
    pub(super) service: String,
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<HeaderValue>,
}

/// What of a body is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// That there is none.
    None,
    /// Nothing: it is sent as it comes, and nobody knows its digest before its end. S3 takes that.
    Untold,
}

/// Signs a request with all fields that it has; those which are added later are not signed.
pub(super) fn sign(
    keys: &Keys,
    method: &str,
    target: &Target,
    fields: &mut HeaderMap,
    payload: Payload,
    now: Timestamp,
) {
    let digest = match payload {
        Payload::None => NOTHING,
        Payload::Untold => UNTOLD,
    };
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &time[..8];
    let mut set = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            fields.insert(name, value);
        }
    };
    set(DATE, &time);
    set(BODY, digest);
    if let Some(token) = &keys.token {
        fields.insert(TOKEN, token.clone());
    }
    let mut signed: Vec<(&str, String)> =
        fields.keys().map(|name| (name.as_str(), canonical_value(fields, name))).collect();
    signed.push(("host", target.site.host_field()));
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let (path, query) = target.path.split_once('?').unwrap_or((&target.path, ""));
    let path = canonical_path(path, &keys.service);
    let mut request = format!("{method}\n{path}\n{}\n", canonical_query(query));
    for (name, value) in &signed {
        // Writing to a String cannot fail.
        let _ = writeln!(request, "{name}:{value}");
    }
    let _ = write!(request, "\n{names}\n{digest}");
    let scope = format!("{day}/{}/{}/aws4_request", keys.region, keys.service);
    let text = format!("{METHOD}\n{time}\n{scope}\n{}", hexadecimal(&Sha256::digest(request.as_bytes())));
    let steps = [day, &keys.region, &keys.service, "aws4_request", &text];
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

/// The lines of a field as one list, without white space that means nothing.
fn canonical_value(fields: &HeaderMap, name: &HeaderName) -> String {
    let lines = fields.get_all(name).iter().map(|line| {
        let text = String::from_utf8_lossy(line.as_bytes());
        text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join(",")
}

/// S3 encodes each byte once and leaves the slashes; all other services encode what is encoded once more.
fn canonical_path(path: &str, service: &str) -> String {
    let twice = |part: &str| utf8_percent_encode(&again(part), ENCODED).to_string();
    let parts: Vec<String> =
        path.split('/').map(|part| if service == S3 { again(part) } else { twice(part) }).collect();
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
            service: S3.to_owned(),
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
            sign(&keys, "GET", &target, &mut fields, Payload::None, now);
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders={names},Signature={signature}"
            );
            assert_eq!(fields[AUTHORIZATION], expected, "{path}");
        }
    }

    /// By the steps of Amazon's description, done by another program.
    #[test]
    fn a_body_is_signed_without_its_digest_and_lines_of_one_name_are_one() {
        let keys = |service: &str| Keys {
            region: "eu-west-1".to_owned(),
            service: service.to_owned(),
            id: "WHO".to_owned(),
            secret: "hush".to_owned(),
            token: None,
        };
        let target = Target::parse("https://b.example/a%20b/c?x=2&x=1").unwrap();
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        for (service, payload, told, signature) in [
            (
                "s3",
                Payload::Untold,
                UNTOLD,
                "8783074f079b70163dec38b6dec4f0e48250d7652effda1fa6df3680c1c24a78",
            ),
            (
                "s3",
                Payload::None,
                NOTHING,
                "335ea3c94355370a30f06265054cb131e035025fb1b3dd20fabe8952e51c65bb",
            ),
            (
                "execute-api",
                Payload::None,
                NOTHING,
                "031a7641db8a9333737e978562155acfe615a93c7ca3792f65c29f5f88fd0f7f",
            ),
        ] {
            let mut fields = HeaderMap::new();
            for (name, value) in [("cookie", "a=1"), ("cookie", " b=2;   c=3 "), ("accept", "*/*")] {
                fields.append(name, HeaderValue::from_static(value));
            }
            sign(&keys(service), "PUT", &target, &mut fields, payload, now);
            let names = "accept;cookie;host;x-amz-content-sha256;x-amz-date";
            let scope = format!("20130524/eu-west-1/{service}/aws4_request");
            let expected =
                format!("{METHOD} Credential=WHO/{scope},SignedHeaders={names},Signature={signature}");
            assert_eq!(fields[AUTHORIZATION], expected, "{service} {payload:?}");
            assert_eq!(fields[BODY], told, "{service} {payload:?}");
        }
    }

    #[test]
    fn what_is_encoded_in_any_way_is_signed_in_one() {
        assert_eq!(canonical_path("/a b/+%2b/ä%C3%A4/~", S3), "/a%20b/%2B%2B/%C3%A4%C3%A4/~");
        assert_eq!(canonical_path("/a b/%2b", "execute-api"), "/a%2520b/%252B");
        assert_eq!(canonical_query("b=2&a&a=%2f&&c=x=y"), "a=&a=%2F&b=2&c=x%3Dy");
    }
}
