mod golden;
mod properties;

use std::io::Read as _;

use super::table::{Mode, Opt, TABLE};
use super::*;
use crate::Hints;

/// What anybody gets with the settings that nobody changed.
fn rules() -> Rules {
    Rules::default()
}

fn lenient() -> Rules {
    Rules { is_lenient: true, ..Rules::default() }
}

/// The rendition that a query asks for.
fn asked(rules: &Rules, query: &str, hints: &Hints) -> Asked {
    match rules.query(query, hints) {
        Ok(Spoken::Rendition(asked)) => *asked,
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn each_option_stands_in_its_place_and_no_name_means_two() {
    let mut names = Vec::new();
    for (at, row) in TABLE.iter().enumerate() {
        assert_eq!(row.option as usize, at, "{}", row.name);
        assert_eq!(row.option.row().name, row.name);
        names.extend(row.aliases.iter().copied().chain(row.opposite).chain([row.name]));
        for mode in Mode::ALL {
            for spelling in [Spelling::Cloudflare, Spelling::Query, Spelling::Media] {
                let Some(value) = row.option.standard(mode, spelling).filter(|_| row.modes.contains(&mode))
                else {
                    continue;
                };
                assert!(row.shape.write(value).is_some(), "the default of {} is out of its range", row.name);
            }
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is there twice");
    assert_eq!(TABLE.len(), Opt::ImRef as usize + 1);
    assert!(!names.contains(&"expires") && !names.contains(&"signature"));
}

#[test]
fn the_guide_has_the_table_as_the_code_has_it() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/renditions.md");
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "a page of ours, and bounded")]
    std::fs::File::open(page).unwrap().take(1 << 20).read_to_string(&mut text).unwrap();
    let table = reference();
    assert!(text.contains(&table), "docs/guide/renditions.md must have this table:\n{table}");
    for width in rules().ladder.widths() {
        assert!(text.contains(&width.to_string()), "the guide does not name the width {width}");
    }
    for (name, preset) in rules().presets.all() {
        let row = format!("| `{name}` | `{preset}` |");
        assert!(text.contains(&row), "the guide must have this row: {row}");
    }
}

#[test]
fn whoever_is_strict_names_what_is_wrong_and_whoever_is_lenient_drops_and_lists_it() {
    // Options, what is said of them, and the recipe without them.
    let cases = [
        ("width=640&height=9", "`height` must be a whole number of pixels from 10 to 8192", "width=640"),
        (
            "width=640&time=-5s",
            "`time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90",
            "width=640",
        ),
        ("width=640&wdith=5", "`wdith` is no option; did you mean `width`?", "width=640"),
        (
            "width=640&fps=30&mode=frame",
            "`fps` means nothing with mode=frame; it is for video",
            "width=640&mode=frame",
        ),
        ("mode=frame&format=mp4", "`format` must be one of jpg, png, webp with mode=frame", "mode=frame"),
        ("mode=audio&audio=false", "`audio` cannot be false with mode=audio", "mode=audio"),
        (
            "width=640&derivative=huge",
            "`derivative` must be one of desktop, mobile, tablet, thumbnail",
            "width=640",
        ),
    ];
    for (query, said, without) in cases {
        let strict = rules().query(query, &Hints::default()).unwrap_err();
        assert_eq!(strict.to_string(), said, "{query}");
        let dropped = asked(&lenient(), query, &Hints::default());
        assert_eq!(dropped.recipe, asked(&rules(), without, &Hints::default()).recipe, "{query}");
        let listed: Vec<String> = dropped.extras.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(listed, [said], "{query}");
        assert_eq!(dropped.extras.warnings_field().unwrap(), said, "{query}");
    }
}

#[test]
fn free_is_what_presets_and_the_ladder_name_in_the_numbers_as_written() {
    let cases = [
        // Widths of the ladder, and others.
        ("width=640", true),
        ("w=640", true),
        ("width=641", false),
        ("width=320&dpr=2", false),
        ("width=640&dpr=1", true),
        ("width=640&height=360", false),
        ("width=640&time=0&fit=contain&audio=true&quality=auto&rotate=0&speed=1", true),
        ("width=640&time=1s", false),
        ("width=640&duration=60s", false),
        ("width=640&audio=false", false),
        ("width=640&quality=low", false),
        ("width=640&format=h265", false),
        ("width=640&format=h264", true),
        ("width=640&fit=cover", false),
        ("width=640&filename=a.mp4&loop=true&compression=high", true),
        // A whole video in its own size is none of the ladder's.
        ("mode=video", false),
        ("mode=frame", true),
        ("mode=frame&width=854&format=webp", true),
        ("mode=frame&width=855", false),
        ("mode=frame&time=2s", false),
        ("mode=spritesheet", true),
        ("mode=spritesheet&width=320", true),
        ("mode=spritesheet&imageCount=21", false),
        ("mode=audio", true),
        ("format=opus", true),
        ("mode=audio&bitrate=96k", false),
        ("mode=audio&time=0.001", false),
        ("mode=waveform", true),
        ("mode=waveform&peaks=999", false),
        ("mode=waveform&format=png&width=640", true),
        ("mode=waveform&format=png&width=642", false),
        // Presets, and more than a preset.
        ("derivative=mobile", true),
        ("impolicy=thumbnail", true),
        ("derivative=mobile&width=321&height=5000&dpr=3", true),
        ("derivative=thumbnail&time=7s", true),
        ("derivative=mobile&time=7s", false),
        ("derivative=mobile&fps=30", false),
        // What a breakpoint chooses.
        ("imwidth=400", true),
        ("imwidth=401", true),
        ("imwidth=400&mode=frame", true),
        ("imwidth=400&mode=frame&time=1s", false),
        ("imwidth=400&quality=high", false),
    ];
    for (query, free) in cases {
        assert_eq!(asked(&rules(), query, &Hints::default()).is_free, free, "{query}");
    }
    // A minute is what Cloudflare's spelling has when nobody says anything.
    for (options, free) in [
        ("width=640", true),
        ("width=640,duration=60s", true),
        ("width=640,duration=59s", false),
        ("mode=audio", true),
        ("derivative=tablet", true),
    ] {
        assert_eq!(rules().cloudflare(options).unwrap().is_free, free, "{options}");
    }
    for (file, query, free) in [
        ("video.mp4", "width=640", true),
        ("video.mp4", "", false),
        ("video.webm", "width=640", false),
        ("index.m3u8", "width=640", true),
        ("index.m3u8", "", true),
        ("index.m3u8", "fps=7", false),
        ("audio-3.m4s", "", true),
        ("video.m3u8", "", false),
        ("video-3.m4s", "width=640", true),
        ("video-3.m4s", "width=642", false),
        ("frame.png", "", true),
        ("sprite.vtt", "", true),
        ("audio.opus", "", true),
        ("audio.opus", "bitrate=64k", false),
    ] {
        assert_eq!(rules().media(file, query).unwrap().unwrap().is_free, free, "{file}?{query}");
    }
}

#[test]
fn a_stranger_has_few_recipes_whatever_he_writes() {
    let mut free = std::collections::HashSet::new();
    for width in 10..=8_192 {
        for mode in ["video", "frame", "spritesheet"] {
            let query = format!("mode={mode}&width={width}");
            let asked = asked(&rules(), &query, &Hints::default());
            if asked.is_free {
                free.insert(asked.recipe);
            }
        }
        let query = format!("imwidth={width}");
        let asked = asked(&rules(), &query, &Hints::default());
        assert!(asked.is_free);
        free.insert(asked.recipe);
    }
    assert_eq!(free.len(), 3 * rules().ladder.widths().len() + 3);
}

#[test]
fn hints_choose_where_nobody_says_a_size_and_only_there() {
    let fields = |pairs: &[(&'static str, &str)]| {
        let fields = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        Hints::of(&fields.collect())
    };
    let phone: &'static [(&'static str, &'static str)] =
        &[("sec-ch-viewport-width", "412"), ("sec-ch-dpr", "2.625")];
    // The query, the fields, the preset, and whether the fields were looked at.
    type Case = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>, bool);
    let cases: &[Case] = &[
        ("mode=video", phone, Some("tablet"), true),
        ("mode=video&dpr=1", phone, Some("mobile"), true),
        ("mode=frame", phone, Some("tablet"), true),
        ("mode=video", &[], None, true),
        ("mode=video", &[("save-data", "on")], Some("mobile"), true),
        ("mode=video", &[("sec-ch-width", "2000")], Some("desktop"), true),
        ("mode=video", &[("sec-ch-width", "2000"), ("save-data", "on")], Some("tablet"), true),
        ("mode=video", &[("sec-ch-ua-mobile", "?1")], Some("mobile"), true),
        ("mode=video", &[("cf-device-type", "tablet")], Some("tablet"), true),
        ("mode=video", &[("sec-ch-dpr", "1e9"), ("width", "-3"), ("dpr", "nan")], None, true),
        ("width=640", phone, None, false),
        ("height=640", phone, None, false),
        ("mode=audio", phone, None, false),
        ("mode=spritesheet", phone, None, false),
        ("derivative=desktop", phone, Some("desktop"), false),
        ("imwidth=300", phone, Some("mobile"), false),
        ("imwidth=854", &[], Some("mobile"), false),
        ("imwidth=855", &[], Some("tablet"), false),
        ("imwidth=1281", &[], Some("desktop"), false),
        ("imheight=700", &[], Some("tablet"), false),
        ("imheight=9000", &[], Some("desktop"), false),
        ("im-viewwidth=500&im-density=2", &[], Some("tablet"), false),
        ("width=640&imwidth=4000&imref=policy=a,b", &[], None, false),
    ];
    for (query, pairs, preset, by_hints) in cases {
        let asked = asked(&rules(), query, &fields(pairs));
        assert_eq!(asked.preset.as_deref(), *preset, "{query} {pairs:?}");
        assert_eq!(asked.by_hints, *by_hints, "{query} {pairs:?}");
    }
    // An address that asks for nothing gives the source, whatever the client says.
    for query in ["", "&", "filename=a.mp4", "expires=1&signature=a"] {
        let spoken = rules().query(query, &fields(phone)).unwrap();
        assert!(matches!(spoken, Spoken::Original(_)), "{query}: {spoken:?}");
    }
    let mut deaf = rules();
    deaf.responsive.hints = false;
    assert_eq!(asked(&deaf, "mode=video", &fields(phone)).preset, None);
}

#[test]
fn what_does_not_change_the_bytes_is_told_beside_the_recipe() {
    let query =
        "width=640&filename=my-clip.mp4&loop=true&autoplay=false&muted=true&preload=metadata&debug=view";
    let asked = asked(&rules(), query, &Hints::default());
    assert_eq!(asked.recipe, self::asked(&rules(), "width=640", &Hints::default()).recipe);
    assert_eq!(asked.extras.filename.unwrap().as_str(), "my-clip.mp4");
    assert!(asked.extras.debug_view);
    let fields: Vec<(&str, &str)> = asked.extras.playback.fields().collect();
    assert_eq!(
        fields,
        [
            ("x-playback-loop", "true"),
            ("x-playback-autoplay", "false"),
            ("x-playback-muted", "true"),
            ("x-playback-preload", "metadata"),
        ]
    );
    for name in ["a.b.c", "", ".x", "a/b", "..", "a\r\nb", "ü", &"a".repeat(121)] {
        assert!(Name::parse(name).is_none(), "{name:?}");
    }
}

#[test]
fn warnings_never_outgrow_their_field() {
    let many: Vec<String> = (0..60).map(|at| format!("{}{at}=1", "x".repeat(60))).collect();
    let asked = asked(&lenient(), &format!("width=640&{}", many.join("&")), &Hints::default());
    assert_eq!(asked.extras.warnings.len(), 60);
    let field = asked.extras.warnings_field().unwrap();
    assert!(field.len() <= OPTION_WARNINGS_BYTES_MAX && field.len() > OPTION_WARNINGS_BYTES_MAX / 2);
    let over: Vec<String> = (0..65).map(|at| format!("x{at}=1")).collect();
    assert!(lenient().query(&over.join("&"), &Hints::default()).is_err());
    assert!(lenient().query(&format!("width={}", "6".repeat(5_000)), &Hints::default()).is_err());
}
