//! Who uses a server in these tests, and how they prove it.

use crate::Server;
use crate::http::escaped;

/// A person with every kind of credential.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user's name.
    pub name: String,
    /// The login password.
    pub password: String,
    /// An app password, for Subsonic's token scheme.
    pub app_password: String,
    /// An API key.
    pub key: String,
}

impl Login {
    /// Query parameters of a Subsonic request with the API key and JSON answers.
    pub fn by_key(&self) -> String {
        format!("apiKey={}&v=1.16.1&c=tests&f=json", escaped(&self.key))
    }

    /// Query parameters with the login password in clear.
    pub fn by_password(&self) -> String {
        format!("u={}&p={}&v=1.16.1&c=tests&f=json", escaped(&self.name), escaped(&self.password))
    }

    /// Query parameters by the token scheme: MD5 over app password and salt.
    pub fn by_token(&self, salt: &str) -> String {
        let token = md5_hex(&format!("{}{salt}", self.app_password));
        format!("u={}&t={token}&s={salt}&v=1.16.1&c=tests&f=json", escaped(&self.name))
    }

    /// The value of an `Authorization` field with the API key.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// The value of an `Authorization` field with name and login password.
    pub fn basic(&self) -> String {
        basic(&self.name, &self.password)
    }

    /// Checks that every one of these credentials is good on a server.
    ///
    /// # Panics
    /// When one is not.
    pub fn assert_known(&self, server: &Server) {
        for field in [self.bearer(), self.basic(), basic(&self.name, &self.app_password)] {
            let answer = server.get("/me", &[("Authorization", &field)]);
            assert_eq!(answer.json()["user"]["name"], self.name, "{}", answer.text());
        }
        let token = server.get(&format!("/rest/ping?{}", self.by_token("nacl")), &[]).json();
        assert_eq!(token["subsonic-response"]["status"], "ok", "{token}");
    }
}

/// The value of an `Authorization` field (RFC 7617).
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{name}:{password}").as_bytes()))
}

/// The MD5 of a text in lower-case hexadecimal digits.
pub fn md5_hex(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}
