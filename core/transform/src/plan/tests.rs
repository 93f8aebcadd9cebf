mod any;
mod captions;
mod finer;
mod golden;
mod real;
mod refused;
mod segments;
mod stage;

use crate::probe::{AudioTrack, Matrix, Probe, Rate, VideoTrack};
use crate::recipe::{Bitrate, Clip, Edge, Fit, Size};
use crate::sniff::Demuxer;

/// An ordinary source: 1080p of a minute with sound.
fn source() -> Probe {
    Probe {
        demuxer: Demuxer::Mov,
        duration_ms: Some(60_000),
        video: Some(VideoTrack {
            index: 0,
            codec: "h264".into(),
            width: 1_920,
            height: 1_080,
            pixel_aspect: (1, 1),
            fps: Rate::new(30, 1),
            is_variable: false,
            is_interlaced: false,
            matrix: Matrix::Bt709,
            rotation_degrees: 0,
            bit_depth: 8,
            light: None,
            duration_ms: Some(60_000),
        }),
        audio: Some(AudioTrack {
            index: 1,
            codec: "aac".into(),
            language: None,
            channels: 2,
            sample_rate_hz: 48_000,
        }),
        sounds: Vec::new(),
        texts: Vec::new(),
        size_bytes: 60_000_000,
        is_picture_refused: false,
    }
}

fn edge(pixels: u64) -> Edge {
    Edge::new(pixels).unwrap()
}

fn size(width: u64, height: u64, fit: Fit) -> Size {
    let some = |pixels| (pixels > 0).then(|| edge(pixels));
    Size { width: some(width), height: some(height), fit }
}

fn clip(start_ms: u64, length_ms: u64) -> Clip {
    Clip::new(start_ms, (length_ms > 0).then_some(length_ms)).unwrap()
}

fn kbps(kbps: u64) -> Option<Bitrate> {
    Some(Bitrate::new(kbps).unwrap())
}
