//! A reader of playlists that is as strict as RFC 8216 and what Apple's players ask for beyond it.

/// What a master playlist lists.
pub(crate) struct Master {
    pub(crate) variants: Vec<Variant>,
    /// The address of the list of the sound.
    pub(crate) sound: Option<String>,
}

pub(crate) struct Variant {
    pub(crate) bandwidth: u64,
    pub(crate) resolution: (u32, u32),
    pub(crate) address: String,
}

/// What a media playlist lists.
pub(crate) struct List {
    pub(crate) map: String,
    /// How long in seconds, and where.
    pub(crate) segments: Vec<(f64, String)>,
}

/// A reference against the path and query where it stands (RFC 3986 section 5.2).
pub(crate) fn joined(at: &str, reference: &str) -> String {
    let path = at.split('?').next().unwrap_or_default();
    let mut folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let mut rest = reference;
    while let Some(up) = rest.strip_prefix("../") {
        folder = &folder[..folder.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1)];
        rest = up;
    }
    format!("{folder}{rest}")
}

/// The value of an attribute, without its marks; commas inside of marks end nothing.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = line.split_once(':')?.1;
    loop {
        let (key, behind) = rest.split_once('=')?;
        let (value, next) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        if key == name {
            return Some(value);
        }
        rest = next;
    }
}

fn needed<'a>(line: &'a str, name: &str) -> Result<&'a str, String> {
    attribute(line, name).ok_or_else(|| format!("{name} is missing: {line}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// The lines behind what every list of segments in MP4 begins with.
fn begun(text: &str) -> Result<Vec<&str>, String> {
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("it does not begin with #EXTM3U".to_owned());
    }
    let rest: Vec<&str> = lines.collect();
    let version = rest.iter().find_map(|line| line.strip_prefix("#EXT-X-VERSION:")).ok_or("no version")?;
    if number::<u32>(version)? < 6 {
        return Err(format!("EXT-X-MAP needs version 6, and it is {version}"));
    }
    if !rest.contains(&"#EXT-X-INDEPENDENT-SEGMENTS") {
        return Err("it does not say that segments are independent".to_owned());
    }
    let known = |line: &&&str| {
        let tag = line.split(':').next().unwrap_or_default();
        !line.starts_with('#') || TAGS.contains(&tag)
    };
    match rest.iter().find(|line| !known(line) || line.trim() != **line || line.is_empty()) {
        Some(odd) => Err(format!("what is this: {odd:?}")),
        None => Ok(rest),
    }
}

const TAGS: [&str; 10] = [
    "#EXT-X-VERSION",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    "#EXT-X-MEDIA",
    "#EXT-X-STREAM-INF",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE",
    "#EXT-X-PLAYLIST-TYPE",
    "#EXT-X-MAP",
    "#EXTINF",
    "#EXT-X-ENDLIST",
];

impl Master {
    pub(crate) fn read(text: &str) -> Result<Master, String> {
        let lines = begun(text)?;
        let media = lines.iter().find(|line| line.starts_with("#EXT-X-MEDIA:"));
        let sound = match media {
            Some(line) => {
                if needed(line, "TYPE")? != "AUDIO" || needed(line, "NAME")?.is_empty() {
                    return Err(format!("this is no sound: {line}"));
                }
                Some((needed(line, "GROUP-ID")?, needed(line, "URI")?))
            }
            None => None,
        };
        let mut variants = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if !line.starts_with("#EXT-X-STREAM-INF:") {
                if !line.starts_with('#') && !lines[at.max(1) - 1].starts_with("#EXT-X-STREAM-INF:") {
                    return Err(format!("nothing is said about {line}"));
                }
                continue;
            }
            let address = lines.get(at + 1).filter(|next| !next.starts_with('#')).ok_or("no address")?;
            let (width, height) = needed(line, "RESOLUTION")?.split_once('x').ok_or("no size")?;
            let codecs = needed(line, "CODECS")?;
            if attribute(line, "AUDIO") != sound.map(|(group, _)| group)
                || codecs.contains("mp4a.40.2") != sound.is_some()
                || !codecs.starts_with("avc1.6400")
            {
                return Err(format!("picture and sound are not what {line} says"));
            }
            number::<f64>(needed(line, "FRAME-RATE")?)?;
            variants.push(Variant {
                bandwidth: number(needed(line, "BANDWIDTH")?)?,
                resolution: (number(width)?, number(height)?),
                address: (*address).to_owned(),
            });
        }
        let rising = variants.windows(2).all(|two| two[0].bandwidth < two[1].bandwidth);
        if variants.is_empty() || !rising {
            return Err("there is nothing to choose from, or not from the least on".to_owned());
        }
        Ok(Master { variants, sound: sound.map(|(_, address)| address.to_owned()) })
    }
}

impl List {
    pub(crate) fn read(text: &str) -> Result<List, String> {
        let lines = begun(text)?;
        let said = |tag: &str| lines.iter().find_map(|line| line.strip_prefix(tag));
        let target: f64 = number(said("#EXT-X-TARGETDURATION:").ok_or("no target duration")?)?;
        if said("#EXT-X-PLAYLIST-TYPE:") != Some("VOD") || lines.last() != Some(&"#EXT-X-ENDLIST") {
            return Err("it is not said to be all that there will be".to_owned());
        }
        let map = lines.iter().position(|line| line.starts_with("#EXT-X-MAP:")).ok_or("no EXT-X-MAP")?;
        let first = lines.iter().position(|line| line.starts_with("#EXTINF:")).ok_or("no segment")?;
        if map > first {
            return Err("EXT-X-MAP stands behind a segment that needs it".to_owned());
        }
        let mut segments = Vec::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("#EXTINF:")) {
            let seconds =
                line.strip_prefix("#EXTINF:").and_then(|rest| rest.strip_suffix(',')).ok_or("no comma")?;
            let seconds: f64 = number(seconds)?;
            if seconds.round() > target || seconds <= 0.0 {
                return Err(format!("{seconds} s is no length of a segment of at most {target} s"));
            }
            let address = lines.get(at + 1).filter(|next| !next.starts_with('#')).ok_or("no address")?;
            segments.push((seconds, (*address).to_owned()));
        }
        let addresses = lines.iter().filter(|line| !line.starts_with('#')).count();
        if addresses != segments.len() {
            return Err("a segment has no length".to_owned());
        }
        Ok(List { map: needed(lines[map], "URI")?.to_owned(), segments })
    }

    /// How long it says that it is.
    pub(crate) fn seconds(&self) -> f64 {
        self.segments.iter().map(|(seconds, _)| seconds).sum()
    }
}

#[test]
fn the_reader_is_strict() {
    let good = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n\
                #EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:4.004,\na.m4s\n#EXTINF:1.2,\nb.m4s\n#EXT-X-ENDLIST\n";
    assert!(List::read(good).is_ok_and(|list| list.segments.len() == 2));
    for (part, other) in [
        ("#EXTM3U\n", ""),
        ("VERSION:7", "VERSION:3"),
        ("#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
        ("DURATION:4", "DURATION:3"),
        ("#EXT-X-MAP:URI=\"i.mp4\"\n", ""),
        ("#EXTINF:1.2,\n", ""),
        ("4.004", "0"),
        ("#EXT-X-ENDLIST\n", ""),
        ("VOD", "EVENT"),
        ("b.m4s", "\nb.m4s"),
        ("#EXTINF:1.2", "#EXT-X-FOO\n#EXTINF:1.2"),
    ] {
        assert!(good.contains(part) && List::read(&good.replace(part, other)).is_err(), "without {part:?}");
    }
    let good = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"s\",NAME=\"s\",URI=\"a.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=9,CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=2x2,FRAME-RATE=25.000,AUDIO=\"s\"\n\
                v.m3u8\n";
    assert!(Master::read(good).is_ok_and(|master| master.sound.as_deref() == Some("a.m3u8")));
    for (part, other) in [
        ("BANDWIDTH=9,", ""),
        (",mp4a.40.2", ""),
        ("AUDIO=\"s\"", "AUDIO=\"t\""),
        ("v.m3u8\n", ""),
        ("2x2", "2"),
    ] {
        assert!(good.contains(part) && Master::read(&good.replace(part, other)).is_err(), "without {part:?}");
    }
}
