//! A dated page for a measurement: when, on what, by which command, and the table.

use std::process::Command;

use crate::run::Usage;
use crate::{Result, files, run};

/// The middle one of several runs by CPU time; none of none.
pub(super) fn median(mut runs: Vec<Usage>) -> Option<Usage> {
    runs.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    runs.get(runs.len() / 2).copied()
}

/// Prints the page of a measurement, and writes it to `docs/measurements/DATE-NAME.md` if it is to be kept.
///
/// # Errors
/// When the page cannot be written.
pub fn write(name: &str, command: &str, body: &str, keep: bool) -> Result<()> {
    let date = run::quiet(Command::new("date").arg("+%F"))?;
    let page =
        format!("# {name}, {}\n\nMachine: {}. Command: `{command}`.\n\n{body}", date.trim(), machine(),);
    println!("{page}");
    if !keep {
        println!("a run of another size, not kept");
        return Ok(());
    }
    let path = files::workspace().join("docs/measurements").join(format!("{}-{name}.md", date.trim()));
    files::write(&path, &page)?;
    println!("written to {}", path.display());
    Ok(())
}

fn machine() -> String {
    let cpu = files::read_text("/proc/cpuinfo".as_ref()).unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    // Those of the machine: this process may be pinned to one.
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = files::read_text("/proc/meminfo".as_ref()).unwrap_or_default();
    let memory_kib =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let memory_gib = memory_kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1_048_576.0;
    let kernel = files::read_text("/proc/sys/kernel/osrelease".as_ref()).unwrap_or_default();
    format!("{model}, {cores} cores, {memory_gib:.0} GiB, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_by_cpu_time() {
        let usage = |cpu_s| Usage { wall_s: 1.0, cpu_s, peak_kib: 7 };
        assert_eq!(median(vec![usage(3.0), usage(1.0), usage(2.0)]).map(|usage| usage.cpu_s), Some(2.0));
        assert_eq!(median(vec![]), None);
    }
}
