//! How far a scan is, and the figures of all scans.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::FolderId;

use super::passed_over::PassedOver;
use crate::model::UnixMs;

/// How far a scan is, or what the last one found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether one runs now, or was asked for and is about to.
    pub running: bool,
    /// The folder that is being looked through.
    pub folder: Option<FolderId>,
    /// What it found, over all folders so far.
    pub counts: Counts,
    /// When the last scan ended that did not fail.
    pub ended: Option<UnixMs>,
    /// What the last scan of everything failed with.
    pub failure: Option<String>,
}

impl Status {
    /// That of a scan that is about to begin after this one. What was wrong with everything is not mended by a look at
    /// a part.
    pub(super) fn next(&self, is_everything: bool) -> Self {
        let failure = self.failure.clone().filter(|_| !is_everything);
        Status { running: true, ended: self.ended, failure, ..Status::default() }
    }
}

/// What a scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files with the name of an audio file.
    pub seen: u64,
    /// Tracks that are new.
    pub added: u64,
    /// Tracks whose files have other bytes than before.
    pub changed: u64,
    /// Tracks whose files were there before and are not.
    pub missing: u64,
    /// Tracks that were missing and are there again, unchanged.
    pub back: u64,
    /// Files that are no audio or could not be read.
    pub failed: u64,
    /// Files of sound and video whose formats nobody here reads.
    pub passed_over: PassedOver,
}

impl Counts {
    pub(super) fn add(&mut self, found: Counts) {
        self.seen += found.seen;
        self.added += found.added;
        self.changed += found.changed;
        self.missing += found.missing;
        self.back += found.back;
        self.failed += found.failed;
        self.passed_over.add(found.passed_over);
    }

    /// Whether anything is not as it was.
    pub(super) fn is_news(&self) -> bool {
        Counts { seen: 0, passed_over: PassedOver::default(), ..*self } != Counts::default()
    }
}

/// What one scan found, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Folders that were looked through.
    pub folders: u64,
    /// What was found in them.
    pub counts: Counts,
    /// From start to end.
    pub duration_ms: u64,
}

#[derive(Clone, Default)]
pub(super) struct Figures {
    pub(super) running: Gauge,
    pub(super) seen: Counter,
    pub(super) added: Counter,
    pub(super) changed: Counter,
    pub(super) missing: Counter,
    pub(super) failed: Counter,
    pub(super) duration_seconds: Gauge,
    pub(super) last_failed: Gauge,
    pub(super) watched_folders: Gauge,
}

impl Figures {
    pub(super) fn count(&self, found: Counts) {
        self.seen.inc_by(found.seen);
        self.added.inc_by(found.added);
        self.changed.inc_by(found.changed);
        self.missing.inc_by(found.missing);
        self.failed.inc_by(found.failed);
    }

    pub(super) fn register(self, registry: &mut Registry) {
        registry.register("scan_running", "Whether a scan runs now", self.running);
        registry.register("scan_files_seen", "Audio files that scans came by", self.seen);
        registry.register("scan_tracks_added", "Tracks that scans found new", self.added);
        registry.register("scan_tracks_changed", "Tracks whose files scans found changed", self.changed);
        registry.register("scan_tracks_missing", "Tracks whose files scans found gone", self.missing);
        registry.register("scan_files_failed", "Files that scans could not take for tracks", self.failed);
        let help = "How long the last scan of everything took";
        registry.register("scan_last_duration_seconds", help, self.duration_seconds);
        let help = "Whether the last scan of everything failed: a folder could not be looked through";
        registry.register("scan_last_failed", help, self.last_failed);
        let help = "Folders that were watched for changes when the last scan ended";
        registry.register("watched_folders", help, self.watched_folders);
    }
}
