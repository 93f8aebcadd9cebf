//! What the allocator and the kernel say of this process, read at the moment of a scrape.
//!
//! In place of a garbage collector's figures, which we have none of: what of the allocator's memory is in use and what
//! is kept for later, page faults, and the time that tasks stood still for want of memory, processors or disks. All of
//! it comes from numbers that the C library and the kernel have in memory; no disk is waited for.

use std::fmt;

use budget::memory;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::allocator;

/// Shows `allocator_{live,resident,retained}_bytes` where the C library tells them, `process_resident_bytes`,
/// `process_resident_peak_bytes`, `tasks_alive`, `page_faults_total{kind="minor|major"}` and
/// `pressure_stall_percent{resource="memory|cpu|io",kind="some|full"}` where the kernel counts it.
pub(crate) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Figures));
}

#[derive(Debug)]
struct Figures;

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        if let Some(held) = allocator::held() {
            let (live, taken, kept) = (held.live_bytes, held.resident_bytes, held.retained_bytes);
            gauge(&mut encoder, "allocator_live_bytes", "Memory in blocks that are in use", live)?;
            gauge(&mut encoder, "allocator_resident_bytes", "Memory that the allocator has taken", taken)?;
            gauge(&mut encoder, "allocator_retained_bytes", "Memory freed and kept for later", kept)?;
        }
        let process = memory::process();
        gauge(&mut encoder, "process_resident_bytes", "Memory of this process", process.resident_bytes)?;
        gauge(&mut encoder, "process_resident_peak_bytes", "The most at once", process.peak_bytes)?;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let tasks = runtime.metrics().num_alive_tasks() as u64;
            gauge(&mut encoder, "tasks_alive", "Tasks that have not ended", tasks)?;
        }
        faults(&mut encoder)?;
        stalls(&mut encoder)
    }
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let described = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(described)
}

fn faults(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let faults = memory::page_faults();
    let help = "Pages touched that were not mapped: in memory, or to be read";
    let mut described = encoder.encode_descriptor("page_faults", help, None, MetricType::Counter)?;
    for (kind, count) in [("minor", faults.minor), ("major", faults.major)] {
        ConstCounter::new(count).encode(described.encode_family(&[("kind", kind)])?)?;
    }
    Ok(())
}

fn stalls(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let stalls = memory::stalls();
    if stalls.is_empty() {
        return Ok(());
    }
    let help = "Time of the last ten seconds in which tasks of the machine stood still";
    let mut described = encoder.encode_descriptor("pressure_stall_percent", help, None, MetricType::Gauge)?;
    for stall in stalls {
        let labels = [("resource", stall.resource), ("kind", stall.kind)];
        ConstGauge::new(stall.percent).encode(described.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().unwrap()
    }

    #[test]
    fn a_scrape_tells_what_the_allocator_and_the_kernel_say() {
        let mut registry = Registry::with_prefix("millpond");
        register(&mut registry);
        let scrape = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        let before = scrape();
        assert!(value(&before, "millpond_process_resident_bytes") > 0.0);
        let peak = value(&before, "millpond_process_resident_peak_bytes");
        assert!(peak >= value(&before, "millpond_process_resident_bytes") / 2.0);
        assert!(value(&before, "millpond_page_faults_total{kind=\"minor\"}") > 0.0);
        assert!(value(&before, "millpond_page_faults_total{kind=\"major\"}") >= 0.0);
        for stall in memory::stalls() {
            let (resource, kind) = (stall.resource, stall.kind);
            let name = format!("millpond_pressure_stall_percent{{resource=\"{resource}\",kind=\"{kind}\"}}");
            assert!((0.0..=100.0).contains(&value(&before, &name)));
        }
        if allocator::held().is_none() {
            return;
        }
        // A block of 512 MiB that is never touched: live while it is there, gone when it is dropped, never retained.
        // Other tests of this process check passwords and play songs meanwhile, which is far less.
        let live = |text: &str| value(text, "millpond_allocator_live_bytes");
        let block = std::hint::black_box(vec![0u8; 512 << 20]);
        let held = scrape();
        let grown = live(&held) - live(&before);
        assert!((256e6..1024e6).contains(&grown), "{grown} bytes grown by {}", block.len());
        assert!(value(&held, "millpond_allocator_resident_bytes") >= live(&held));
        drop(block);
        let after = scrape();
        assert!(live(&after) < live(&held) - 256e6);
        assert!(value(&after, "millpond_allocator_retained_bytes") < 256e6);
    }
}
