//! Where the pictures of a spritesheet are and when, as WebVTT (W3C), which players show above the seek bar: each cue names
//! a part of the sheet by a media fragment (`#xywh=`, W3C Media Fragments 1.0 section 4.2.2).

use std::fmt::Write as _;

use transform::Sprite;

/// The map of a sheet at this address, whose cells are so large and so far apart.
pub(crate) fn map(sprite: &Sprite, (width, height): (u32, u32), step_ms: u64, sheet: &str) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for number in 0..sprite.frames() {
        let begin = sprite.clip.start_ms() + u64::from(number) * step_ms;
        let (column, row) = (u32::from(number % sprite.columns()), u32::from(number / sprite.columns()));
        let (x, y) = (column * width, row * height);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{} --> {}\n", moment(begin), moment(begin + step_ms));
        let _ = writeln!(text, "{sheet}#xywh={x},{y},{width},{height}");
    }
    text
}

fn moment(ms: u64) -> String {
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use transform::{Clip, Size};

    use super::*;

    #[test]
    fn each_picture_has_its_time_and_its_place() {
        let clip = Clip::new(3_599_000, None).unwrap();
        let sprite = Sprite::new(clip, Size::default(), 3, 2).unwrap();
        let expected = "WEBVTT\n\n00:59:59.000 --> 01:00:00.500\nsprite.jpg?width=160#xywh=0,0,160,90\n\n\
                        01:00:00.500 --> 01:00:02.000\nsprite.jpg?width=160#xywh=160,0,160,90\n\n\
                        01:00:02.000 --> 01:00:03.500\nsprite.jpg?width=160#xywh=0,90,160,90\n";
        assert_eq!(map(&sprite, (160, 90), 1_500, "sprite.jpg?width=160"), expected);
    }
}
