use axum::http::{HeaderMap, HeaderValue, header};

use super::{Claim, claim};
use crate::error::ErrorKind;
use crate::params::Params;

/// What a claim looks like, in words; errors by their code and the parameter that they name.
fn told(query: &str, headers: &HeaderMap) -> String {
    match claim(&Params::parse(query), headers) {
        Ok(Claim::Password { name, password }) => format!("password {name} {password}"),
        Ok(Claim::Token { name, token, salt }) => format!("token {name} {token} {salt}"),
        Ok(Claim::Key(key)) => format!("key {key}"),
        Err(error) if error.kind() == ErrorKind::MissingParameter => {
            format!("10 {}", error.message().rsplit(' ').next().unwrap())
        }
        Err(error) => error.kind().code().to_string(),
    }
}

#[test]
fn each_way_to_sign_in_is_told_from_the_others() {
    let headers = HeaderMap::new();
    for (query, wanted) in [
        ("u=ann&p=secret", "password ann secret"),
        ("u=ann&p=enc:736563726574", "password ann secret"),
        ("u=ann&p=enc:C3A9", "password ann é"),
        ("u=ann&p=enc:xyz", "password ann enc:xyz"),
        ("u=ann&p=enc:ff", "password ann enc:ff"),
        ("u=ann&t=abc&s=def", "token ann abc def"),
        ("apiKey=k", "key k"),
        ("apiKey=&u=ann&p=secret", "password ann secret"),
        ("apiKey=k&u=ann", "43"),
        ("apiKey=k&p=secret", "43"),
        ("apiKey=k&t=a&s=b", "43"),
        ("u=ann&p=secret&t=a&s=b", "43"),
        ("u=ann&p=secret&s=b", "43"),
        ("", "10 u"),
        ("p=secret", "10 u"),
        ("t=a&s=b", "10 u"),
        ("u=ann", "10 p"),
        ("u=ann&p=", "10 p"),
        ("u=ann&t=a", "10 s"),
        ("u=ann&s=b", "10 t"),
    ] {
        assert_eq!(told(query, &headers), wanted, "{query}");
    }
}

#[test]
fn a_header_alone_is_a_mechanism_that_is_not_supported() {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
    assert_eq!(told("", &headers), "42");
    assert_eq!(told("u=ann&p=secret", &headers), "password ann secret");
}
