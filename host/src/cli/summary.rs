//! What a run came to, a line for each sink: on stderr, as people or machines read our log.

use super::LogFormat;
use serde_json::json;
use updraft::Report;

/// Says it, whatever the log level is.
pub fn print(report: &Report, format: LogFormat) {
    match format {
        LogFormat::Human => for_people(report),
        LogFormat::Json => for_machines(report),
    }
}

fn for_people(report: &Report) {
    let seconds = report.elapsed.as_secs_f64();
    for it in &report.sinks {
        let mut line = format!(
            "sink {}: {} files, {} lines in, {} events delivered, {} rejected, {} bytes in {seconds:.1} s",
            it.sink,
            it.files,
            it.lines,
            it.delivered,
            it.rejected(),
            it.bytes
        );
        let more = [
            (it.too_old, "rejected as too old"),
            (it.too_new, "rejected as too new"),
            (it.invalid, "rejected as malformed"),
            (it.dead_lettered, "of the rejected sent to dead letters"),
            (it.dropped, "dropped by transforms"),
            (it.not_here, "not for this sink, by its route"),
            (it.lost_at_source, "bytes lost at the source"),
            (it.behind, "bytes not delivered"),
            (it.files_behind, "files not wholly delivered"),
        ];
        for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
            line = format!("{line}; {count} {what}");
        }
        anstream::eprintln!("{line}");
    }
    for (transform, counts) in &report.counted {
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        anstream::eprintln!("transform {transform}: {}", counts.join(", "));
    }
}

fn for_machines(report: &Report) {
    let timestamp = jiff::Timestamp::now();
    for it in &report.sinks {
        let line = json!({
            "timestamp": timestamp.to_string(), "level": "INFO", "message": "summary", "sink": it.sink,
            "seconds": report.elapsed.as_secs_f64(), "files": it.files, "lines": it.lines, "delivered": it.delivered,
            "rejected": it.rejected(), "too_old": it.too_old, "too_new": it.too_new, "malformed": it.invalid,
            "dead_lettered": it.dead_lettered, "dropped": it.dropped, "not_here": it.not_here, "bytes": it.bytes,
            "lost_at_source": it.lost_at_source, "behind": it.behind, "files_behind": it.files_behind,
        });
        anstream::eprintln!("{line}");
    }
    for (transform, counts) in &report.counted {
        let line = json!({
            "timestamp": timestamp.to_string(), "level": "INFO", "message": "summary", "transform": transform,
            "counted": counts,
        });
        anstream::eprintln!("{line}");
    }
}
