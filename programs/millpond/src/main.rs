//! Millpond, the one binary: a media server whose memory stays flat.
//!
//! **Promise.** One table of keys decides everything that an operator may; an error names the key, file or address it is
//! about and the next step; a stop lets running answers finish and joins every task.
//!
//! **Flow.** `commands` reads the command line → `settings` merges it with variables and the file → a command opens a
//! `home` (data folder, database, sign-in) → `serve` builds every part (`wiring`) and hands the routes to `listen`.
//!
//! **Not here.** What the parts do. This program decides who gets which, starts them, and stops them.

mod allocator;
mod commands;
mod descriptors;
mod error;
mod figures;
mod following;
mod home;
mod keeping;
mod listen;
mod logging;
mod making;
mod output;
mod settings;
mod spare;
mod stems;
mod telling;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The server starts this program again for each child: not a command that anybody gives, and before anything else,
    // because what is to be given away must not be there first.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == transform::guard::WORD) {
        return transform::guard::main(args);
    }
    allocator::settle();
    // And for each song that is taken apart, behind the guard.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == stems::WORD) {
        return stems::child_main(args);
    }
    match commands::run() {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
