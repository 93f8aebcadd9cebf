//! What this face can beyond the old protocol. Clients change their ways by it, so each row says what makes it true.

use serde::Serialize;

use crate::router::offers;

/// An extension of the protocol.
pub(crate) struct Extension {
    /// Its name in the protocol, which clients compare letter by letter.
    pub(crate) name: &'static str,
    /// The versions of it that are spoken.
    pub(crate) versions: &'static [u32],
    /// The endpoints that bring it: it is told when all of them are offered.
    pub(crate) needs: &'static [&'static str],
}

/// All that this face could tell of.
pub(crate) const EXTENSIONS: &[Extension] = &[
    // The key is read where every other way to sign in is.
    Extension { name: "apiKeyAuthentication", versions: &[1], needs: &["tokenInfo"] },
    // Every endpoint reads a form as it reads a query.
    Extension { name: "formPost", versions: &[1], needs: &[] },
    Extension { name: "getPodcastEpisode", versions: &[1], needs: &["getPodcastEpisode"] },
    Extension {
        name: "indexBasedQueue",
        versions: &[1],
        needs: &["getPlayQueueByIndex", "savePlayQueueByIndex"],
    },
    Extension { name: "playbackReport", versions: &[1], needs: &["reportPlayback"] },
    Extension { name: "songLyrics", versions: &[1, 2], needs: &["getLyricsBySongId"] },
    Extension { name: "sonicSimilarity", versions: &[1], needs: &["getSonicSimilarTracks", "findSonicPath"] },
    Extension { name: "topSongsByArtistId", versions: &[1], needs: &["getTopSongs"] },
    // `stream` reads `timeOffset` since there is something to transcode with.
    Extension { name: "transcodeOffset", versions: &[1], needs: &["stream", "getTranscodeStream"] },
    Extension { name: "transcoding", versions: &[1], needs: &["getTranscodeDecision", "getTranscodeStream"] },
];

/// An extension as clients read it.
#[derive(Serialize)]
pub(crate) struct Told {
    name: &'static str,
    versions: &'static [u32],
}

/// Those that are true of the table of endpoints as it is.
pub(crate) fn told() -> Vec<Told> {
    let is_true = |extension: &&Extension| extension.needs.iter().all(|name| offers(name));
    EXTENSIONS.iter().filter(is_true).map(|row| Told { name: row.name, versions: row.versions }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROUTES;

    #[test]
    fn an_extension_is_told_when_its_endpoints_are_offered_and_else_never() {
        let told: Vec<&str> = told().iter().map(|row| row.name).collect();
        for Extension { name, needs, .. } in EXTENSIONS {
            let missing = needs
                .iter()
                .find(|needed| !ROUTES.iter().any(|route| route.name == **needed && route.refusal.is_none()));
            assert_eq!(told.contains(name), missing.is_none(), "{name} needs {missing:?}");
        }
        assert!(told.contains(&"formPost") && told.contains(&"apiKeyAuthentication"), "{told:?}");
        assert!(!told.contains(&"sonicSimilarity"), "its rows are refusals: {told:?}");
        assert!(EXTENSIONS.is_sorted_by_key(|row| row.name), "one place for each");
    }
}
