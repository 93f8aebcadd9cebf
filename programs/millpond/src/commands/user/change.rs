//! `millpond user change`: what a user is, may do and sees.

use catalog::{LibraryRow, LibrarySet, Rights, Role, User, UserChange, Viewer};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use store::FolderId;

use super::{explain, named, shown};
use crate::error::{Error, Result};
use crate::home::Home;
use crate::output::complain;

/// The rights by the names that the command line takes.
const RIGHTS: [&str; 3] = ["upload", "transform", "share"];

pub(super) fn arguments(command: Command) -> Command {
    command.args([
        Arg::new("role")
            .long("role")
            .value_name("ROLE")
            .value_parser(PossibleValuesParser::new(["admin", "user"]))
            .help("What the user is"),
        Arg::new("rights")
            .long("rights")
            .value_name("RIGHT")
            .num_args(1..)
            .value_delimiter(',')
            .value_parser(PossibleValuesParser::new(RIGHTS.into_iter().chain(["none"])))
            .help("What the user may do beyond listening; an admin may everything"),
        Arg::new("see")
            .long("see")
            .value_name("LIBRARY")
            .action(ArgAction::Append)
            .help("A library that the user sees, by its name or folder; once for each"),
        Arg::new("see-all")
            .long("see-all")
            .action(ArgAction::SetTrue)
            .conflicts_with("see")
            .help("The user sees every library, also those that come later"),
        Arg::new("max-bitrate")
            .long("max-bitrate")
            .value_name("KBPS")
            .value_parser(value_parser!(u32))
            .help("No sound is sent to the user with more thousands of bits per second; 0 is no limit"),
    ])
}

pub(super) async fn run(home: &Home, name: &str, given: &ArgMatches) -> Result<()> {
    let user = named(home, name).await?;
    let role = given.get_one::<String>("role");
    let libraries = match given.get_many::<String>("see") {
        Some(wanted) => Some(LibrarySet::Only(wanted_libraries(&all_libraries(home, &user).await?, wanted)?)),
        None => given.get_flag("see-all").then_some(LibrarySet::All),
    };
    let max_bitrate_kbps = given.get_one::<u32>("max-bitrate").copied();
    let change = UserChange {
        role: role.map(|role| if role == "admin" { Role::Admin } else { Role::User }),
        libraries,
        max_bitrate_kbps: max_bitrate_kbps.map(|limit| Some(limit).filter(|kbps| *kbps > 0)),
        ..UserChange::default()
    };
    let change = match given.get_many::<String>("rights") {
        Some(names) => change.with_rights(rights(names)),
        None => change,
    };
    let changed = home.catalog.change_user(user.id, &change).await.map_err(|e| explain(name, &e))?;
    complain(format!("{} is {} now", changed.name, said(&changed)));
    Ok(())
}

/// The rights that are named; `none` names none.
fn rights<'a>(names: impl Iterator<Item = &'a String>) -> Rights {
    let named: Vec<&str> = names.map(String::as_str).collect();
    let has = |right: &str| named.contains(&right);
    Rights { upload: has("upload"), transform: has("transform"), share: has("share") }
}

async fn all_libraries(home: &Home, user: &User) -> Result<Vec<LibraryRow>> {
    let viewer = Viewer { libraries: LibrarySet::All, ..Viewer::of(user) };
    home.catalog.libraries(&viewer).await.map_err(|e| Error::failed(e.to_string()))
}

/// The ids of libraries by name or folder.
fn wanted_libraries<'a>(
    known: &[LibraryRow],
    wanted: impl Iterator<Item = &'a String>,
) -> Result<Vec<FolderId>> {
    let find = |text: &String| {
        let found = known.iter().find(|library| library.name == *text || library.root == *text);
        found.map(|library| library.id).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|library| library.name.as_str()).collect();
            Error::usage(format!("there is no library `{text}`")).hint(format!(
                "there are: {}",
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            ))
        })
    };
    wanted.map(find).collect()
}

/// A user in words: `user, may upload and share, sees 2 libraries`.
fn said(user: &User) -> String {
    let Rights { upload, transform, share } = user.rights;
    let may: Vec<&str> = RIGHTS
        .into_iter()
        .zip([upload, transform, share])
        .filter(|(_, has)| *has)
        .map(|(name, _)| name)
        .collect();
    let may = match (user.role, may.as_slice()) {
        (Role::Admin, _) => "may everything".to_owned(),
        (Role::User, []) => "may listen".to_owned(),
        (Role::User, some) => format!("may {}", some.join(" and ")),
    };
    let sees = match &user.libraries {
        LibrarySet::All => "all libraries".to_owned(),
        LibrarySet::Only(some) => format!("{} of the libraries", some.len()),
    };
    let hears =
        user.max_bitrate_kbps.map(|kbps| format!(", hears at most {kbps} kbit/s")).unwrap_or_default();
    format!("{}, {may}, sees {sees}{hears}", shown(user.role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_by_name_or_folder_and_an_unknown_one_is_named() {
        let row = |id, name: &str, root: &str| LibraryRow {
            id: FolderId(id),
            name: name.to_owned(),
            root: root.to_owned(),
            tracks: 0,
        };
        let known = [row(1, "Music", "/srv/music"), row(2, "Talks", "/srv/talks")];
        let check = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&text| text.to_owned()).collect();
            wanted_libraries(&known, wanted.iter())
        };
        assert_eq!(check(&["Talks", "/srv/music"]).unwrap(), [FolderId(2), FolderId(1)]);
        let error = check(&["Music", "Musik"]).unwrap_err();
        assert!(error.to_string().contains("`Musik`"), "{error}");
    }

    #[test]
    fn rights_are_what_is_named_and_nothing_else() {
        let check = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let Rights { upload, transform, share } = rights(names.iter());
            [upload, transform, share]
        };
        assert_eq!(check(&["upload", "share"]), [true, false, true]);
        assert_eq!(check(&["none"]), [false; 3]);
    }
}
