//! What holds for any text, and for any recipe.

use proptest::prelude::*;
use proptest::{collection, option, sample};
use transform::{
    Audio, Bitrate, Clip, Codec, Crop, Drawing, Edge, Encoding, Fit, Fps, Frame, Picture, Quality, Recipe,
    Rotation, Size, Speed, Sprite, Video, Waveform,
};

use super::super::table::TABLE;
use super::*;

fn clip() -> impl Strategy<Value = Clip> {
    (0..86_400_000_u64, option::of(1..86_400_000_u64))
        .prop_map(|(start, length)| Clip::new(start, length).unwrap())
}

fn edge() -> impl Strategy<Value = Edge> {
    (10..=8_192_u64).prop_map(|pixels| Edge::new(pixels).unwrap())
}

fn size() -> impl Strategy<Value = Size> {
    let fit = sample::select(vec![Fit::Contain, Fit::ScaleDown, Fit::Cover]);
    (option::of(edge()), option::of(edge()), fit).prop_map(|(width, height, fit)| Size { width, height, fit })
}

fn bitrate() -> impl Strategy<Value = Option<Bitrate>> {
    option::of((8..=100_000_u64).prop_map(|kbps| Bitrate::new(kbps).unwrap()))
}

fn video() -> impl Strategy<Value = Video> {
    let codec = sample::select(vec![Codec::H264, Codec::H265, Codec::Vp9, Codec::Av1]);
    let quality = sample::select(vec![Quality::Low, Quality::Medium, Quality::High]);
    let fps = option::of((1..=120_u64).prop_map(|fps| Fps::new(fps).unwrap()));
    // A speed of one is none.
    let speed = option::of((25..=400_u64).prop_filter("one", |speed| *speed != 100));
    let rotation =
        option::of(sample::select(vec![Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters]));
    let crop = option::of((edge(), edge(), 0..=8_192_u16, 0..=8_192_u16));
    let look = (fps, speed, rotation, crop);
    (clip(), size(), any::<bool>(), codec, quality, bitrate(), look).prop_map(
        |(clip, size, is_mute, codec, quality, bitrate, (fps, speed, rotation, crop))| Video {
            clip,
            size,
            is_mute,
            codec,
            quality,
            bitrate,
            fps,
            speed: speed.map(|speed| Speed::new(speed).unwrap()),
            rotation,
            crop: crop.map(|(width, height, x, y)| Crop { width, height, x, y }),
        },
    )
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let picture = sample::select(vec![Picture::Jpeg, Picture::Png, Picture::Webp]);
    let encodings =
        vec![Encoding::M4a, Encoding::Aac, Encoding::Mp3, Encoding::Opus, Encoding::Vorbis, Encoding::Flac];
    let sprite = (clip(), size(), 1..=400_u64, 1..=400_u64).prop_map(|(clip, size, frames, columns)| {
        Sprite::new(clip, size, frames, columns.min(frames)).unwrap()
    });
    let audio = (clip(), sample::select(encodings), bitrate()).prop_map(|(clip, encoding, bitrate)| {
        let bitrate = bitrate.filter(|_| encoding != Encoding::Flac);
        Audio { clip, encoding, bitrate, ..Audio::default() }
    });
    prop_oneof![
        video().prop_map(Recipe::Video),
        (0..=86_400_000_u64, size(), picture).prop_map(|(at_ms, size, picture)| Recipe::Frame(Frame {
            at_ms,
            size,
            picture
        })),
        sprite.prop_map(Recipe::Sprite),
        audio.prop_map(Recipe::Audio),
        (1..=16_384_u16).prop_map(|peaks| Recipe::Waveform(Waveform::Peaks(peaks))),
        (edge(), edge()).prop_filter_map("too many pixels", |(width, height)| {
            let drawing = Drawing::new(width, height).ok()?;
            Some(Recipe::Waveform(Waveform::Drawn(drawing)))
        }),
    ]
}

/// What was read of what was printed.
fn again(recipe: &Recipe, spelling: Spelling) -> Option<Recipe> {
    let text = print(recipe, spelling)?;
    let read = match spelling {
        Spelling::Cloudflare => rules().cloudflare(&text),
        Spelling::Query => Ok(asked(&rules(), &text, &Hints::default())),
        Spelling::Media => {
            let (file, query) = text.split_once('?').unwrap_or((&text, ""));
            rules().media(file, query).map(|asked| asked.unwrap_or_else(|| panic!("{text} names no file")))
        }
    };
    let read = read.unwrap_or_else(|bad| panic!("{text}: {bad}"));
    assert!(read.extras.warnings.is_empty(), "{text}: {:?}", read.extras.warnings);
    Some(read.recipe)
}

/// Every word that a recipe may have in its canonical text beside numbers.
const VOCABULARY: &[&str] = &[
    "video",
    "frame",
    "spritesheet",
    "audio",
    "waveform",
    "start",
    "length",
    "width",
    "height",
    "fit",
    "contain",
    "scale-down",
    "cover",
    "codec",
    "h264",
    "h265",
    "vp9",
    "av1",
    "quality",
    "low",
    "medium",
    "high",
    "kbps",
    "fps",
    "speed",
    "rotate",
    "crop",
    "at",
    "format",
    "jpg",
    "png",
    "webp",
    "m4a",
    "aac",
    "mp3",
    "opus",
    "ogg",
    "flac",
    "frames",
    "columns",
    "peaks",
    "-",
    "x",
    "",
];

fn is_ours_alone(recipe: &Recipe) -> bool {
    let text = recipe.canonical();
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit() || b"x+".contains(&byte));
    text.split([' ', '=']).all(|word| VOCABULARY.contains(&word) || is_number(word))
}

/// A query of known names with values that are nearly right, and others.
fn query() -> impl Strategy<Value = String> {
    let names =
        TABLE.iter().flat_map(|row| row.aliases.iter().copied().chain(row.opposite).chain([row.name]));
    let names: Vec<&str> = names.collect();
    let values = vec![
        "640",
        "641",
        "320",
        "0",
        "5s",
        "1m",
        "2:00",
        "true",
        "false",
        "frame",
        "audio",
        "spritesheet",
        "waveform",
        "jpg",
        "png",
        "mp3",
        "vp9",
        "cover",
        "high",
        "90",
        "1.5",
        "800k",
        "64:64:0:0",
        "mobile",
        "thumbnail",
        "view",
        "evil",
    ];
    let value = prop_oneof![4 => sample::select(values).prop_map(str::to_owned), 1 => "\\PC{0,12}"];
    let pair = (sample::select(names), value).prop_map(|(name, value)| format!("{name}={value}"));
    collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"))
}

proptest! {
    #[test]
    fn a_printed_recipe_is_read_as_the_same(recipe in any_recipe()) {
        for spelling in [Spelling::Cloudflare, Spelling::Query, Spelling::Media] {
            if let Some(read) = again(&recipe, spelling) {
                prop_assert_eq!(&read, &recipe);
            } else {
                // Cloudflare's ranges are narrow; elsewhere only a spritesheet without a size cannot be said.
                let sizeless = matches!(&recipe, Recipe::Sprite(sprite)
                    if sprite.size.width.is_none() && sprite.size.height.is_none());
                prop_assert!(spelling == Spelling::Cloudflare || sizeless, "{:?}", recipe);
            }
        }
        prop_assert!(is_ours_alone(&recipe), "{}", recipe.canonical());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}", other in "[a-z0-9=&,.:%/-]{0,60}") {
        for text in [text, other] {
            for rules in [rules(), lenient()] {
                let _ = rules.cloudflare(&text);
                let _ = rules.query(&text, &Hints::default());
                let _ = rules.media(&text, &text);
                let _ = rules.media("video.mp4", &text);
            }
        }
    }

    #[test]
    fn no_text_of_a_user_comes_into_a_recipe(query in query()) {
        for rules in [rules(), lenient()] {
            let spoken = rules.query(&query, &Hints::default());
            let others = [rules.cloudflare(&query.replace('&', ",")).ok(), rules.media("frame.jpg", &query).ok().flatten()];
            let first = match spoken {
                Ok(Spoken::Rendition(asked)) => Some(*asked),
                _ => None,
            };
            for asked in others.into_iter().flatten().chain(first) {
                prop_assert!(is_ours_alone(&asked.recipe), "{} from {query}", asked.recipe.canonical());
            }
        }
    }

    #[test]
    fn what_is_read_is_read_again_from_what_is_printed(query in query()) {
        if let Ok(Spoken::Rendition(asked)) = rules().query(&query, &Hints::default())
            && let Some(read) = again(&asked.recipe, Spelling::Query)
        {
            prop_assert_eq!(read, asked.recipe);
        }
    }
}
