//! Landlock: what is not named here cannot be opened, by whatever name, from the moment that the fence is closed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, NetPort, PathBeneath, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::fs::FileType;

use super::SERVED_PORT;
use super::orders::{Fed, Orders};

/// Where programs have their libraries, and the loader that runs them.
const LIBRARIES: [&str; 8] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/libexec"];
/// What libraries want to read.
const READABLE: [&str; 3] = ["/etc/ld.so.cache", "/dev/urandom", "/dev/null"];

/// Whether this kernel would keep a fence. It closes one in which there is nothing.
pub(super) fn works() -> bool {
    let closed = all().and_then(Ruleset::create).and_then(RulesetCreated::restrict_self);
    closed.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// Everything that Landlock knows of and this kernel can keep: what a newer one adds is not needed for the rest to hold.
fn all() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V9))?
        .handle_access(AccessNet::from_all(ABI::V9))?
        .scope(Scope::from_all(ABI::V9))
}

pub(super) fn close(orders: &Orders) -> Result<(), String> {
    match rules(orders).and_then(RulesetCreated::restrict_self) {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err("this kernel does not keep it".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

fn rules(orders: &Orders) -> Result<RulesetCreated, RulesetError> {
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let program: &Path = &orders.program;
    // A program that was put somewhere as a whole has its libraries beside it.
    let beside = program.parent().and_then(Path::parent).map(|folder| folder.join("lib"));
    let mut rules = all()?
        .create()?
        .add_rules(path_beneath_rules(LIBRARIES, run | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(beside, run | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules([program], run))?
        .add_rules(path_beneath_rules(READABLE, AccessFs::ReadFile))?;
    if orders.fed == Fed::Descriptor {
        rules = rules.add_rule(PathBeneath::new(io::stdin(), AccessFs::ReadFile))?;
    }
    if orders.fed == Fed::Served {
        rules = rules.add_rule(NetPort::new(SERVED_PORT, AccessNet::ConnectTcp))?;
    }
    if let Some(folder) = &orders.reads {
        rules = rules.add_rules(path_beneath_rules([folder], AccessFs::ReadFile | AccessFs::ReadDir))?;
    }
    let written = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    if is_file(io::stdout().as_fd()) {
        rules = rules.add_rule(PathBeneath::new(io::stdout(), written))?;
    }
    Ok(rules)
}

fn is_file(descriptor: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(descriptor)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}
