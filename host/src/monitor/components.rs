//! The numbers of components: what each is called, what it means, and where it is read.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::metrics::PREFIX;
use crate::transform::{Stage, Stats};

/// What every number of a component has.
const TRANSFORM: &str = "transform";

/// A metric.
struct Family {
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    read: Read,
}

type Labels = Vec<(&'static str, String)>;

/// Where its numbers come from, and what sort they are of.
enum Read {
    /// One that only grows.
    Count(fn(&Stats) -> u64),
    /// Several of those.
    Counts(fn(&Stats) -> Vec<(Labels, u64)>),
    /// One that comes and goes.
    Level(fn(&Stage) -> f64),
    /// What works there, in labels.
    Build(fn(&Stage) -> Labels),
    /// Times of calls.
    Times,
}

fn family(name: &'static str, help: &'static str, read: Read) -> Family {
    Family { name, unit: None, help, read }
}

/// Of each component, in the order that they are shown.
fn families() -> Vec<Family> {
    vec![
        family(
            "component_build",
            "Always 1: which build of its component a transform has.",
            Read::Build(|stage| vec![("sha256", stage.build().component.hash().to_owned())]),
        ),
        Family {
            unit: Some(Unit::Seconds),
            ..family(
                "component_call",
                "How long calls of normalize, transform and route took: CPU time of the component, and what it waited.",
                Read::Times,
            )
        },
        family("component_lines", "Lines that a normalizer took.", Read::Count(|it| it.lines_in.get())),
        family(
            "component_events",
            "Events that a component was given (in), made (out), and dropped of those.",
            Read::Counts(|it| {
                let of = |way: &str, count| (vec![("way", way.to_owned())], count);
                vec![
                    of("in", it.events_in.get()),
                    of("out", it.events_out.get()),
                    of("dropped", it.dropped.get()),
                ]
            }),
        ),
        family(
            "component_errors",
            "Calls that failed, by reason. Each costs an instance; the batch is run again on a fresh one.",
            Read::Counts(|it| {
                let of = |(kind, count): (&str, _)| (vec![("reason", kind.to_owned())], count);
                it.errors().into_iter().map(of).collect()
            }),
        ),
        family(
            "component_failed_events",
            "Events (lines, of a normalizer) that went the way of on_error: failed (the component fails on them even \
             alone), or passed_by (it was put aside).",
            Read::Counts(|it| {
                let of = |why: &str, count| (vec![("why", why.to_owned())], count);
                vec![of("failed", it.gave_way.get()), of("passed_by", it.passed_by.get())]
            }),
        ),
        family("component_put_aside", "Times that it failed too often and was put aside.", {
            Read::Count(|it| it.put_aside.get())
        }),
        family("component_aside", "1 while it is put aside, else 0.", {
            Read::Level(|stage| f64::from(u8::from(stage.aside_until().is_some())))
        }),
        family("component_exchanged", "Times that another build of it took over (reload).", {
            Read::Count(|it| it.exchanged.get())
        }),
        family("component_instances", "Instances that live.", {
            Read::Level(|stage| {
                let stats = stage.stats();
                stats.made.get().saturating_sub(stats.gone.get()) as f64
            })
        }),
        family(
            "component_restarts",
            "Instances that are no more: each was thrown away after a failure, or exchanged.",
            Read::Count(|it| it.gone.get()),
        ),
        Family {
            unit: Some(Unit::Bytes),
            ..family("component_memory_peak", "The most memory that one instance had.", {
                Read::Level(|stage| stage.stats().memory_peak() as f64)
            })
        },
        family(
            "component_log_lines",
            "Lines that it logged; not shown are those beyond limits.log_lines_per_sec.",
            Read::Counts(|it| {
                let (said, unsaid) = (it.said.get(), it.unsaid.get());
                let of = |shown: &str, count| (vec![("shown", shown.to_owned())], count);
                vec![of("true", said.saturating_sub(unsaid)), of("false", unsaid)]
            }),
        ),
        family(
            "component_counted",
            "What the component itself counts (host.count), by the name it gives.",
            Read::Counts(|it| {
                it.counted().into_iter().map(|(name, count)| (vec![("name", name)], count)).collect()
            }),
        ),
    ]
}

/// Everything of the components.
pub fn encode(encoder: &mut DescriptorEncoder<'_>, stages: &[Arc<Stage>]) -> fmt::Result {
    for Family { name, unit, help, read } in families() {
        let name = format!("{PREFIX}_{name}");
        let kind = match read {
            Read::Count(_) | Read::Counts(_) => MetricType::Counter,
            Read::Level(_) | Read::Build(_) => MetricType::Gauge,
            Read::Times => MetricType::Histogram,
        };
        let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), kind)?;
        for stage in stages {
            let labelled = |labels: Labels| {
                let mut all = vec![(TRANSFORM, stage.id().to_owned())];
                all.extend(labels);
                all
            };
            match &read {
                Read::Count(read) => family
                    .encode_family(&labelled(Labels::new()))?
                    .encode_counter::<Labels, u64, u64>(&read(stage.stats()), None)?,
                Read::Counts(read) => {
                    for (labels, count) in read(stage.stats()) {
                        family
                            .encode_family(&labelled(labels))?
                            .encode_counter::<Labels, u64, u64>(&count, None)?;
                    }
                }
                Read::Level(read) => {
                    family.encode_family(&labelled(Labels::new()))?.encode_gauge(&read(stage))?;
                }
                Read::Build(read) => family.encode_family(&labelled(read(stage)))?.encode_gauge(&1_u32)?,
                Read::Times => {
                    let times = stage.stats().times();
                    let count = times.buckets.iter().map(|(_, count)| count).sum();
                    family.encode_family(&labelled(Labels::new()))?.encode_histogram::<Labels>(
                        times.seconds,
                        count,
                        &times.buckets,
                        None,
                    )?;
                }
            }
        }
    }
    Ok(())
}
