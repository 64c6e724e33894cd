//! The numbers: what each is called, what it means, and where it is read. `docs/operating.md` has the same table, and a
//! test that they agree.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{components, process};
use crate::counters::Counters;
use crate::lanes::Lanes;
use crate::progress::{self, SinkProgress};
use crate::sink::service_error::Fault;
use crate::transform::Stage;

/// Before every name that is ours.
pub const PREFIX: &str = "updraft";
/// Before those that every exporter gives the same names.
/// <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>
const PROCESS: &str = "process";

/// What every number of a sink has.
const SINK: &str = "sink";

/// A metric.
struct Family {
    name: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    help: &'static str,
    read: Read,
}

/// Where its numbers come from.
enum Read {
    /// One for each sink.
    OfSink(fn(&Reading) -> f64),
    /// Some for each sink.
    BySink(fn(&Reading) -> Vec<(Labels, f64)>),
}

type Labels = Vec<(&'static str, String)>;

/// What is read of a sink at a scrape.
struct Reading {
    progress: SinkProgress,
    lanes: Arc<Lanes>,
}

impl Reading {
    fn counters(&self) -> &Counters {
        &self.lanes.counters
    }
}

fn counter(name: &'static str, help: &'static str, read: Read) -> Family {
    Family { name, unit: None, kind: MetricType::Counter, help, read }
}

fn gauge(name: &'static str, help: &'static str, read: Read) -> Family {
    Family { name, unit: None, kind: MetricType::Gauge, help, read }
}

impl Family {
    fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// Of each sink, in the order that they are shown.
fn families() -> Vec<Family> {
    counters().into_iter().chain(gauges()).collect()
}

/// What has happened.
fn counters() -> Vec<Family> {
    use Read::{BySink, OfSink};
    vec![
        counter("lines", "Lines read for the sink.", OfSink(|it| it.progress.lines as f64)),
        counter(
            "events",
            "Events by what became of them: delivered (the service acknowledged them; to an S3 mirror each line is \
             one), dropped (by a transform, or by the on_error of one that failed) or not_here (its router keeps them from \
             it).",
            BySink(|it| {
                let by = |outcome: &str, count| (vec![("outcome", outcome.to_owned())], count as f64);
                vec![
                    by("delivered", it.progress.delivered),
                    by("dropped", it.progress.dropped),
                    by("not_here", it.progress.not_here),
                ]
            }),
        ),
        counter(
            "events_rejected",
            "Events that the service refused, by reason; those that went on to a sink for dead letters too.",
            BySink(|it| {
                let by = |reason: &str, count| (vec![("reason", reason.to_owned())], count as f64);
                let SinkProgress { too_old, too_new, invalid, .. } = it.progress;
                vec![by("too_old", too_old), by("too_new", too_new), by("malformed", invalid)]
            }),
        ),
        counter(
            "dead_letters",
            "Refused events that were kept for the sink that `dead_letter` names.",
            OfSink(|it| it.progress.dead_lettered as f64),
        ),
        counter(
            "acknowledged",
            "Bytes of log that the service has and whose cursors are written down.",
            OfSink(|it| it.progress.bytes as f64),
        )
        .in_unit(Unit::Bytes),
        counter(
            "uploaded",
            "Bytes that the service took: texts of events before compression, objects as they are stored, parts of objects.",
            OfSink(|it| it.counters().uploaded.get() as f64),
        )
        .in_unit(Unit::Bytes),
        counter(
            "replaced",
            "Bytes that are not UTF-8, so that the object has `?` in their place (only with `for: airflow-ui`).",
            OfSink(|it| it.counters().replaced.get() as f64),
        )
        .in_unit(Unit::Bytes),
        counter(
            "lost_at_source",
            "Bytes of log that were deleted or cut before the sink had them. The one loss that nobody can prevent.",
            OfSink(|it| it.progress.lost_at_source as f64),
        )
        .in_unit(Unit::Bytes),
        counter(
            "requests",
            "Requests to the sink's service that are over, by operation and by what came of them: ok, a fault (see \
             updraft_sink_trouble), or aborted (the host stopped).",
            BySink(|it| {
                let counts = it.counters().requests.read().into_iter();
                let named = counts.map(|((operation, outcome), count)| {
                    let labels = vec![("operation", operation), ("result", outcome.as_str().to_owned())];
                    (labels, count as f64)
                });
                named.collect()
            }),
        ),
        counter(
            "retries",
            "Puts, objects and the like that were tried again after they had failed.",
            OfSink(|it| it.counters().troubles.retries.get() as f64),
        ),
        counter("files", "Files (generations of them) that were there.", OfSink(|it| it.progress.files as f64)),
    ]
}

/// How things stand.
fn gauges() -> Vec<Family> {
    use Read::{BySink, OfSink};
    vec![
        gauge("files_behind", "Files of which the sink has not all.", OfSink(|it| it.progress.files_behind as f64)),
        gauge(
            "lag",
            "Bytes of log that are there and not acknowledged.",
            OfSink(|it| it.progress.behind as f64),
        )
        .in_unit(Unit::Bytes),
        gauge(
            "lag",
            "Age of the oldest byte of log that is there and not acknowledged; 0: there is none. Of a file that grows \
             all the time it may be up to twice as much. An S3 mirror is behind by `refresh_secs` as a rule.",
            OfSink(|it| progress::lag(&it.lanes).as_secs_f64()),
        )
        .in_unit(Unit::Seconds),
        gauge(
            "sink_trouble",
            "Puts, objects and the like that failed and wait for another try, by fault: denied, credentials, clock, \
             throttled, timeout, connection, server_error, not_found, conflict, invalid, other. Above 0: the sink is \
             in trouble.",
            BySink(|it| {
                let of = |fault: Fault| {
                    (
                        vec![("class", fault.as_str().to_owned())],
                        it.counters().troubles.waiting(fault) as f64,
                    )
                };
                Fault::ALL.into_iter().map(of).collect()
            }),
        ),
    ]
}

/// Of the whole process.
fn of_process(started: SystemTime) -> Vec<(&'static str, Option<Unit>, &'static str, Option<f64>)> {
    let float = |number: Option<u64>| number.map(|number| number as f64);
    vec![
        (
            "start_time",
            Some(Unit::Seconds),
            "When the pipeline started, seconds since the Unix epoch.",
            Some(process::since_epoch(started)),
        ),
        (
            "resident_memory",
            Some(Unit::Bytes),
            "Memory in use (Linux only).",
            float(process::resident_bytes()),
        ),
        ("open_fds", None, "Open files and sockets (Linux only).", float(process::open_files())),
    ]
}

/// Everything, as Prometheus reads it.
pub fn text(sinks: &[Arc<Lanes>], stages: &[Arc<Stage>], started: SystemTime) -> String {
    let read = |lanes: &Arc<Lanes>| Reading { progress: progress::of(lanes), lanes: lanes.clone() };
    let mut registry = Registry::default();
    let scrape = Scrape { sinks: sinks.iter().map(read).collect(), stages: stages.to_vec(), started };
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    // Writing to a string does not fail.
    prometheus_text::encode(&mut text, &registry).ok();
    text
}

struct Scrape {
    sinks: Vec<Reading>,
    stages: Vec<Arc<Stage>>,
    started: SystemTime,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let name = format!("{PREFIX}_build");
        let mut info = encoder.encode_descriptor(&name, "The version that runs.", None, MetricType::Info)?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        for Family { name, unit, kind, help, read } in families() {
            let name = format!("{PREFIX}_{name}");
            let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), kind)?;
            for sink in &self.sinks {
                let values = match &read {
                    Read::OfSink(read) => vec![(Labels::new(), read(sink))],
                    Read::BySink(read) => read(sink),
                };
                for (mut labels, value) in values {
                    labels.insert(0, (SINK, sink.lanes.sink.clone()));
                    let mut metric = family.encode_family(&labels)?;
                    match kind {
                        MetricType::Counter => {
                            metric.encode_counter::<Labels, u64, u64>(&(value as u64), None)?;
                        }
                        _ => metric.encode_gauge(&value)?,
                    }
                }
            }
        }
        components::encode(&mut encoder, &self.stages)?;
        for (name, unit, help, value) in of_process(self.started) {
            if let Some(value) = value {
                let name = format!("{PROCESS}_{name}");
                encoder
                    .encode_descriptor(&name, help, unit.as_ref(), MetricType::Gauge)?
                    .encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}
