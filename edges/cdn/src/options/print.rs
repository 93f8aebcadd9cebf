//! A recipe as an address.

use transform::{Codec, Recipe, Video};

use super::shape::Value;
use super::table::{Opt, Spelling, TABLE};
use super::written::Written;

/// The options that mean this recipe: `width=640,fit=cover`, `width=640&fit=cover`, or `video.mp4?width=640&fit=cover`.
///
/// `None` for a recipe that the spelling cannot say: it is beyond a range of Cloudflare's, or no address names it.
pub fn print(recipe: &Recipe, spelling: Spelling) -> Option<String> {
    let written = Written::of(recipe)?;
    let mode = written.mode();
    let mut options = Vec::new();
    for row in TABLE.iter().filter(|row| row.modes.contains(&mode)) {
        let standard = row.option.standard(mode, spelling);
        let Some(value) = written.get(row.option) else {
            // Where something holds without being said, nothing cannot be said.
            if row.option == Opt::Duration && standard.is_some() {
                return None;
            }
            continue;
        };
        let is_in_name = spelling == Spelling::Media && is_in_name(row.option, value);
        let is_needed = row.option == Opt::Mode && value != Value::Word("video");
        if !is_in_name && (is_needed || standard != Some(value)) {
            options.push(format!("{}={}", row.name, row.shape_in(spelling).write(value)?));
        }
    }
    if let Recipe::Sprite(sprite) = recipe
        && sprite.size.width.is_none()
        && sprite.size.height.is_none()
    {
        return None;
    }
    Some(match spelling {
        Spelling::Cloudflare | Spelling::Query if options.is_empty() => "mode=video".to_owned(),
        Spelling::Cloudflare => options.join(","),
        Spelling::Query => options.join("&"),
        Spelling::Media => {
            let file = file(recipe);
            if options.is_empty() { file } else { format!("{file}?{}", options.join("&")) }
        }
    })
}

/// Whether a file's name says it: of the codecs in MP4 it does not.
fn is_in_name(option: Opt, value: Value) -> bool {
    match option {
        Opt::Mode => true,
        Opt::Format => !matches!(value, Value::Word("h265" | "av1")),
        _ => false,
    }
}

/// The name of the file that it is, in our own spelling.
fn file(recipe: &Recipe) -> String {
    match recipe {
        Recipe::Video(Video { codec: Codec::Vp9, .. }) => "video.webm".to_owned(),
        Recipe::Sprite(_) => "sprite.jpg".to_owned(),
        _ => format!("{}.{}", recipe.mode(), recipe.suffix()),
    }
}
