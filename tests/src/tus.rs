//! A small client of the tus protocol, version 1.0.0, by hand: it keeps to the protocol unless a test wants otherwise.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::http::{Answer, Connection, Fields, request_head};
use crate::people::base64;
use crate::sound::Noise;
use crate::{Login, Server};

/// The resource on which uploads are made.
pub const UPLOADS: &str = "/uploads";
/// The media type of a PATCH.
pub const PATCH_TYPE: &str = "application/offset+octet-stream";

/// One user at one server.
#[derive(Clone, Debug)]
pub struct Tus {
    /// The server.
    pub address: SocketAddr,
    /// The resource on which uploads are made.
    pub resource: String,
    /// What the user shows; empty for none.
    pub authorization: String,
}

impl Tus {
    /// This person at this server, by an API key.
    pub fn of(server: &Server, login: &Login) -> Self {
        Tus { address: server.address, resource: UPLOADS.to_owned(), authorization: login.bearer() }
    }

    /// A request on a connection of its own with `Tus-Resumable` and who asks.
    ///
    /// # Errors
    /// What the system says; an answer that comes before everything was said is an answer.
    pub fn request(&self, method: &str, at: &str, fields: Fields<'_>, body: &[u8]) -> io::Result<Answer> {
        let mut all = vec![("Connection", "close")];
        for (name, value) in [("Tus-Resumable", "1.0.0"), ("Authorization", &self.authorization)] {
            if !value.is_empty() && !fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                all.push((name, value));
            }
        }
        // A field without a value leaves out what stands there otherwise.
        all.extend(fields.iter().filter(|(_, value)| !value.is_empty()));
        let mut connection = Connection::open(self.address)?;
        let sent = connection.send(method, at, &all, body);
        let answer = connection.read(method == "HEAD");
        answer.map_err(|error| sent.err().unwrap_or(error))
    }

    /// Makes an upload, of unknown length without one.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(&self, length: Option<u64>, metadata: &str, fields: Fields<'_>) -> io::Result<Answer> {
        let length = length.map(|length| length.to_string());
        let mut all = match &length {
            Some(length) => vec![("Upload-Length", length.as_str())],
            None => vec![("Upload-Defer-Length", "1")],
        };
        all.extend([("Upload-Metadata", metadata)]);
        all.extend(fields);
        self.request("POST", &self.resource, &all, b"")
    }

    /// Asks for the offset.
    ///
    /// # Errors
    /// What the system says.
    pub fn head(&self, at: &str) -> io::Result<Answer> {
        self.request("HEAD", at, &[], b"")
    }

    /// Sends a piece.
    ///
    /// # Errors
    /// What the system says.
    pub fn patch(&self, at: &str, offset: u64, piece: &[u8], fields: Fields<'_>) -> io::Result<Answer> {
        let offset = offset.to_string();
        let mut all = vec![("Upload-Offset", offset.as_str()), ("Content-Type", PATCH_TYPE)];
        all.retain(|(name, _)| !fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        all.extend(fields);
        self.request("PATCH", at, &all, piece)
    }

    /// Uploads a file whole, in pieces of at most so many bytes, and tells where the upload is.
    ///
    /// # Panics
    /// When the server does not take it.
    pub fn upload(&self, bytes: &[u8], metadata: &str, piece_bytes: usize) -> String {
        let made = self.create(Some(bytes.len() as u64), metadata, &[]).expect("an answer to POST");
        assert_eq!(made.status, 201, "POST: {} {}", made.head(), made.text());
        let at = location(&made).expect("a Location");
        let mut offset = 0;
        for piece in bytes.chunks(piece_bytes) {
            let answer = self.patch(&at, offset, piece, &[]).expect("an answer to PATCH");
            offset += piece.len() as u64;
            let right = answer.status == 204 && told_offset(&answer) == Some(offset);
            assert!(right, "PATCH to {offset}: {} {}", answer.head(), answer.text());
        }
        at
    }

    /// Makes an upload of this noise and sends all of it in one PATCH, without holding it, from this address if given.
    /// Tells the last answer and the SHA-256 of what was sent.
    ///
    /// # Errors
    /// What the system says; an answer that comes before the end is an answer.
    pub fn stream(
        &self,
        noise: &Noise,
        metadata: &str,
        from: Option<IpAddr>,
    ) -> io::Result<(Answer, String)> {
        use sha2::Digest;
        let made = self.create(Some(noise.length), metadata, &[])?;
        let Some(at) = location(&made).filter(|_| made.status == 201) else {
            return Ok((made, String::new()));
        };
        let socket = crate::http::socket(from, self.address, None)?;
        let mut connection = Connection::over(socket)?;
        let length = noise.length.to_string();
        let fields = [
            ("Tus-Resumable", "1.0.0"),
            ("Authorization", self.authorization.as_str()),
            ("Upload-Offset", "0"),
            ("Content-Type", PATCH_TYPE),
            ("Content-Length", length.as_str()),
            ("Connection", "close"),
        ];
        connection.send_raw(request_head("PATCH", &at, &fields).as_bytes())?;
        let mut hash = sha2::Sha256::new();
        // Whoever is refused may still read why.
        let sent = noise.each(|piece| {
            hash.update(piece);
            connection.send_raw(piece)
        });
        let answer = connection.read(false);
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((answer.map_err(|error| sent.err().unwrap_or(error))?, digest))
    }

    /// The stored bytes under the first 16 digits of their SHA-256.
    ///
    /// # Errors
    /// What the system says.
    pub fn audio(&self, digest: &str) -> io::Result<Answer> {
        let at = format!("/audio/{}", digest.get(..16).unwrap_or(digest));
        self.request("GET", &at, &[("Tus-Resumable", "")], b"")
    }
}

/// The path of the upload that an answer to POST names.
pub fn location(answer: &Answer) -> Option<String> {
    let named = answer.header("location");
    let path = match named.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => named,
    };
    path.starts_with('/').then(|| path.to_owned())
}

/// The offset that an answer tells.
pub fn told_offset(answer: &Answer) -> Option<u64> {
    answer.header("upload-offset").parse().ok()
}

/// The value of `Upload-Metadata`.
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{key} {}", base64(value.as_bytes()))).collect();
    pairs.join(",")
}

/// The value of `Upload-Checksum` for a piece: by `sha1`, `sha256` or `md5`.
///
/// # Panics
/// For another algorithm.
pub fn checksum(algorithm: &str, piece: &[u8]) -> String {
    use sha2::Digest;
    let digest = match algorithm {
        "sha1" => sha1::Sha1::digest(piece).to_vec(),
        "sha256" => sha2::Sha256::digest(piece).to_vec(),
        "md5" => md5::Md5::digest(piece).to_vec(),
        other => panic!("no checksum {other}"),
    };
    format!("{algorithm} {}", base64(&digest))
}

/// The SHA-256 of bytes in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
