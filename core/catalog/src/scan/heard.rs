//! What happened in the library folders and waits until it is over: who copies an album makes dozens of changes, and each
//! file is worth a look only when it is whole.

use std::time::Duration;

use budget::limits::{WATCH_SETTLE_MS, WATCH_SETTLE_MS_MAX};
use store::{News, Part};
use tokio::time::Instant;

use super::beside;
use super::tags::is_media_name;
use super::wanted::Wanted;

const SETTLE: Duration = Duration::from_millis(WATCH_SETTLE_MS);
const SETTLE_MAX: Duration = Duration::from_millis(WATCH_SETTLE_MS_MAX);

/// What was heard and not yet looked at. All of it falls due together, so that both ends of a move are looked at in one
/// pass, which sees that it is one track.
#[derive(Debug, Default)]
pub(super) struct Heard {
    wanted: Wanted,
    due: Option<Due>,
    /// How often in a row something was left, without any news in between.
    left: u32,
}

/// When it is looked at: once nothing happens, and in the end also when something does.
#[derive(Clone, Copy, Debug)]
struct Due {
    settled: Instant,
    latest: Instant,
}

impl Heard {
    /// Takes a piece of news, if it is any to us.
    pub(super) fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::File(id, path) if is_media_name(&path) => {
                self.wanted.add(id, Part::files_of(path.parent()));
            }
            // The discs in a folder show its picture too.
            News::File(id, path) if beside::is_picture_name(path.file_name()) => {
                self.wanted.add(id, path.parent().map_or_else(Part::all, Part::beneath));
            }
            News::File(..) => return,
            News::Folder(id, path) => self.wanted.add(id, Part::beneath(path)),
            News::Library(id) => self.wanted.add(id, Part::all()),
        }
        self.left = 0;
        let latest = self.due.map_or(now + SETTLE_MAX, |due| due.latest);
        self.due = Some(Due { settled: now + SETTLE, latest });
    }

    /// Takes back what could not be looked at yet, for twice as long each time. News bring it forward.
    pub(super) fn wait_with(&mut self, left: Wanted, now: Instant) {
        self.wanted.add_all(left);
        let pause = SETTLE.saturating_mul(1 << self.left.min(16)).min(SETTLE_MAX);
        self.left += 1;
        self.due.get_or_insert(Due { settled: now + pause, latest: now + pause });
    }

    /// When it is to be looked at; `None` when nothing was heard.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.map(|due| due.settled.min(due.latest))
    }

    /// Takes everything that was heard.
    pub(super) fn take(&mut self) -> Wanted {
        self.due = None;
        std::mem::take(&mut self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use store::{FolderId, RelPath};

    use super::*;

    const ID: FolderId = FolderId(1);

    fn file(text: &str) -> News {
        News::File(ID, RelPath::parse(text).unwrap())
    }

    #[test]
    fn only_what_may_change_a_track_is_news() {
        let now = Instant::now();
        for (news, expected) in [
            (file("a/b.mp3"), Some(Part::files_of(RelPath::parse("a").ok()))),
            (file("b.FLAC"), Some(Part::files_of(None))),
            (file("a/Cover.JPG"), RelPath::parse("a").ok().map(Part::beneath)),
            (file("cover.jpg"), Some(Part::all())),
            (file("a/b.mp3.part"), None),
            (file("a/holiday.jpg"), None),
            (file("a/notes.txt"), None),
            (
                News::Folder(ID, RelPath::parse("a/notes.txt").unwrap()),
                RelPath::parse("a/notes.txt").ok().map(Part::beneath),
            ),
            (News::Library(ID), Some(Part::all())),
        ] {
            let mut heard = Heard::default();
            heard.hear(news.clone(), now);
            assert_eq!(heard.due().is_some(), expected.is_some(), "{news:?}");
            let parts = heard.take().by_library(&[ID]).into_iter().flat_map(|(_, parts)| parts);
            assert_eq!(parts.collect::<Vec<_>>(), Vec::from_iter(expected), "{news:?}");
            assert_eq!(heard.due(), None);
        }
    }

    #[test]
    fn it_falls_due_when_nothing_happens_any_more_and_in_the_end_anyway() {
        let start = Instant::now();
        let mut heard = Heard::default();
        for second in 0..40 {
            let now = start + Duration::from_secs(second);
            heard.hear(file("a.mp3"), now);
            assert_eq!(heard.due(), Some((now + SETTLE).min(start + SETTLE_MAX)), "second {second}");
        }
        heard.take();
        heard.hear(file("a.mp3"), start);
        assert_eq!(heard.due(), Some(start + SETTLE), "what was taken counts no more");
    }

    #[test]
    fn what_is_left_again_and_again_waits_for_longer_and_news_bring_it_forward() {
        let start = Instant::now();
        let mut heard = Heard::default();
        let mut left_for = || {
            let mut left = Wanted::default();
            left.add(ID, Part::files_of(None));
            heard.wait_with(left, start);
            let due = heard.due();
            assert!(!heard.take().is_empty());
            due.map(|due| (due - start).as_secs())
        };
        let pauses = [2, 4, 8, 16, 30, 30];
        assert_eq!(pauses.map(|_| left_for()), pauses.map(Some));
        heard.wait_with(Wanted::everything(), start);
        heard.hear(file("a.mp3"), start);
        assert_eq!(heard.due(), Some(start + SETTLE));
        heard.take();
        heard.wait_with(Wanted::everything(), start);
        assert_eq!(heard.due(), Some(start + SETTLE), "after news it begins anew");
    }
}
