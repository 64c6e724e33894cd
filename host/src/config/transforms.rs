//! From the raw shape of a transform to the checked one: its component, limits, grants, and what becomes of failures.

use serde_json::{Map, Value};

use super::check::Check;
use super::graph::Node;
use super::parse::member;
use super::values::{self, within};
use super::{Component, Grants, Limits, OnError, Role, Transform, UnknownBuiltin, defaults, raw};

/// Memory of one instance, in MiB: a 32-bit WebAssembly memory has at most 65,536 pages of 64 KiB.
/// <https://webassembly.github.io/spec/core/syntax/types.html#memory-types>
const MAX_MEMORY_MIB: u64 = 4096;
/// CPU time of one call, in milliseconds: ten minutes.
const MAX_CALL_MS: u64 = 600_000;
/// More than that is no log that anyone reads.
const MAX_LOG_LINES_PER_SEC: u32 = 10_000;
/// Elements of tables: 8 bytes each in the host's memory.
const MAX_TABLE_ELEMENTS: u64 = 10_000_000;
/// Core instances of one component.
const MAX_CORE_INSTANCES: usize = 1_000;

/// A component as a section describes it.
struct Guest {
    role: Role,
    component: String,
    sha256: Option<String>,
    config: Value,
    grants: Vec<raw::Grant>,
    limits: raw::Limits,
}

impl Check<'_> {
    pub(super) fn transform(&mut self, id: String, mut value: Value) -> (Node, Option<Transform>) {
        let field = member("transforms", &id);
        let kind = self.kind(&mut value, &field, &["wasm"]);
        let raw: Option<raw::Wasm> = kind.and_then(|_| self.section(value, &field));
        let Some(raw) = raw else {
            return (Node { field, id, inputs: Vec::new(), takes_dead_letters: false }, None);
        };
        let inputs = self.inputs(raw.inputs, &field);
        match (raw.on_error, &raw.dead_letter) {
            (Some(raw::OnError::DeadLetter), None) => {
                self.report
                    .add(&field, "`dead_letter` is missing: on_error: dead_letter needs to know where");
            }
            (on_error, Some(_)) if !matches!(on_error, Some(raw::OnError::DeadLetter)) => {
                let at = member(&field, "dead_letter");
                self.report.add(&at, "`dead_letter` goes with `on_error: dead_letter` only");
            }
            _ => {}
        }
        let guest = Guest {
            role: Role::Transform,
            component: raw.component,
            sha256: raw.sha256,
            config: raw.config,
            grants: raw.grants,
            limits: raw.limits,
        };
        let transform = self.guest(&id, &field, guest).map(|transform| Transform {
            on_error: raw.on_error.map(|on_error| match on_error {
                raw::OnError::Pass => OnError::Pass,
                raw::OnError::Drop => OnError::Drop,
                raw::OnError::Halt => OnError::Halt,
                raw::OnError::DeadLetter => OnError::DeadLetter,
            }),
            dead_letter: raw.dead_letter,
            ..transform
        });
        (Node { field, id, inputs, takes_dead_letters: false }, transform)
    }

    pub(super) fn route(&mut self, id: String, mut value: Value) -> (String, Option<Transform>) {
        let field = member("routes", &id);
        let kind = self.kind(&mut value, &field, &["wasm"]);
        let raw: Option<raw::Router> = kind.and_then(|_| self.section(value, &field));
        let route = raw.and_then(|raw| {
            let raw::Router { component, sha256, config, grants, limits } = raw;
            let guest = Guest { role: Role::Router, component, sha256, config, grants, limits };
            self.guest(&id, &field, guest)
        });
        (id, route)
    }

    /// What transforms and routes have in common.
    fn guest(&mut self, id: &str, field: &str, guest: Guest) -> Option<Transform> {
        let component = self.component(&guest.component, &member(field, "component"));
        let pin = |pin: String| values::sha256(&pin, &member(field, "sha256"), &mut self.report);
        let sha256 = guest.sha256.and_then(pin);
        let limits = self.limits(&guest.limits, &member(field, "limits"));
        let kind = if guest.role == Role::Router { "routes" } else { "transforms" };
        let as_written = self.as_written.get(kind).and_then(|all| all.get(id)?.get("config"));
        Some(Transform {
            role: guest.role,
            sha256,
            grants: Grants {
                clock: guest.grants.contains(&raw::Grant::Clock),
                random: guest.grants.contains(&raw::Grant::Random),
            },
            config: or_empty(guest.config),
            config_as_written: or_empty(as_written.cloned().unwrap_or_default()),
            limits,
            ..Transform::bare(id, component?)
        })
    }

    fn limits(&mut self, raw: &raw::Limits, field: &str) -> Limits {
        let (at, report) = (|name: &str| member(field, name), &mut self.report);
        within(raw.memory_mib, 1, MAX_MEMORY_MIB, &at("memory_mib"), report);
        within(raw.timeout_ms, 1, MAX_CALL_MS, &at("timeout_ms"), report);
        within(raw.result_mib.unwrap_or(1), 1, MAX_MEMORY_MIB, &at("result_mib"), report);
        within(raw.log_lines_per_sec, 0, MAX_LOG_LINES_PER_SEC, &at("log_lines_per_sec"), report);
        within(raw.table_elements, 1, MAX_TABLE_ELEMENTS, &at("table_elements"), report);
        within(raw.core_instances, 1, MAX_CORE_INSTANCES, &at("core_instances"), report);
        defaults::limits(raw)
    }

    fn component(&mut self, named: &str, field: &str) -> Option<Component> {
        let component = Component::named(named, self.folder)
            .map_err(|UnknownBuiltin { name, help }| {
                self.report.add_with_help(field, format!("there is no built-in component `{name}`"), help);
            })
            .ok()?;
        if let Component::Path(path) = &component
            && !path.is_file()
        {
            let help = "give the path of a .wasm file, or builtin:airflow";
            self.report.add_with_help(field, format!("there is no file {}", path.display()), help);
            return None;
        }
        Some(component)
    }
}

/// A config that nobody wrote is an empty one.
fn or_empty(config: Value) -> Value {
    if config.is_null() { Value::Object(Map::new()) } else { config }
}
