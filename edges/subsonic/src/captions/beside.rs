//! The files of captions beside a video, and what their names tell of them: `film.srt`, `film.en.vtt`, `film.de.forced.srt`.
//!
//! Between the name of the video and the ending stand a language and a purpose, or one of them, or nothing, as players for homes
//! read them. A name with any other word in it is that of something else.

use budget::limits::CAPTIONS_BESIDE_MAX;
use catalog::Track;
use store::{Error, LibraryFolder, RelPath};
use transform::Captions;

/// As captions are written, the best first.
pub(crate) const WRITTEN: [Captions; 2] = [Captions::WebVtt, Captions::SubRip];

/// What captions are for. Who asks for none in particular gets the first of these that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Whoever wrote the name says that everybody wants these.
    Default,
    /// All that is said.
    Plain,
    /// All that is heard, for those who do not hear it.
    Sdh,
    /// What is said in another language than the rest, or is written in the picture.
    Forced,
}

/// Words of names that tell a purpose. `hi` is one behind a language alone; by itself it is Hindi.
const PURPOSES: [(&str, Purpose); 5] = [
    ("default", Purpose::Default),
    ("sdh", Purpose::Sdh),
    ("cc", Purpose::Sdh),
    ("hi", Purpose::Sdh),
    ("forced", Purpose::Forced),
];

/// A file of captions beside a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    /// What of its name stands behind that of the video: `de.forced.srt`.
    pub(crate) id: String,
    /// ISO 639 or BCP 47.
    pub(crate) language: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) written: Captions,
}

impl Beside {
    /// The file of such a name, if it is one of captions of a video whose name without its ending is `stem`.
    fn named(stem: &str, name: &str) -> Option<Self> {
        let id = name.strip_prefix(stem)?.strip_prefix('.')?;
        let (words, ending) = id.rsplit_once('.').map_or((None, id), |(words, ending)| (Some(words), ending));
        let written = WRITTEN.into_iter().find(|kind| kind.suffix().eq_ignore_ascii_case(ending))?;
        let (mut language, mut purpose) = (None, None);
        for word in words.into_iter().flat_map(|words| words.split('.')) {
            let known = PURPOSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
            match known.filter(|(known, _)| *known != "hi" || language.is_some()) {
                Some((_, known)) if purpose.is_none() => purpose = Some(*known),
                None if language.is_none() => language = Some(language_of(word)?),
                _ => return None,
            }
        }
        let purpose = purpose.unwrap_or(Purpose::Plain);
        Some(Beside { id: id.to_owned(), language, purpose, written })
    }

    /// Where it lies, beside this video.
    pub(crate) fn path(&self, video: &Track) -> Option<RelPath> {
        let name = format!("{}.{}", video.path.stem(), self.id);
        video.path.parent().map_or_else(|| RelPath::parse(&name), |folder| folder.join(&name)).ok()
    }
}

/// A code of ISO 639 with what BCP 47 puts behind it: `en`, `deu`, `pt-BR`, `zh_Hans`.
fn language_of(word: &str) -> Option<String> {
    let mut parts = word.split(['-', '_']);
    let code = parts.next().filter(|code| matches!(code.len(), 2 | 3))?;
    let is_part =
        |part: &str| matches!(part.len(), 2..=8) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let fits = code.bytes().all(|byte| byte.is_ascii_alphabetic()) && parts.all(is_part);
    fits.then(|| word.replace('_', "-"))
}

/// The files of captions beside a video, the first for who asks for none in particular. Blocks while the disk works.
pub(crate) fn beside(folder: &LibraryFolder, video: &Track) -> Result<Vec<Beside>, Error> {
    let mut files = Vec::new();
    folder.each_name(video.path.parent().as_ref(), |name| {
        if files.len() < CAPTIONS_BESIDE_MAX {
            files.extend(Beside::named(video.path.stem(), name));
        }
    })?;
    files.sort_unstable_by(|one: &Beside, other| rank(one).cmp(&rank(other)));
    Ok(files)
}

/// What comes first: files whose names say no language, then in the order of their names.
fn rank(file: &Beside) -> (Purpose, Option<&str>, usize, &str) {
    let written = WRITTEN.iter().position(|kind| *kind == file.written).unwrap_or(WRITTEN.len());
    (file.purpose, file.language.as_deref(), written, &file.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_language_and_purpose() {
        use Captions::{SubRip, WebVtt};
        let check = |name: &str, expected: Option<(Option<&str>, Purpose, Captions)>| {
            let found = Beside::named("film", name);
            let found = found.as_ref().map(|file| (file.language.as_deref(), file.purpose, file.written));
            assert_eq!(found, expected, "{name}");
        };
        check("film.srt", Some((None, Purpose::Plain, SubRip)));
        check("film.VTT", Some((None, Purpose::Plain, WebVtt)));
        check("film.en.srt", Some((Some("en"), Purpose::Plain, SubRip)));
        check("film.deu.Forced.vtt", Some((Some("deu"), Purpose::Forced, WebVtt)));
        check("film.forced.de.srt", Some((Some("de"), Purpose::Forced, SubRip)));
        check("film.pt_BR.srt", Some((Some("pt-BR"), Purpose::Plain, SubRip)));
        check("film.zh-Hans.default.srt", Some((Some("zh-Hans"), Purpose::Default, SubRip)));
        check("film.sdh.srt", Some((None, Purpose::Sdh, SubRip)));
        check("film.hi.srt", Some((Some("hi"), Purpose::Plain, SubRip)));
        check("film.en.hi.srt", Some((Some("en"), Purpose::Sdh, SubRip)));
        for other in [
            "film",
            "film.",
            "filmsrt",
            "film2.srt",
            "other.srt",
            "film.txt",
            "film.en",
            "film.commentary.srt",
            "film.en.de.srt",
            "film.sdh.forced.srt",
            "film..srt",
            "film.e.srt",
            "film.en-.srt",
            "film.e1.srt",
            "film.é.srt",
        ] {
            check(other, None);
        }
    }
}
