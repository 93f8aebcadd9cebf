//! Whether the wire is used.

use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use budget::limits::PRESSURE_CHECK_MS;
use budget::{Budget, Level};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::{MissedTickBehavior, interval};

use super::Line;

/// `stream.wire`: which share of the connections uses the wire, in per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u8);

impl Share {
    /// Every connection.
    pub const ALL: Share = Share(100);
    /// No connection.
    pub const NONE: Share = Share(0);
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let percent = || text.strip_suffix('%')?.trim().parse().ok().filter(|percent| *percent <= 100);
        match text {
            "auto" => Ok(Share::ALL),
            "off" => Ok(Share::NONE),
            _ => percent()
                .map(Share)
                .ok_or_else(|| "it must be auto, off, or a share of the connections such as 5%".to_owned()),
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Share::ALL => f.write_str("auto"),
            Share::NONE => f.write_str("off"),
            Share(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Why the wire is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// The configuration says so.
    Settings,
    /// The test at start found a byte that differs, or could not be made.
    SelfTest,
    /// Memory is nearly used up, until it is not.
    Memory,
}

impl Off {
    const ALL: [Off; 3] = [Off::Settings, Off::SelfTest, Off::Memory];

    const fn name(self) -> &'static str {
        match self {
            Off::Settings => "settings",
            Off::SelfTest => "self_test",
            Off::Memory => "memory",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyLabel {
    why: &'static str,
}

/// The switch of the wire. Clones are the same switch.
#[derive(Clone)]
pub struct Wire(Arc<Switch>);

struct Switch {
    budget: Budget,
    percent: AtomicU8,
    connections: AtomicU64,
    failed: AtomicBool,
    /// Whether memory was what turned it off when it was last looked at.
    crowded: AtomicBool,
    on: Gauge,
    offs: Family<WhyLabel, Counter>,
}

impl Wire {
    /// On for a share of the connections, while there is memory by this budget's pressure.
    pub fn new(share: Share, budget: Budget) -> Wire {
        let offs = Family::default();
        for why in Off::ALL {
            drop(offs.get_or_create(&WhyLabel { why: why.name() }));
        }
        let wire = Wire(Arc::new(Switch {
            budget,
            percent: AtomicU8::new(0),
            connections: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            on: Gauge::default(),
            offs,
        }));
        wire.set(share);
        wire
    }

    /// The line of a new connection, if it is one of the share.
    pub fn line(&self) -> Option<Arc<Line>> {
        // Going through all residues in an order that spreads them: 5 % is every twentieth, not five in a row.
        let residue = self.0.connections.fetch_add(1, Ordering::Relaxed).wrapping_mul(41) % 100;
        (residue < u64::from(self.0.percent.load(Ordering::Relaxed))).then(Line::new)
    }

    /// Whether an answer may use it now.
    pub fn is_on(&self) -> bool {
        let crowded = self.0.budget.pressure() >= Level::Full;
        if crowded != self.0.crowded.swap(crowded, Ordering::Relaxed) {
            if crowded {
                self.turned_off(Off::Memory);
            } else {
                tracing::info!("the wire may be used again: there is memory");
            }
            self.show();
        }
        !crowded && !self.0.failed.load(Ordering::Relaxed) && self.0.percent.load(Ordering::Relaxed) > 0
    }

    /// Follows the pressure until `stop` is ready. While memory is full nobody gets a new file, so that no answer asks
    /// whether it may use the wire, and without this neither log nor metric would say that it is off.
    pub async fn watch(self, stop: impl Future<Output = ()>) {
        let mut each = interval(Duration::from_millis(PRESSURE_CHECK_MS));
        each.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                _ = each.tick() => { self.is_on(); }
                () = &mut stop => return,
            }
        }
    }

    /// Sets the share, at start or when the configuration was read again.
    pub fn set(&self, share: Share) {
        let before = self.0.percent.swap(share.0, Ordering::Relaxed);
        if share == Share::NONE && before != 0 {
            self.turned_off(Off::Settings);
        }
        self.show();
    }

    /// The test at start failed: off until the next start.
    pub fn fail(&self, why: &str) {
        self.0.failed.store(true, Ordering::Relaxed);
        tracing::error!(
            why,
            "the wire did not pass its test and stays off; answers are sent the ordinary way"
        );
        self.turned_off(Off::SelfTest);
        self.show();
    }

    fn turned_off(&self, why: Off) {
        self.0.offs.get_or_create(&WhyLabel { why: why.name() }).inc();
        tracing::warn!(why = why.name(), "the wire is off; answers are sent the ordinary way");
    }

    fn show(&self) {
        let on = self.0.percent.load(Ordering::Relaxed) > 0
            && !self.0.failed.load(Ordering::Relaxed)
            && !self.0.crowded.load(Ordering::Relaxed);
        self.0.on.set(i64::from(on));
    }

    /// Shows `wire_on` and `wire_off_total{why}`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("wire_on", "Whether any connection may use the wire", self.0.on.clone());
        registry.register("wire_off", "How often the wire was turned off, by reason", self.0.offs.clone());
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("percent", &self.0.percent).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use budget::limits::MIB;

    use super::*;

    fn lines(wire: &Wire, connections: usize) -> usize {
        (0..connections).filter(|_| wire.line().is_some()).count()
    }

    #[test]
    fn a_share_is_a_share_of_the_connections_and_memory_turns_it_off() {
        let budget = Budget::new(256 * MIB).unwrap();
        for (text, used) in [("auto", 1000), ("off", 0), ("5%", 50), ("100%", 1000), ("0%", 0), ("37 %", 370)]
        {
            let share: Share = text.parse().unwrap();
            let wire = Wire::new(share, budget.clone());
            assert_eq!(lines(&wire, 1000), used, "{text}");
            let in_a_row = lines(&wire, 20);
            assert!(text != "5%" || in_a_row <= 2, "{in_a_row} of 20 neighbours");
        }
        let wire = Wire::new(Share::ALL, budget.clone());
        budget.set_pressure(Level::High);
        assert!(wire.is_on());
        budget.set_pressure(Level::Full);
        assert!(!wire.is_on() && wire.0.on.get() == 0);
        budget.set_pressure(Level::Calm);
        assert!(wire.is_on() && wire.0.on.get() == 1);
        wire.fail("a test");
        assert!(!wire.is_on() && wire.0.on.get() == 0);
        let counted = |why: Off| wire.0.offs.get_or_create(&WhyLabel { why: why.name() }).get();
        assert_eq!((counted(Off::Memory), counted(Off::SelfTest), counted(Off::Settings)), (1, 1, 0));
        wire.set(Share::NONE);
        assert_eq!(counted(Off::Settings), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn log_and_metric_follow_the_pressure_though_nobody_asks() {
        let budget = Budget::new(256 * MIB).unwrap();
        let wire = Wire::new(Share::ALL, budget.clone());
        let mut watch = pin!(wire.clone().watch(std::future::pending()));
        for (level, on) in [(Level::Full, 0), (Level::High, 1)] {
            budget.set_pressure(level);
            let time = Duration::from_millis(2 * PRESSURE_CHECK_MS);
            assert!(tokio::time::timeout(time, &mut watch).await.is_err());
            assert_eq!(wire.0.on.get(), on, "{level:?}");
        }
    }

    #[test]
    fn what_is_no_share_is_named() {
        for text in ["", "on", "5", "101%", "-1%", "5.5%", "%"] {
            let error = text.parse::<Share>().unwrap_err();
            assert!(error.contains("5%"), "{text}: {error}");
        }
    }
}
