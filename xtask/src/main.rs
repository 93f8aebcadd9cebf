//! `cargo x`: the names of the workshop's commands. What they do is in the library.
//!
//! **Promise.** Ends with code 0 only when everything that was asked for was done.
//!
//! **Flow.** Arguments → one function of the library → its failure, if any, on the error output.
//!
//! **Not here.** Anything but names and arguments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use xtask::{Result, bench, corpus, files, models, prove, stages, tidy, up};

fn main() -> ExitCode {
    let matches = commands().get_matches();
    match started(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo x: {error}");
            ExitCode::FAILURE
        }
    }
}

fn commands() -> Command {
    let list = || Arg::new("list").long("list").action(ArgAction::SetTrue).help("Print the names and end");
    let number = number_argument;
    Command::new("cargo x")
        .about("Millpond's workshop")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("up")
                .about(
                    "Build a server, start it on your music or on a demo library, and say how to play a song",
                )
                .arg(
                    Arg::new("library")
                        .long("library")
                        .value_name("DIR")
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(PathBuf))
                        .help("A folder with music; without one a demo library is made"),
                )
                .arg(
                    Arg::new("models")
                        .long("models")
                        .action(ArgAction::SetTrue)
                        .help("Fetch the weights that take songs apart too, 73 MB"),
                )
                .arg(Arg::new("flags").last(true).num_args(0..).help("Further flags for `millpond serve`")),
        )
        .subcommand(
            Command::new("test")
                .about("Everything that CI runs, in order; stops at the first stage that fails")
                .arg(Arg::new("only").long("only").value_name("STAGE").help("Run this stage alone"))
                .arg(list()),
        )
        .subcommand(Command::new("tidy").about("Check the rules of the house that no compiler knows"))
        .subcommand(
            Command::new("corpus")
                .about("Generate a library of real files with real tags")
                .arg(Arg::new("folder").value_name("DIR").required(true).value_parser(value_parser!(PathBuf)))
                .arg(number("tracks", "20000", "How many tracks"))
                .arg(number("seed", "1", "The same seed gives the same tree")),
        )
        .subcommand(
            Command::new("models")
                .about("Fetch the weights that take songs apart, and add them to a data folder")
                .arg(
                    Arg::new("data")
                        .long("data")
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("The server's data folder; without one, that of this user"),
                ),
        )
        .subcommand(bench_command().arg(list()))
        .subcommand(
            Command::new("prove")
                .about("The proofs that take long")
                .arg(Arg::new("name"))
                .arg(list())
                .arg(number("seconds", "60", "Seconds for each fuzz target, or for the listeners")),
        )
}

fn number_argument(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).default_value(default).value_parser(value_parser!(u64)).help(help)
}

fn bench_command() -> Command {
    let number = number_argument;
    Command::new("bench")
        .about("Measure beside a peer and write the result into docs/measurements")
        .arg(Arg::new("name"))
        .arg(
            Arg::new("gate")
                .long("gate")
                .action(ArgAction::SetTrue)
                .conflicts_with("name")
                .help("Count what the hot paths cost, beside the last release"),
        )
        .arg(
            Arg::new("write")
                .long("write")
                .action(ArgAction::SetTrue)
                .requires("gate")
                .help("Make this the baseline of the workspace's version"),
        )
        .arg(number("tracks", "20000", "Size of the library"))
        .arg(number("rounds", "3", "Our runs; the median counts"))
        .arg(number("peer-rounds", "1", "The peer's runs"))
        .arg(Arg::new("only").long("only").value_name("ROW").help("One row of `wire` alone, no page"))
        .arg(
            Arg::new("short")
                .long("short")
                .action(ArgAction::SetTrue)
                .help("A try: less of everything, no page"),
        )
}

fn started(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("up", given)) => {
            let libraries: Vec<PathBuf> = given.get_many("library").into_iter().flatten().cloned().collect();
            let flags: Vec<String> = given.get_many("flags").into_iter().flatten().cloned().collect();
            up::up(&libraries, given.get_flag("models"), &flags)
        }
        Some(("test", given)) if given.get_flag("list") => {
            stages::STAGES.iter().for_each(|stage| println!("{:8} {}", stage.name, stage.about));
            Ok(())
        }
        Some(("test", given)) => stages::run(given.get_one::<String>("only").map(String::as_str)),
        Some(("models", given)) => {
            let program = stages::server(&files::workspace())?;
            models::add(&program, given.get_one::<PathBuf>("data").map(PathBuf::as_path))
        }
        Some(("tidy", _)) => tidy::check(&files::workspace()),
        Some(("corpus", given)) => {
            let options = corpus::Options {
                tracks: number(given, "tracks") as usize,
                seed: number(given, "seed"),
                progress: true,
            };
            let folder = given.get_one::<PathBuf>("folder").cloned().unwrap_or_default();
            let made = corpus::generate(&folder, &options)?;
            println!("{} tracks on {} albums, {} MB", made.tracks, made.albums, made.bytes / 1_000_000);
            Ok(())
        }
        Some(("bench", given)) if given.get_flag("gate") => bench::gate::run(given.get_flag("write")),
        Some(("bench", given)) => match given.get_one::<String>("name") {
            Some(name) => bench::run(
                name,
                &bench::Options {
                    tracks: number(given, "tracks") as usize,
                    rounds: number(given, "rounds") as usize,
                    peer_rounds: number(given, "peer-rounds") as usize,
                    only: given.get_one::<String>("only").cloned(),
                    short: given.get_flag("short"),
                },
            ),
            None => {
                bench::BENCHES.iter().for_each(|bench| println!("{:10} {}", bench.name, bench.about));
                Ok(())
            }
        },
        Some(("prove", given)) => match given.get_one::<String>("name") {
            Some(name) => prove::run(name, number(given, "seconds")),
            None => {
                prove::PROOFS.iter().for_each(|proof| println!("{:10} {}", proof.name, proof.about));
                Ok(())
            }
        },
        _ => Ok(()),
    }
}

fn number(given: &ArgMatches, name: &str) -> u64 {
    given.get_one(name).copied().unwrap_or_default()
}
