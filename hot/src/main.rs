//! The hot paths, each run so many times by its name, for tools that count instructions and allocations.
//!
//! **Promise.** `hot NAME COUNT` does the same set-up whatever `COUNT` is, so that the difference between two counts is
//! the path alone. Nothing in it depends on the clock, on the machine's mood or on the order of threads, as far as that
//! can be helped; a path that goes another way than it should ends with an error and not with a cheap number.
//!
//! **Flow.** A name → its row in [`PATHS`] → set-up → the path, `COUNT` times. Without arguments the table is printed,
//! one path a line: the name and the two counts to measure with. A new path is a new row here and nothing else.
//!
//! **Not here.** Counting, comparing, thresholds (`cargo x bench --gate`), and anything that a server needs.

mod answers;
mod law;
mod listing;
mod parsing;
mod wire;

use std::error::Error;
use std::process::ExitCode;

/// What a path says when it cannot be run as it should. Nobody handles it: it is read by whoever started the bench.
type Failure = Box<dyn Error + Send + Sync>;

type Result<T> = std::result::Result<T, Failure>;

/// One hot path.
struct Path {
    name: &'static str,
    /// The smaller count: enough for everything that happens once.
    few: u64,
    /// The larger count: so much more that what varies from run to run (the seeds of hash maps, which process comes
    /// first) is below one in a hundred of the difference.
    many: u64,
    /// Sets up and runs it so many times.
    run: fn(u64) -> Result<()>,
}

const PATHS: &[Path] = &[
    Path { name: "range", few: 100, many: 2_100, run: parsing::ranges },
    Path { name: "head_whole", few: 20, many: 520, run: answers::head_whole },
    Path { name: "head_range", few: 20, many: 520, run: answers::head_range },
    Path { name: "head_not_modified", few: 20, many: 520, run: answers::head_not_modified },
    Path { name: "body_small", few: 20, many: 520, run: answers::body_small },
    Path { name: "body_resident", few: 4, many: 104, run: answers::body_resident },
    Path { name: "copy_5_mb", few: 1, many: 11, run: answers::copy_5_mb },
    Path { name: "copy_50_mb", few: 1, many: 3, run: answers::copy_50_mb },
    Path { name: "permit", few: 100, many: 2_100, run: law::permit },
    Path { name: "slot", few: 100, many: 2_100, run: law::slot },
    Path { name: "listing_500", few: 4, many: 24, run: listing::songs },
    Path { name: "wire_turn", few: 4, many: 104, run: wire::turn },
    Path { name: "wire_5_mb", few: 4, many: 54, run: wire::whole_5_mb },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = match arguments.as_slice() {
        [] => {
            PATHS.iter().for_each(|path| println!("{} {} {}", path.name, path.few, path.many));
            Ok(())
        }
        [name, count] => run(name, count),
        _ => Err("hot NAME COUNT, or nothing for the names".into()),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, count: &str) -> Result<()> {
    let path = PATHS.iter().find(|path| path.name == name).ok_or_else(|| format!("no path `{name}`"))?;
    (path.run)(count.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs_and_its_counts_differ() {
        for path in PATHS {
            assert!(0 < path.few && path.few < path.many, "{}", path.name);
            (path.run)(2).unwrap_or_else(|error| panic!("{}: {error}", path.name));
        }
    }
}
