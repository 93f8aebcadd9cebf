//! Names for generated artists, albums and songs, in several scripts and with the characters that break things.

use super::Random;

const GIVEN: &[&str] = &[
    "Ada",
    "Bruno",
    "Chloé",
    "Dmitri",
    "Eleni",
    "Fatima",
    "Göran",
    "Hana",
    "Ines",
    "João",
    "Katya",
    "Liam",
    "Mei",
    "Noor",
    "Ólafur",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tomás",
    "Uma",
    "Veronika",
    "Wen",
    "Xenia",
    "Yara",
    "Zoë",
    "Αλέξης",
    "Ελένη",
    "Борис",
    "Наташа",
    "美咲",
    "健太",
    "小龙",
    "서연",
];
const FAMILY: &[&str] = &[
    "Ångström",
    "Brook",
    "Carvalho",
    "D'Amico",
    "Eriksen",
    "Fischer",
    "Grinwald",
    "Hoffmann",
    "Ito",
    "Jansen",
    "Kowalska",
    "Lindqvist",
    "Mills",
    "Nakamura",
    "O'Neill",
    "Petrova",
    "Quist",
    "Rivers",
    "Szabó",
    "Tanaka",
    "Underwood",
    "Vasquez",
    "Weir",
    "Xu",
    "Yılmaz",
    "Zielińska",
    "Παπαδόπουλος",
    "Иванов",
    "田中",
    "김",
];
const BAND: &[&str] = &[
    "{} Quartet",
    "The {} Band",
    "{} & the Weirs",
    "{}!",
    "\"{}\"",
    "{}/Undertow",
    "DJ {}",
    "{} (live)",
    "{}: Trio",
];
const COLOUR: &[&str] = &[
    "Still",
    "Amber",
    "Broken",
    "Cold",
    "Distant",
    "Early",
    "Frozen",
    "Golden",
    "Hidden",
    "Idle",
    "Jade",
    "Kindred",
    "Long",
    "Milky",
    "Northern",
    "Open",
    "Pale",
    "Quiet",
    "Red",
    "Silver",
    "Thin",
    "Upper",
    "Velvet",
    "Wide",
    "Тихая",
    "静かな",
    "Ήσυχη",
    "Été",
    "Über",
    "Niño's",
    "50%",
];
const THING: &[&str] = &[
    "Water",
    "Bridge",
    "Current",
    "Dam",
    "Eddy",
    "Ferry",
    "Gate",
    "Harbour",
    "Island",
    "Jetty",
    "Keel",
    "Lock",
    "Meander",
    "Night",
    "Oar",
    "Pond",
    "Quay",
    "Reeds",
    "Sluice",
    "Tide",
    "Undertow",
    "Valley",
    "Wheel",
    "Yard",
    "река",
    "水",
    "Λίμνη",
    "Straße",
    "Fjörður",
];
const GENRES: &[&str] = &[
    "Ambient",
    "Blues",
    "Chamber",
    "Classical",
    "Drum & Bass",
    "Electronic",
    "Folk",
    "Funk",
    "Hip-Hop",
    "Indie",
    "Jazz",
    "Metal",
    "Pop",
    "Rock",
    "Soul",
    "Techno",
    "World",
    "Bossa Nova",
    "Ελληνικά",
    "演歌",
];

/// The name of an artist, different for every number.
pub(super) fn artist(number: usize) -> String {
    let mut random = Random::new(number as u64, 11);
    // Family names count up and given names walk beside them, so that all the pairs pass before one comes again.
    let family = FAMILY.get(number % FAMILY.len()).copied().unwrap_or_default();
    let given = GIVEN.get((number / FAMILY.len() + number) % GIVEN.len()).copied().unwrap_or_default();
    let round = number / (FAMILY.len() * GIVEN.len());
    let name = format!("{given} {family}");
    let name = if random.percent(25) { random.pick(BAND).replace("{}", &name) } else { name };
    if round == 0 { name } else { format!("{name} {}", roman(round)) }
}

/// The title of an album, different for every number.
pub(super) fn album(number: usize) -> String {
    let pairs = COLOUR.len() * THING.len();
    // 7919 is a prime that divides neither list, so this walks through all the pairs before one comes again.
    let pair = number.wrapping_mul(7_919) % pairs;
    let colour = COLOUR.get(pair % COLOUR.len()).copied().unwrap_or_default();
    let thing = THING.get(pair / COLOUR.len()).copied().unwrap_or_default();
    match number / pairs {
        0 => format!("{colour} {thing}"),
        volume => format!("{colour} {thing}, Vol. {}", volume + 1),
    }
}

/// The title of a song.
pub(super) fn song(random: &mut Random) -> String {
    let (colour, thing) = (random.pick(COLOUR), random.pick(THING));
    match random.below(6) {
        0 => thing.to_owned(),
        1 => format!("{thing} ({colour} Mix)"),
        2 => format!("Why the {colour} {thing}?"),
        3 => format!("{colour} / {thing}"),
        _ => format!("{colour} {thing}"),
    }
}

/// A genre.
pub(super) fn genre(random: &mut Random) -> String {
    random.pick(GENRES).to_owned()
}

/// Some lines of lyrics.
pub(super) fn lyrics(random: &mut Random) -> String {
    let lines: Vec<String> =
        (0..8).map(|_| format!("{} by the {}", song(random), random.pick(THING))).collect();
    lines.join("\n")
}

/// The same name as a file may have it: no slash, no NUL, at most 80 characters, no dot in front.
pub(super) fn for_a_file(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).take(80).collect();
    safe.trim_start_matches('.').trim().to_owned()
}

fn roman(number: usize) -> String {
    const SIGNS: &[(usize, &str)] = &[
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut left = number + 1;
    let mut text = String::new();
    for (value, sign) in SIGNS {
        while left >= *value {
            text.push_str(sign);
            left -= value;
        }
    }
    text
}
