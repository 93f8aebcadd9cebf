//! What the server tells a guard, as arguments.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::child::Caps;
use crate::sandbox::Protection;

/// Where a child has its input from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It needs none.
    Nothing,
    /// It is a file, and the standard input.
    Descriptor,
    /// The server gives it by ranges, over a socket for which the guard listens.
    Served,
}

impl Fed {
    const ALL: [Fed; 3] = [Fed::Nothing, Fed::Descriptor, Fed::Served];

    const fn word(self) -> &'static str {
        match self {
            Fed::Nothing => "nothing",
            Fed::Descriptor => "descriptor",
            Fed::Served => "served",
        }
    }
}

/// Everything that a guard must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    /// What must be in force. A guard that cannot put it there does not go on.
    pub(crate) protection: Protection,
    pub(crate) fed: Fed,
    pub(crate) caps: Caps,
    /// The server's number.
    pub(crate) parent: u32,
    /// A folder whose files it may open, beside its input.
    pub(crate) reads: Option<PathBuf>,
    /// What to become, as an absolute path.
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Orders {
    /// As arguments behind [`WORD`](super::WORD).
    pub(crate) fn write(self) -> Vec<OsString> {
        let Orders { protection, fed, caps, parent, reads, program, args } = self;
        let Caps { memory_bytes, cpu_seconds, file_bytes } = caps;
        let numbers = [memory_bytes, cpu_seconds, file_bytes, parent.into()];
        let mut all: Vec<OsString> = vec![protection.word().into(), fed.word().into()];
        all.extend(numbers.map(|number| number.to_string().into()));
        all.push(reads.unwrap_or_default().into());
        all.push(program.into());
        all.extend(args);
        all
    }

    pub(crate) fn read(args: Vec<OsString>) -> Result<Orders, String> {
        let mut args = args.into_iter();
        let mut next = |what: &str| args.next().ok_or_else(|| format!("{what} is missing"));
        let protection = next("protection")?;
        let protection = protection.to_str().and_then(Protection::of_word).ok_or("no such protection")?;
        let fed = next("input")?;
        let fed = Fed::ALL.into_iter().find(|one| fed == one.word()).ok_or("no such input")?;
        let caps = Caps {
            memory_bytes: number(&next("memory")?)?,
            cpu_seconds: number(&next("time")?)?,
            file_bytes: number(&next("file size")?)?,
        };
        let parent = number(&next("parent")?)?;
        let parent = u32::try_from(parent).map_err(|_| "no such parent")?;
        let reads = Some(PathBuf::from(next("folder")?)).filter(|reads| !reads.as_os_str().is_empty());
        if reads.as_ref().is_some_and(|reads| !reads.is_absolute()) {
            return Err("the folder is no absolute path".to_owned());
        }
        let program = PathBuf::from(next("program")?);
        if !program.is_absolute() {
            return Err("the program is no absolute path".to_owned());
        }
        Ok(Orders { protection, fed, caps, parent, reads, program, args: args.collect() })
    }
}

fn number(text: &OsStr) -> Result<u64, String> {
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{} is no number", text.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Orders {
        Orders {
            protection: Protection { landlock: true, network: false, seccomp: true },
            fed: Fed::Served,
            caps: Caps { memory_bytes: 1, cpu_seconds: 2, file_bytes: 3 },
            parent: 4,
            reads: None,
            program: "/usr/bin/ffmpeg".into(),
            args: vec!["-i".into(), "ask".into()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for (landlock, fed) in [(true, Fed::Nothing), (false, Fed::Descriptor), (true, Fed::Served)] {
            let protection = Protection { landlock, network: !landlock, seccomp: fed == Fed::Nothing };
            let reads = landlock.then(|| "/var/lib/models".into());
            let orders = Orders { protection, fed, reads, ..orders() };
            assert_eq!(Orders::read(orders.clone().write()), Ok(orders));
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |at: usize, with: Option<&str>, expected: &str| {
            let mut args = orders().write();
            match with {
                Some(with) => args[at] = with.into(),
                None => args.truncate(at),
            }
            let said = Orders::read(args).unwrap_err();
            assert!(said.contains(expected), "{at} {with:?}: {said}");
        };
        check(0, Some("landlok"), "protection");
        check(1, Some("pipe"), "input");
        check(2, Some("-1"), "number");
        check(5, Some("4294967296"), "parent");
        check(6, Some("models"), "folder is no absolute");
        check(6, None, "folder is missing");
        check(7, Some("ffmpeg"), "program is no absolute");
        check(7, None, "program is missing");
        check(0, None, "protection is missing");
    }
}
