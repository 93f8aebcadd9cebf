//! Captions that lie beside a video: which there are (`beside`), and how they are written as a player wants them.
//!
//! WebVTT and SubRip say the same in nearly the same way: when a text is shown, and its lines. What WebVTT says beside that (where
//! it is shown, and how) has no words in SubRip and is left out there.

mod beside;

use std::fmt::Write as _;

use budget::limits::CAPTIONS_LINES_MAX;
use transform::Captions;

pub(crate) use beside::{Beside, Purpose, WRITTEN, beside};

/// A text that is shown for a while.
struct Cue<'a> {
    from_ms: u64,
    to_ms: u64,
    lines: &'a [&'a str],
}

/// The same captions, written so. Whatever is no cue is left out, and so is what follows [`CAPTIONS_LINES_MAX`] lines, which no
/// film has.
pub(crate) fn written(text: &str, wanted: Captions) -> String {
    let lines: Vec<&str> =
        text.trim_start_matches('\u{feff}').lines().map(str::trim_end).take(CAPTIONS_LINES_MAX).collect();
    let mut out = match wanted {
        Captions::WebVtt => "WEBVTT\n\n".to_owned(),
        Captions::SubRip => String::new(),
    };
    let cues = lines.split(|line| line.is_empty()).filter_map(cue);
    for (number, Cue { from_ms, to_ms, lines }) in (1_u64..).zip(cues) {
        let [from, to] = [from_ms, to_ms].map(|ms| time(ms, wanted));
        let number = if wanted == Captions::SubRip { format!("{number}\n") } else { String::new() };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{number}{from} --> {to}");
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
    }
    out
}

/// The cue of a block of lines: its times stand in the first line, or in the second behind its name.
fn cue<'a>(block: &'a [&'a str]) -> Option<Cue<'a>> {
    let at = block.iter().take(2).position(|line| line.contains("-->"))?;
    let (from, rest) = block[at].split_once("-->")?;
    let to = rest.split_whitespace().next()?;
    Some(Cue { from_ms: milliseconds(from.trim())?, to_ms: milliseconds(to)?, lines: &block[at + 1..] })
}

/// `hh:mm:ss,mmm` or `mm:ss.mmm`.
fn milliseconds(text: &str) -> Option<u64> {
    let (clock, thousandths) = text.split_once([',', '.'])?;
    let number = |text: &str| {
        let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let seconds = clock.splitn(3, ':').try_fold(0, |seconds, part| Some(seconds * 60 + number(part)?))?;
    let thousandths = number(&format!("{thousandths:0<3}")).filter(|ms| *ms < 1_000)?;
    Some(seconds * 1_000 + thousandths)
}

fn time(ms: u64, wanted: Captions) -> String {
    let comma = if wanted == Captions::SubRip { ',' } else { '.' };
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}{comma}{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRT: &str = "1\n00:00:01,000 --> 00:00:02,500\nOne line,\nand another\n\n2\n01:02:03,004 --> 01:02:04,000\n--> no time\n\n";
    const VTT: &str = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nOne line,\nand another\n\n01:02:03.004 --> 01:02:04.000\n--> no time\n\n";

    #[test]
    fn each_way_of_writing_becomes_the_other() {
        for text in [SRT, VTT] {
            assert_eq!(written(text, Captions::SubRip), SRT);
            assert_eq!(written(text, Captions::WebVtt), VTT);
        }
    }

    #[test]
    fn what_is_no_cue_is_left_out() {
        let text = "\u{feff}WEBVTT - a film\r\nKind: captions\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nNOTE nothing\r\n\r\n\
            name\r\n00:01.000 --> 00:02.000 align:start line:0\r\nhere\r\n\r\n00:x --> 00:02.000\r\nnowhere\r\n\r\n9999:0:0:0:0:0:0:0:0:0:0:0:0.0 --> 00:09.000\r\nnever\r\n\r\n00:03 --> ";
        assert_eq!(written(text, Captions::SubRip), "1\n00:00:01,000 --> 00:00:02,000\nhere\n\n");
        assert_eq!(written("", Captions::WebVtt), "WEBVTT\n\n");
        assert_eq!(written("no captions", Captions::SubRip), "");
    }
}
