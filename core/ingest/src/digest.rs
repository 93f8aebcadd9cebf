//! Checksums that clients send along: of one request's bytes (tus `Upload-Checksum`, `Content-Digest`), of the whole
//! file (`Repr-Digest`), and the wish to be told ours (`Want-Repr-Digest`). Digest fields are RFC 9530.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName};
use md5::Md5;
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use store::BlobId;

use crate::error::Error;
use crate::fields::one;

/// `Content-Digest`: of the bytes of this very message.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// `Repr-Digest`: of the whole file.
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// `Want-Repr-Digest`: which digests of the whole file the client would like to be told.
pub(crate) const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");
/// `Upload-Checksum` of tus 1.0.
pub(crate) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// What the bytes of one request must have as their checksum. The offset moves only when they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1 (RFC 3174).
    Sha1([u8; 20]),
    /// SHA-256 (RFC 6234).
    Sha256([u8; 32]),
    /// MD5 (RFC 1321).
    Md5([u8; 16]),
    /// CRC-32 as in Ethernet and ZIP, in network byte order.
    Crc32([u8; 4]),
}

impl Checksum {
    /// The names that tus gives them, the compulsory one first.
    pub const NAMES: [&'static str; 4] = ["sha1", "sha256", "md5", "crc32"];

    /// A checksum of the algorithm of that name, if there is such an algorithm and the value has its length.
    pub fn of(name: &str, value: &[u8]) -> Option<Checksum> {
        match name {
            "sha1" => value.try_into().ok().map(Checksum::Sha1),
            "sha256" => value.try_into().ok().map(Checksum::Sha256),
            "md5" => value.try_into().ok().map(Checksum::Md5),
            "crc32" => value.try_into().ok().map(Checksum::Crc32),
            _ => None,
        }
    }

    /// Starts to compute it.
    pub fn start(self) -> Checking {
        let running = match self {
            Checksum::Sha1(_) => Running::Sha1(Sha1::new()),
            Checksum::Sha256(_) => Running::Sha256(Sha256::new()),
            Checksum::Md5(_) => Running::Md5(Md5::new()),
            Checksum::Crc32(_) => Running::Crc32(crc32fast::Hasher::new()),
        };
        Checking { running, promised: self }
    }
}

/// A checksum on its way.
#[derive(Clone)]
pub struct Checking {
    running: Running,
    promised: Checksum,
}

#[derive(Clone)]
enum Running {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
    Crc32(crc32fast::Hasher),
}

impl Checking {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Sha1(hash) => hash.update(bytes),
            Running::Sha256(hash) => hash.update(bytes),
            Running::Md5(hash) => hash.update(bytes),
            Running::Crc32(hash) => hash.update(bytes),
        }
    }

    /// Whether the bytes have the promised checksum.
    pub fn matches(self) -> bool {
        let found = match self.running {
            Running::Sha1(hash) => Checksum::Sha1(hash.finalize().into()),
            Running::Sha256(hash) => Checksum::Sha256(hash.finalize().into()),
            Running::Md5(hash) => Checksum::Md5(hash.finalize().into()),
            Running::Crc32(hash) => Checksum::Crc32(hash.finalize().to_be_bytes()),
        };
        found == self.promised
    }
}

/// `Upload-Checksum: ALGORITHM BASE64` of tus 1.0, checksum extension.
///
/// # Errors
/// An algorithm that we do not have, or a value that cannot be one of its checksums.
pub(crate) fn upload_checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Error> {
    let Some(text) = one(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
    let (algorithm, value) = text.split_once(' ').unwrap_or((text, ""));
    let names = || Checksum::NAMES.join(", ");
    if !Checksum::NAMES.contains(&algorithm) {
        let said = format!("Upload-Checksum has an algorithm that is none of {}", names());
        return Err(Error::bad_request(said));
    }
    let value = BASE64.decode(value.as_bytes()).ok();
    let checksum = value.and_then(|value| Checksum::of(algorithm, &value)).ok_or_else(|| {
        Error::bad_request(format!("Upload-Checksum must be one of {}, a space, and base64", names()))
    })?;
    Ok(Some(checksum))
}

/// `Content-Digest` of this request. Algorithms that we do not check are passed over (RFC 9530 section 2).
///
/// # Errors
/// A `sha-256` that is no SHA-256.
pub(crate) fn content_digest(headers: &HeaderMap) -> Result<Option<Checksum>, Error> {
    Ok(sha256(headers, &CONTENT_DIGEST)?.map(Checksum::Sha256))
}

/// `Repr-Digest` of the whole file, as its identity.
///
/// # Errors
/// A `sha-256` that is no SHA-256.
pub(crate) fn repr_digest(headers: &HeaderMap) -> Result<Option<BlobId>, Error> {
    Ok(sha256(headers, &REPR_DIGEST)?.map(BlobId::from_bytes))
}

/// Whether the client would like a `Repr-Digest` that we can give: `sha-256` with a preference above 0.
pub(crate) fn wants_repr_digest(headers: &HeaderMap) -> bool {
    let Some(wanted) = dictionary(headers, &WANT_REPR_DIGEST) else { return false };
    match wanted.get("sha-256") {
        Some(ListEntry::Item(item)) => matches!(&item.bare_item, BareItem::Integer(n) if i64::from(*n) > 0),
        _ => false,
    }
}

/// The value of a `Repr-Digest` field.
pub(crate) fn repr_digest_of(id: &BlobId) -> String {
    format!("sha-256=:{}:", BASE64.encode(id.as_bytes()))
}

/// The `sha-256` of a field. A field that is no dictionary at all counts as absent (RFC 9651 section 4.2).
fn sha256(headers: &HeaderMap, name: &HeaderName) -> Result<Option<[u8; 32]>, Error> {
    let Some(digests) = dictionary(headers, name) else { return Ok(None) };
    let wrong = || Error::bad_request(format!("{name} has a sha-256 that is not 32 bytes between colons"));
    match digests.get("sha-256") {
        None => Ok(None),
        Some(ListEntry::Item(item)) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => {
                <[u8; 32]>::try_from(bytes.as_slice()).map(Some).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        },
        Some(ListEntry::InnerList(_)) => Err(wrong()),
    }
}

/// All lines of a field as one dictionary; `None` when there are none or they are none.
fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Option<Dictionary> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    Parser::new(&lines.join(&b", "[..])).parse::<Dictionary>().ok()
}

#[cfg(test)]
mod tests;
