//! The client of the bench: a POST, and one PATCH of everything, from a buffer that is sent again and again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result};

/// What is written at once.
const PIECE_BYTES: usize = 1 << 20;

pub(super) struct Request<'a> {
    pub(super) address: SocketAddr,
    /// Empty for a server that asks nobody.
    pub(super) authorization: &'a str,
    pub(super) bytes: u64,
    /// Whether the PATCH carries the SHA-256 of its body.
    pub(super) checksum: bool,
}

/// The head of a WAV file and noise, which no server can make smaller.
struct Body {
    head: [u8; 44],
    noise: Vec<u8>,
    bytes: u64,
}

impl Body {
    fn new(bytes: u64) -> Self {
        let samples = u32::try_from(bytes.saturating_sub(44)).unwrap_or(u32::MAX);
        let mut head =
            *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\0\0\0\0";
        let put = |place: &mut [u8], number: u32| place.copy_from_slice(&number.to_le_bytes());
        if let Some(place) = head.get_mut(4..8) {
            put(place, samples.saturating_add(36));
        }
        if let Some(place) = head.get_mut(40..44) {
            put(place, samples);
        }
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut noise = Vec::with_capacity(PIECE_BYTES);
        while noise.len() < PIECE_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.extend_from_slice(&state.to_le_bytes());
        }
        Self { head, noise, bytes }
    }

    fn each(&self, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        take(&self.head)?;
        let mut left = self.bytes.saturating_sub(44);
        while left > 0 {
            let count = left.min(PIECE_BYTES as u64) as usize;
            take(self.noise.get(..count).unwrap_or_default())?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// Uploads so many bytes.
pub(super) fn upload(request: &Request<'_>) -> Result<()> {
    let failed = |error| Error::because(ErrorKind::Failed, "uploading to a server of the bench", error);
    let body = Body::new(request.bytes);
    let mut common = "Host: bench\r\nTus-Resumable: 1.0.0\r\nConnection: close\r\n".to_owned();
    if !request.authorization.is_empty() {
        common += &format!("Authorization: {}\r\n", request.authorization);
    }
    // noise.wav
    let post = format!(
        "POST /uploads HTTP/1.1\r\n{common}Upload-Length: {}\r\nUpload-Metadata: filename bm9pc2Uud2F2\r\n\
         Content-Length: 0\r\n\r\n",
        request.bytes
    );
    let made = said(request.address, &post, None).map_err(failed)?;
    let location = made.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    let nowhere = || Error::new(ErrorKind::Failed, format!("no upload was made: {made}"));
    let location = location.ok_or_else(nowhere)?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => &location,
    };
    let checksum = if request.checksum { checksum(&body).map_err(failed)? } else { String::new() };
    let patch = format!(
        "PATCH {path} HTTP/1.1\r\n{common}{checksum}Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        request.bytes
    );
    let answer = said(request.address, &patch, Some(&body)).map_err(failed)?;
    match answer.split(' ').nth(1) {
        Some("204") => Ok(()),
        _ => Err(Error::new(ErrorKind::Failed, format!("the upload was not taken: {answer}"))),
    }
}

fn checksum(body: &Body) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    body.each(|piece| {
        hash.update(piece);
        Ok(())
    })?;
    Ok(format!("Upload-Checksum: sha256 {}\r\n", base64(&hash.finalize())))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place)) as usize & 63).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    text
}

/// Sends a head and a body, and reads the head of the answer.
fn said(to: SocketAddr, head: &str, body: Option<&Body>) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(to)?;
    socket.set_nodelay(true)?;
    socket.write_all(head.as_bytes())?;
    // Whoever refuses may say so before the end.
    let sent = body.map_or(Ok(()), |body| body.each(|piece| socket.write_all(piece)));
    let mut answer = String::new();
    let mut lines = BufReader::new(socket).take(64 * 1024);
    while lines.read_line(&mut answer)? > 2 {}
    if answer.is_empty() { sent.map(|()| answer) } else { Ok(answer) }
}
