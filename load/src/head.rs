//! The head of an answer, as far as a crowd looks at it.

/// A head that is longer than this is taken for none.
const HEAD_BYTES: usize = 32 * 1024;

/// Collects a head from the pieces in which it comes.
#[derive(Default)]
pub(crate) struct Head {
    /// The status code; 0 until the head is whole.
    pub(crate) status: u16,
    /// `Content-Length`, where there is one.
    pub(crate) length: Option<u64>,
    /// `Retry-After` in seconds, where there is one.
    pub(crate) retry_after_s: Option<u64>,
    bytes: Vec<u8>,
    whole: bool,
}

impl Head {
    /// Takes what belongs to the head and gives back what belongs to the body.
    pub(crate) fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.whole {
            return bytes;
        }
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let from = before.saturating_sub(3);
        let end =
            self.bytes.get(from..).and_then(|late| late.windows(4).position(|four| four == b"\r\n\r\n"));
        let Some(end) = end.map(|end| from + end + 4) else {
            self.whole = self.bytes.len() > HEAD_BYTES;
            return &[];
        };
        self.whole = true;
        let text = String::from_utf8_lossy(self.bytes.get(..end).unwrap_or_default()).into_owned();
        self.bytes = Vec::new();
        let mut lines = text.lines();
        self.status = lines.next().and_then(|line| line.get(9..12)?.parse().ok()).unwrap_or(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let number = value.trim().parse().ok();
            if name.eq_ignore_ascii_case("content-length") {
                self.length = number;
            } else if name.eq_ignore_ascii_case("retry-after") {
                self.retry_after_s = number;
            }
        }
        bytes.get(end - before..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_however_it_is_cut() {
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nretry-after: 7\r\n\r\nbusy";
        for cut in 0..answer.len() {
            let mut head = Head::default();
            let mut body = Vec::new();
            for part in [&answer[..cut], &answer[cut..]] {
                body.extend_from_slice(head.take(part));
            }
            assert_eq!(
                (head.status, head.length, head.retry_after_s),
                (503, Some(4), Some(7)),
                "cut at {cut}"
            );
            assert_eq!(body, b"busy", "cut at {cut}");
        }
    }
}
