//! One HTTP/1.1 answer as it comes: a head that is read, and a body that is not.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::net::RecvFlags;

/// A head may be this long.
const HEAD_BYTES: usize = 4 * 1024;

/// Where an answer stands.
#[derive(Default)]
pub(super) struct Head {
    text: Vec<u8>,
    length: u64,
    left: Option<u64>,
}

/// What one look at the socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes of the body, and more is to come.
    Part(u64),
    /// The last `last` bytes of a body of `length`.
    Whole {
        /// Bytes of this look.
        last: u64,
        /// Bytes of the whole body.
        length: u64,
    },
}

impl Step {
    pub(super) fn body_bytes(self) -> u64 {
        match self {
            Step::Part(bytes) | Step::Whole { last: bytes, .. } => bytes,
        }
    }
}

impl Head {
    /// Takes what the socket has, at most once.
    ///
    /// # Errors
    /// For a status other than 200 and 206, an answer without a length, and a connection that ends.
    pub(super) fn take(&mut self, socket: BorrowedFd<'_>, discard: &mut [u8]) -> io::Result<Step> {
        let got = match self.left {
            None => self.take_head(socket)?,
            Some(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(discard.len());
                let room = discard.get_mut(..most).unwrap_or_default();
                received(super::discarded(socket, room))?
            }
        };
        let Some(left) = self.left else { return Ok(Step::Part(0)) };
        let left = left.checked_sub(got).ok_or_else(|| io::Error::other("more came than was announced"))?;
        self.left = Some(left);
        Ok(if left == 0 { Step::Whole { last: got, length: self.length } } else { Step::Part(got) })
    }

    /// Reads the head, and tells how many bytes of the body came with it.
    fn take_head(&mut self, socket: BorrowedFd<'_>) -> io::Result<u64> {
        let mut piece = [0; HEAD_BYTES];
        let got = received(
            rustix::net::recv(socket, &mut piece, RecvFlags::empty()).map(|(got, _)| got).map_err(Into::into),
        )?;
        self.text.extend_from_slice(piece.get(..got as usize).unwrap_or_default());
        let Some(end) = self.text.windows(4).position(|four| four == b"\r\n\r\n") else {
            let long = self.text.len() > HEAD_BYTES;
            return if long { Err(io::Error::other("a head without an end")) } else { Ok(0) };
        };
        self.length = length(self.text.get(..end).unwrap_or_default())?;
        self.left = Some(self.length);
        Ok((self.text.len() - end - 4) as u64)
    }
}

/// Nothing for now is no error; the end of the connection is one, because an answer is expected.
fn received(outcome: io::Result<usize>) -> io::Result<u64> {
    match outcome {
        Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        Ok(got) => Ok(got as u64),
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error),
    }
}

/// The length that a head with status 200 or 206 announces.
fn length(head: &[u8]) -> io::Result<u64> {
    let head = String::from_utf8_lossy(head);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !matches!(status, "200" | "206") {
        return Err(io::Error::other(format!("status {status}")));
    }
    let named = head.lines().filter_map(|line| line.split_once(':'));
    let length = named
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok());
    length.ok_or_else(|| io::Error::other("an answer without a length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_its_length_and_anything_but_a_file_is_an_error() {
        let head =
            |status: &str, field: &str| length(format!("HTTP/1.1 {status} X\r\nA: b\r\n{field}").as_bytes());
        assert_eq!(head("200", "content-length: 12").unwrap(), 12);
        assert_eq!(head("206", "Content-Length:7").unwrap(), 7);
        assert!(head("200", "transfer-encoding: chunked").is_err());
        assert!(head("429", "content-length: 12").unwrap_err().to_string().contains("429"));
    }
}
