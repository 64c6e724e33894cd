//! The only file that names WIT types: what wit-bindgen makes of the WIT, and the moves between its types and ours.
//!
//! A component exports `lifecycle` and one or more interfaces of its own. wit-bindgen's export macros are named after
//! interfaces, so each interface has bindings of its own here; the linker joins their worlds into the one that they
//! make up.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, clippy::pedantic, clippy::unwrap_used)]

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package updraft:sdk; world lifecycle-part { export updraft:pipeline/lifecycle@0.1.0; }",
        world: "updraft:sdk/lifecycle-part",
        pub_export_macro: true,
        generate_all,
    });
}

pub mod normalize {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package updraft:sdk; world normalize-part {
            import updraft:pipeline/host@0.1.0;
            export updraft:pipeline/normalize@0.1.0;
        }",
        world: "updraft:sdk/normalize-part",
        pub_export_macro: true,
        generate_all,
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package updraft:sdk; world transform-part {
            import updraft:pipeline/host@0.1.0;
            export updraft:pipeline/transform@0.1.0;
        }",
        world: "updraft:sdk/transform-part",
        pub_export_macro: true,
        generate_all,
        with: {
            "updraft:pipeline/types@0.1.0": crate::bindings::normalize::updraft::pipeline::types,
            "updraft:pipeline/host@0.1.0": crate::bindings::normalize::updraft::pipeline::host,
        },
    });
}

pub mod route {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package updraft:sdk; world route-part {
            import updraft:pipeline/host@0.1.0;
            export updraft:pipeline/route@0.1.0;
        }",
        world: "updraft:sdk/route-part",
        pub_export_macro: true,
        generate_all,
        with: {
            "updraft:pipeline/types@0.1.0": crate::bindings::normalize::updraft::pipeline::types,
            "updraft:pipeline/host@0.1.0": crate::bindings::normalize::updraft::pipeline::host,
        },
    });
}

use self::route::exports::updraft::pipeline::route as names;
use normalize::updraft::pipeline::types as wit;

impl From<wit::LogStream> for crate::LogStream {
    fn from(it: wit::LogStream) -> Self {
        Self {
            source: it.source,
            path: it.path,
            host: it.host,
            kind: match it.kind {
                wit::StreamKind::Task => crate::StreamKind::Task,
                wit::StreamKind::Trigger => crate::StreamKind::Trigger,
                wit::StreamKind::Scheduler => crate::StreamKind::Scheduler,
                wit::StreamKind::DagProcessor => crate::StreamKind::DagProcessor,
                wit::StreamKind::Other => crate::StreamKind::Other,
            },
            task: it.task.map(|task| crate::TaskTry {
                dag_id: task.dag_id,
                run_id: task.run_id,
                task_id: task.task_id,
                map_index: task.map_index,
                try_number: task.try_number,
            }),
            deployment: crate::Deployment {
                cluster_id: it.deployment.cluster_id,
                workspace_id: it.deployment.workspace_id,
                deployment_id: it.deployment.deployment_id,
            },
        }
    }
}

/// Both ways the columns are moved, never copied.
macro_rules! moved {
    ($from:ty => $to:ty) => {
        impl From<$from> for $to {
            fn from(it: $from) -> Self {
                Self {
                    arena: it.arena,
                    timestamps: it.timestamps,
                    severities: it.severities,
                    source_ends: it.source_ends,
                    raw_starts: it.raw_starts,
                    raw_ends: it.raw_ends,
                    message_starts: it.message_starts,
                    message_ends: it.message_ends,
                    labels: it.labels,
                    label_names: it.label_names,
                    attribute_events: it.attribute_events,
                    attribute_keys: it.attribute_keys,
                    key_names: it.key_names,
                    attribute_starts: it.attribute_starts,
                    attribute_ends: it.attribute_ends,
                    attribute_json: it.attribute_json,
                }
            }
        }
    };
}
moved!(wit::Events => crate::Columns);
moved!(crate::Columns => wit::Events);

impl From<names::Sink> for crate::Sink {
    fn from(it: names::Sink) -> Self {
        Self { id: it.id, kind: it.kind }
    }
}

impl From<names::Target> for crate::Target {
    fn from(it: names::Target) -> Self {
        match it {
            names::Target::LogStream(it) => {
                Self::LogStream(crate::LogStreamName { group: it.group, name: it.name })
            }
            names::Target::ObjectKey(key) => Self::ObjectKey(key),
        }
    }
}

impl From<crate::Target> for names::Target {
    fn from(it: crate::Target) -> Self {
        match it {
            crate::Target::LogStream(it) => {
                Self::LogStream(names::LogStreamName { group: it.group, name: it.name })
            }
            crate::Target::ObjectKey(key) => Self::ObjectKey(key),
        }
    }
}
