//! What ffmpeg says on its standard error: words for people, and its progress between them.

use std::collections::VecDeque;

use budget::limits::{CHILD_LINE_BYTES_MAX, CHILD_WORDS_BYTES_MAX};

/// How far ffmpeg is, by its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// How much media was made, in milliseconds.
    pub out_ms: u64,
    /// Pictures that were made.
    pub frames: u64,
    /// Bytes that were made.
    pub bytes: u64,
    /// Media seconds made in a second; 0 when it is not known.
    pub speed: f32,
}

/// Reads the standard error of a child in whatever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct Words {
    line: Vec<u8>,
    /// Whether the line is longer than what is kept of it.
    is_cut: bool,
    kept: VecDeque<u8>,
    next: Progress,
}

impl Words {
    /// Takes a piece. The answer is the progress of the last whole block in it.
    pub(super) fn take(&mut self, piece: &[u8]) -> Option<Progress> {
        let mut told = None;
        for &byte in piece {
            if byte != b'\n' {
                if self.line.len() < CHILD_LINE_BYTES_MAX {
                    self.line.push(byte);
                } else {
                    self.is_cut = true;
                }
                continue;
            }
            if self.line() {
                told = Some(self.next);
            }
        }
        told
    }

    /// A whole line: whether it ends a block of progress.
    fn line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_cut);
        let text = String::from_utf8_lossy(&line);
        match text.split_once('=').filter(|_| !is_cut) {
            Some(("progress", _)) => return true,
            Some((key, value)) if is_progress(key) => self.value(key, value.trim()),
            _ => self.keep(&line),
        }
        false
    }

    fn value(&mut self, key: &str, value: &str) {
        // Before the first frame some are "N/A": then what was known stays.
        let number = || value.parse::<u64>().ok();
        match key {
            // Named for milliseconds, it counts microseconds too; a negative one comes before the first frame.
            "out_time_us" => self.next.out_ms = number().map_or(self.next.out_ms, |us| us / 1_000),
            "frame" => self.next.frames = number().unwrap_or(self.next.frames),
            "total_size" => self.next.bytes = number().unwrap_or(self.next.bytes),
            "speed" => {
                let speed = value.trim_end_matches('x').trim().parse().ok();
                self.next.speed = speed.filter(|speed: &f32| speed.is_finite()).unwrap_or(self.next.speed);
            }
            _ => {}
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        self.kept.extend(line);
        self.kept.push_back(b'\n');
        let over = self.kept.len().saturating_sub(CHILD_WORDS_BYTES_MAX);
        self.kept.drain(..over);
    }

    /// The last words, a line that was not finished included.
    pub(super) fn last(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        self.keep(&line);
        String::from_utf8_lossy(self.kept.make_contiguous()).trim().to_owned()
    }
}

/// The keys of ffmpeg's progress. A message of it begins differently.
fn is_progress(key: &str) -> bool {
    const KEYS: [&str; 10] = [
        "frame",
        "fps",
        "bitrate",
        "total_size",
        "out_time_us",
        "out_time_ms",
        "out_time",
        "dup_frames",
        "drop_frames",
        "speed",
    ];
    KEYS.contains(&key) || (key.starts_with("stream_") && key.ends_with("_q"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "frame=12\nfps=3.5\nstream_0_0_q=28.0\nbitrate= 100.1kbits/s\ntotal_size=4711\n\
        out_time_us=400000\nout_time_ms=400000\nout_time=00:00:00.400000\ndup_frames=0\ndrop_frames=0\n\
        speed=0.75x\nprogress=continue\n";

    #[test]
    fn progress_is_read_from_pieces_of_any_length() {
        let expected = Progress { out_ms: 400, frames: 12, bytes: 4_711, speed: 0.75 };
        for length in 1..BLOCK.len() {
            let mut words = Words::default();
            let told: Vec<_> =
                BLOCK.as_bytes().chunks(length).filter_map(|piece| words.take(piece)).collect();
            assert_eq!(told, [expected]);
            assert_eq!(words.last(), "");
        }
    }

    #[test]
    fn words_between_are_kept_and_what_is_not_known_stays() {
        let mut words = Words::default();
        words.take(BLOCK.as_bytes());
        let told =
            words.take(b"[mov] bad a=b\ntotal_size=N/A\nspeed=N/A\nout_time_us=-1\nprogress=end\nlast");
        let expected = Progress { out_ms: 400, frames: 12, bytes: 4_711, speed: 0.75 };
        assert_eq!(told, Some(expected));
        assert_eq!(words.last(), "[mov] bad a=b\nlast");
    }

    #[test]
    fn only_the_end_of_many_words_is_kept() {
        let mut words = Words::default();
        for number in 0..10_000 {
            words.take(format!("line {number}\n").as_bytes());
        }
        words.take(&vec![b'x'; 3 * CHILD_LINE_BYTES_MAX]);
        words.take(b"\nthe end\n");
        let last = words.last();
        assert!(last.len() <= CHILD_WORDS_BYTES_MAX && words.line.capacity() <= 2 * CHILD_LINE_BYTES_MAX);
        assert!(last.ends_with("x\nthe end") && last.contains("line 9999") && !last.contains("line 1\n"));
    }
}
