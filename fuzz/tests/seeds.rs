//! Every seed of every target, replayed in each run of the suite.
#![expect(clippy::unwrap_used, reason = "a missing seed is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_passes_its_target() {
    // A panic on another thread, as in a scan's reader, does not reach us by itself.
    let fell = Arc::new(AtomicBool::new(false));
    let usual = std::panic::take_hook();
    let seen = Arc::clone(&fell);
    std::panic::set_hook(Box::new(move |panic| {
        seen.store(true, Ordering::SeqCst);
        usual(panic);
    }));
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, target) in fuzz::TARGETS {
        let inputs = entries(&seeds.join(name));
        assert!(inputs.len() >= 5, "{name} has only {} seeds", inputs.len());
        for path in inputs {
            #[expect(clippy::disallowed_methods, reason = "seeds are ours and small")]
            let input = fs::read(&path).unwrap();
            println!("{}", path.display());
            target(&input);
            // Cut and bent copies of each seed: cheap, and they reach the edges that whole inputs do not.
            let step = input.len() / 48 + 1;
            (0..input.len()).step_by(step).for_each(|end| target(&input[..end]));
            for place in (0..input.len()).step_by(step) {
                let mut bent = input.clone();
                bent[place] ^= 0x10;
                target(&bent);
            }
            assert!(!fell.load(Ordering::SeqCst), "a thread panicked on {}", path.display());
        }
    }
}

#[test]
fn every_target_has_its_program_and_its_folder() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| -> Vec<String> {
        let paths = entries(&home.join(folder));
        paths.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let mut targets: Vec<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names("targets"), targets);
    assert_eq!(names("seeds"), targets);
}
