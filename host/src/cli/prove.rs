//! `updraft prove`: receipts as people and programs read them.

use super::{ConfigFile, LogFormat, Tries, run};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use updraft::config::Env;
use updraft::{Local, Outcome, Proof, SinkProof, StartError, TargetProof, Verdict, Which};

/// Exit code where something is missing, or differs.
const NOT_PROVED: u8 = 1;
/// What is asked for cannot be.
const BAD_ARGUMENTS: u8 = 2;

/// Options of `prove`.
#[derive(Debug, Clone, Args)]
pub struct Prove {
    /// Files whose path below the log folder (or whole path) is this or fits this glob; without it, and without ids, all
    #[arg(value_name = "PATH", conflicts_with_all = Tries::ARGUMENTS)]
    pub path: Option<String>,
    /// Of which tries.
    #[command(flatten)]
    pub tries: Tries,
    /// Read objects back from S3 and compare them (needs s3:GetObject and s3:ListBucket)
    #[arg(long)]
    pub remote: bool,
    /// For people, or one JSON object for each generation of a file
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    pub format: LogFormat,
    /// Where the receipts are; default: where the config or the environment says
    #[arg(long, value_name = "DIR", conflicts_with_all = ["path_of_config", "remote"])]
    pub data_dir: Option<PathBuf>,
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Prints the receipts that are asked for.
pub fn prove(options: &Prove, env: &Env) -> Result<u8, StartError> {
    let config = match &options.data_dir {
        Some(_) => None,
        None => Some(run::load(&options.config, env)?),
    };
    let data_dir = options.data_dir.as_deref().or(config.as_ref().map(|config| &*config.data_dir));
    let Some(data_dir) = data_dir else { return Ok(NOT_PROVED) };
    let which = options.which();
    let wanted = match which.pattern() {
        Ok(wanted) => wanted,
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            return Ok(BAD_ARGUMENTS);
        }
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Threads)?;
    let asked = updraft::prove(data_dir, config.as_ref(), &wanted, options.remote);
    let proofs = runtime.block_on(asked)?;
    for proof in &proofs {
        match options.format {
            LogFormat::Human => anstream::print!("{}", for_people(proof)),
            LogFormat::Json => anstream::println!("{}", for_programs(proof)),
        }
    }
    if proofs.is_empty() {
        anstream::eprintln!("updraft: no file that is asked for is known in {}", data_dir.display());
        return Ok(NOT_PROVED);
    }
    let open = proofs.iter().filter(|proof| !proof.holds()).count();
    if options.format == LogFormat::Human {
        anstream::println!("{} ✓, {open} ✗", proofs.len() - open);
    }
    Ok(if open == 0 { 0 } else { NOT_PROVED })
}

impl Prove {
    fn which(&self) -> Which {
        match &self.path {
            Some(path) => Which::Path(path.clone()),
            None if self.tries.any() => self.tries.which(),
            None => Which::All,
        }
    }
}

fn for_people(proof: &Proof) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, proof);
    out
}

fn write(out: &mut String, proof: &Proof) -> std::fmt::Result {
    let Proof { path, generation, size, .. } = proof;
    let mark = if proof.holds() { '✓' } else { '✗' };
    writeln!(out, "{mark} {path}")?;
    writeln!(
        out,
        "    generation {generation}, first seen {}, {size} bytes",
        jiff::Timestamp::from_millisecond(proof.first_seen).unwrap_or_default()
    )?;
    match &proof.sha256 {
        Some((sha256, hashed)) if hashed == size => writeln!(out, "    sha256 {}", hex::encode(sha256))?,
        Some((sha256, hashed)) => {
            writeln!(out, "    sha256 of the first {hashed} bytes {}", hex::encode(sha256))?;
        }
        None if proof.local == Local::Gone => {
            writeln!(out, "    no sha256: it was gone before it was hashed")?;
        }
        None => writeln!(out, "    no sha256: it has not come to its end yet")?,
    }
    match proof.local {
        Local::Same => writeln!(out, "    the file is there and the same")?,
        Local::AsLong => writeln!(out, "    the file is there, and as long as it was")?,
        Local::Grew => writeln!(out, "    the file is there; more was written since")?,
        Local::Differs => writeln!(out, "    what was delivered of the file has changed since")?,
        Local::Gone => writeln!(out, "    the file is not there any more")?,
        Local::NotCompared => {}
    }
    for SinkProof { sink, acknowledged, targets } in &proof.sinks {
        let open = size.saturating_sub(*acknowledged);
        let rest = if open > 0 { format!("; {open} bytes still to come") } else { String::new() };
        writeln!(out, "  sink {sink}: {acknowledged} of {size} bytes dealt with{rest}")?;
        for TargetProof { entry, remote } in targets {
            let (from, to) = (entry.range.start, entry.range.end);
            let (events, bytes, target) = (entry.events, entry.bytes, &entry.fate.target);
            let what = match entry.fate.outcome {
                Outcome::Delivered => format!("-> {target}"),
                Outcome::Replaced => {
                    writeln!(out, "    of these, {bytes} bytes that are not UTF-8 are `?` in {target}")?;
                    continue;
                }
                Outcome::Dropped => "dropped by a transform".to_owned(),
                Outcome::NotHere => "not for this sink, by its route".to_owned(),
                Outcome::Lost => format!("lost at the source ({target})"),
                Outcome::Repeated => "not read: the file that took its place begins with it".to_owned(),
                refused if target.is_empty() => format!("rejected: {refused}"),
                refused => format!("rejected: {refused}; dead letter to sink {target}"),
            };
            write!(out, "    bytes {from}..{to} {what}: {events} events, {bytes} bytes")?;
            match remote {
                Some(verdict) => writeln!(out, " [{}]", verdict_for_people(verdict))?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

fn verdict_for_people(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Matches => "read back: the same, byte for byte".to_owned(),
        Verdict::SameHash => "read back: the same, by its SHA-256".to_owned(),
        Verdict::There => "looked up: there".to_owned(),
        Verdict::NothingToCompare => {
            "NOT PROVED: it is there, but the file is gone and was before it was hashed".to_owned()
        }
        Verdict::Differs { at } => format!("read back: DIFFERS from byte {at} on"),
        Verdict::OtherHash => "read back: DIFFERS: it hashes to something else".to_owned(),
        Verdict::OtherLength { is, should_be } => {
            format!("DIFFERS: it has {is} bytes and should have {should_be}")
        }
        Verdict::Missing => "MISSING: there is no such object".to_owned(),
        Verdict::NotCompared(why) => format!("not read back: {why}"),
        Verdict::Failed(why) => format!("could not be read back: {why}"),
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Matches => "same",
        Verdict::SameHash => "same_hash",
        Verdict::There => "there",
        Verdict::Differs { .. } => "differs",
        Verdict::OtherHash => "other_hash",
        Verdict::OtherLength { .. } => "other_length",
        Verdict::Missing => "missing",
        Verdict::NothingToCompare => "nothing_to_compare",
        Verdict::NotCompared(_) => "not_read_back",
        Verdict::Failed(_) => "failed",
    }
}

fn for_programs(proof: &Proof) -> Value {
    let target = |TargetProof { entry, remote }: &TargetProof| {
        let mut target = json!({
            "outcome": entry.fate.outcome.as_str(),
            "target": &*entry.fate.target,
            "from": entry.range.start,
            "to": entry.range.end,
            "events": entry.events,
            "bytes": entry.bytes,
        });
        if let Some(verdict) = remote {
            target["remote"] = json!({ "verdict": word(verdict), "says": verdict_for_people(verdict) });
        }
        target
    };
    let sink = |sink: &SinkProof| {
        json!({
            "sink": sink.sink,
            "acknowledged": sink.acknowledged,
            "targets": sink.targets.iter().map(target).collect::<Vec<_>>(),
        })
    };
    json!({
        "path": proof.path,
        "generation": proof.generation,
        "first_seen_ms": proof.first_seen,
        "size": proof.size,
        "sha256": proof.sha256.as_ref().map(|(sha256, _)| hex::encode(sha256)),
        "sha256_size": proof.sha256.as_ref().map(|(_, size)| size),
        "file": match proof.local {
            Local::Same => "same",
            Local::AsLong => "as_long",
            Local::Grew => "grew",
            Local::Differs => "differs",
            Local::Gone => "gone",
            Local::NotCompared => "not_compared",
        },
        "holds": proof.holds(),
        "sinks": proof.sinks.iter().map(sink).collect::<Vec<_>>(),
    })
}
