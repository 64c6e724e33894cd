//! `updraft inspect`: prints what components are, what they import and what they get for it.

use super::{ConfigFile, run};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use updraft::config::{Component, Config, Env, Grants, Limits, OnError, Role, Transform};
use updraft::{Inspection, Inspector, LoadError, StartError, Supply};

/// With one of them no pipeline starts.
const UNFIT: u8 = 1;
/// There is no such component.
const BAD_ARGUMENTS: u8 = 2;
/// One of them cannot be read.
const UNREADABLE: u8 = 3;
/// Names the data dir where no config does.
const DATA_DIR: &str = "UPDRAFT_DATA_DIR";

/// Options of `inspect`.
#[derive(Debug, Clone, Args)]
pub struct Inspect {
    /// Paths of .wasm files, or builtin:airflow
    #[arg(value_name = "COMPONENT", required_unless_present = "path_of_config")]
    pub components: Vec<String>,
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// A JSON object for each component, one a line.
    Json,
}

/// Looks at the components that are named, and at those of a config.
pub fn inspect(options: &Inspect, env: &Env) -> Result<u8, StartError> {
    let named = options.components.iter().map(|name| Component::named(name, Path::new("")));
    let named = match named.collect::<Result<Vec<_>, _>>() {
        Ok(named) => named,
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            return Ok(BAD_ARGUMENTS);
        }
    };
    let config = options.config.path.as_ref().map(|_| run::load(&options.config, env)).transpose()?;
    let data_dir = config.as_ref().map(|config| config.data_dir.as_path());
    let inspector = Inspector::new(data_dir.or_else(|| env.get(DATA_DIR).map(Path::new)))?;
    let mut code = 0;
    let mut show = |seen: Result<Inspection, LoadError>, transform: Option<&Transform>| match seen {
        Ok(seen) => {
            code = code.max(if seen.problem.is_some() { UNFIT } else { 0 });
            match options.format {
                Format::Text => anstream::print!("{}", text(&seen, transform)),
                Format::Json => anstream::println!("{}", object(&seen, transform)),
            }
        }
        Err(error) => {
            code = UNREADABLE;
            anstream::eprintln!("updraft: {error}");
        }
    };
    for component in named {
        show(inspector.component(component), None);
    }
    for transform in config.iter().flat_map(Config::components) {
        show(inspector.transform(transform), Some(transform));
    }
    Ok(code)
}

/// What a transform says of a component, or what holds where it says nothing.
fn terms(transform: Option<&Transform>) -> (Limits, Grants) {
    transform.map_or_else(Default::default, |it| (it.limits, it.grants))
}

fn text(seen: &Inspection, transform: Option<&Transform>) -> String {
    let (limits, grants) = terms(transform);
    let mut rows: Vec<(&str, String)> = Vec::new();
    rows.push(("sha256", seen.sha256.clone()));
    if let Some(pin) = transform.and_then(|it| it.sha256.as_ref()) {
        rows.push(("pinned", if *pin == seen.sha256 { "yes".to_owned() } else { pin.clone() }));
    }
    rows.push(("size", format!("{} bytes ({})", seen.bytes, mib(seen.bytes))));
    if let Some(took) = seen.load {
        let wit = seen.wit.as_ref().map(|version| format!("updraft:pipeline@{version}"));
        rows.push(("WIT", wit.unwrap_or_else(|| "none of updraft:pipeline".to_owned())));
        list(&mut rows, "exports", seen.exports.clone());
        let width = seen.imports.iter().map(|it| it.name.len()).max().unwrap_or(0);
        let imports = seen.imports.iter();
        let imports = imports.map(|it| format!("{:width$}  {}", it.name, mark(it.supply, grants)));
        list(&mut rows, "imports", imports.collect());
        let how = if seen.from_cache { "from the cache" } else { "compiled" };
        rows.push(("load", format!("{}, {how}", ms(took))));
    }
    if let (Some(took), Some(memory)) = (seen.instantiate, seen.memory_bytes) {
        rows.push(("instantiate", format!("{}, with {} of memory", ms(took), mib(memory))));
    }
    let limits = limits_object(&limits);
    let limits = limits.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}"));
    rows.push(("limits", limits.collect::<Vec<_>>().join(", ")));
    let granted = grants.names();
    rows.push(("grants", if granted.is_empty() { "none".to_owned() } else { granted.join(", ") }));
    if let Some(transform) = transform.filter(|it| it.role == Role::Transform) {
        let default = "not set: `pass` where it makes events of lines, else `halt`";
        rows.push(("on_error", transform.on_error.map_or(default, on_error).to_owned()));
    }
    if let Some(problem) = &seen.problem {
        rows.push(("PROBLEM", problem.clone()));
    }
    let mut text = match transform {
        Some(transform) => format!("{}: {}\n", transform.place(), seen.component),
        None => format!("{}\n", seen.component),
    };
    for (what, said) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {what:11} {said}");
    }
    text
}

/// One row for each, under one heading.
fn list<'r>(rows: &mut Vec<(&'r str, String)>, heading: &'r str, entries: Vec<String>) {
    if entries.is_empty() {
        rows.push((heading, "nothing".to_owned()));
    }
    rows.extend(entries.into_iter().enumerate().map(|(at, it)| (if at == 0 { heading } else { "" }, it)));
}

/// By their names in the config.
fn limits_object(limits: &Limits) -> Value {
    json!({
        "memory_mib": limits.memory_bytes >> 20,
        "timeout_ms": limits.timeout.as_millis() as u64,
        "result_mib": limits.result_bytes >> 20,
        "log_lines_per_sec": limits.log_lines_per_sec,
        "table_elements": limits.table_elements,
        "core_instances": limits.core_instances,
    })
}

fn mark(supply: Supply, grants: Grants) -> &'static str {
    match supply {
        Supply::Provided => "provided",
        Supply::Empty => "provided, empty",
        Supply::Clock if grants.clock => "granted: clock",
        Supply::Clock => "provided, stands still; needs grant: clock",
        Supply::Random if grants.random => "granted: random",
        Supply::Random => "provided, always the same; needs grant: random",
        Supply::Missing => "NOT PROVIDED",
    }
}

fn on_error(on_error: OnError) -> &'static str {
    match on_error {
        OnError::Pass => "pass",
        OnError::Drop => "drop",
        OnError::Halt => "halt",
        OnError::DeadLetter => "dead_letter",
    }
}

fn ms(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn object(seen: &Inspection, transform: Option<&Transform>) -> Value {
    let (limits, grants) = terms(transform);
    let ms = |took: Option<Duration>| took.map(|took| took.as_secs_f64() * 1000.0);
    let supply = |supply| match supply {
        Supply::Provided => json!({"supply": "provided"}),
        Supply::Empty => json!({"supply": "empty"}),
        Supply::Clock => json!({"supply": "grant", "grant": "clock", "granted": grants.clock}),
        Supply::Random => json!({"supply": "grant", "grant": "random", "granted": grants.random}),
        Supply::Missing => json!({"supply": "missing"}),
    };
    let imports = seen.imports.iter().map(|it| {
        let mut import = json!({"name": it.name});
        if let (Some(import), Value::Object(supply)) = (import.as_object_mut(), supply(it.supply)) {
            import.extend(supply);
        }
        import
    });
    let in_role = |role| transform.filter(|it| it.role == role).map(|it| &it.id);
    json!({
        "transform": in_role(Role::Transform),
        "route": in_role(Role::Router),
        "component": seen.component,
        "sha256": seen.sha256,
        "pinned": transform.and_then(|it| it.sha256.as_ref()),
        "bytes": seen.bytes,
        "wit": seen.wit,
        "exports": seen.exports,
        "imports": imports.collect::<Vec<_>>(),
        "load_ms": ms(seen.load),
        "from_cache": seen.from_cache,
        "instantiate_ms": ms(seen.instantiate),
        "memory_bytes": seen.memory_bytes,
        "limits": limits_object(&limits),
        "grants": grants.names(),
        "on_error": transform.and_then(|it| it.on_error).map(on_error),
        "problem": seen.problem,
    })
}
