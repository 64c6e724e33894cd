//! The traits that a component implements, and the macros that make a component of it.

use crate::{Columns, EventSet, Events, Lines, LogStream};
use std::cell::RefCell;

/// Turns lines into events.
pub trait Normalizer: Sized {
    /// Called once, before anything else, with the component's `config` of the pipeline as JSON (`{}` without one).
    fn configure(config: &str) -> Result<Self, String>;

    /// Makes events of the lines, in order, and says how many lines it used. What it did not use it sees again, with
    /// more lines or with [`Lines::is_last`]; then it must use all. An error fails the whole batch.
    fn normalize(
        &mut self,
        origin: &LogStream,
        lines: &Lines,
        events: &mut Events<'_>,
    ) -> Result<usize, String>;
}

/// Changes events: mask, enrich, drop, label.
pub trait Transformer: Sized {
    /// Called once, before anything else, with the component's `config` of the pipeline as JSON (`{}` without one).
    fn configure(config: &str) -> Result<Self, String>;

    /// Changes what it likes. An error fails the whole batch.
    fn transform(&mut self, origin: &LogStream, events: &EventSet) -> Result<(), String>;
}

/// Names log groups, streams and objects. Asked once per (stream, label, sink) and cached.
pub trait Router: Sized {
    /// Called once, before anything else, with the component's `config` of the pipeline as JSON (`{}` without one).
    fn configure(config: &str) -> Result<Self, String>;

    /// Where events of this stream and label go. `standard` is what the sink's own templates say: return it, or a
    /// part of it changed, or `None`: not to this sink.
    fn route(
        &mut self,
        origin: &LogStream,
        label: &str,
        sink: &Sink,
        standard: Target,
    ) -> Result<Option<Target>, String>;
}

/// The sink that asks where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Its id in the config.
    pub id: String,
    /// `aws_cloudwatch_logs`, `aws_s3`, `file` or `console`.
    pub kind: String,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a log stream.
    LogStream(LogStreamName),
    /// Into the object of this key.
    ObjectKey(String),
}

/// A log group and a log stream in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStreamName {
    /// The group.
    pub group: String,
    /// The stream.
    pub name: String,
}

/// The one configured instance of a component: what a macro keeps in a `thread_local!`.
#[derive(Debug)]
pub struct Instance<T>(RefCell<Option<T>>);

impl<T> Instance<T> {
    /// Not configured yet.
    #[expect(clippy::new_without_default, reason = "must be const")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Takes its place, if it could be configured.
    pub fn configure(&self, configured: Result<T, String>) -> Result<(), String> {
        self.0.replace(Some(configured?));
        Ok(())
    }

    /// Calls it.
    pub fn call<R>(&self, call: impl FnOnce(&mut T) -> Result<R, String>) -> Result<R, String> {
        match self.0.borrow_mut().as_mut() {
            Some(component) => call(component),
            None => Err("called before `configure`".to_owned()),
        }
    }
}

/// Runs a normalizer on a batch: how many lines it used, and the events as columns.
pub fn run_normalizer<N: Normalizer>(
    normalizer: &mut N,
    origin: &LogStream,
    lines: &Lines,
) -> Result<(u32, Columns), String> {
    let mut events = Events::new(lines);
    let consumed = normalizer.normalize(origin, lines, &mut events)?;
    Ok((consumed as u32, events.finish()))
}

/// Runs a transform on a batch. The arena of what comes back holds only what it added.
pub fn run_transformer<T: Transformer>(
    transformer: &mut T,
    origin: &LogStream,
    bytes: Vec<u8>,
    columns: Columns,
) -> Result<Columns, String> {
    let events = EventSet::new(bytes, columns);
    transformer.transform(origin, &events)?;
    Ok(events.finish())
}

/// Makes a component of a type that is a [`Normalizer`]. Natively it does nothing.
#[macro_export]
macro_rules! export_normalizer {
    ($component:ty) => {
        $crate::export_component!($component: Normalizer);
    };
}

/// Makes a component of a type that is a [`Transformer`]. Natively it does nothing.
#[macro_export]
macro_rules! export_transformer {
    ($component:ty) => {
        $crate::export_component!($component: Transformer);
    };
}

/// Makes a component of a type that is a [`Router`]. Natively it does nothing.
#[macro_export]
macro_rules! export_router {
    ($component:ty) => {
        $crate::export_component!($component: Router);
    };
}

/// Makes one component of a type that is several of [`Normalizer`], [`Transformer`] and [`Router`]:
/// `export_component!(Errors: Transformer, Router)`. It is configured by the first one's `configure`, whatever it is
/// used as. Natively it does nothing.
#[macro_export]
macro_rules! export_component {
    ($component:ty: $first:ident $(, $more:ident)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: $crate::Instance<$component> = const { $crate::Instance::new() };
            }
            struct Component;
            impl $crate::bindings::lifecycle::exports::updraft::pipeline::lifecycle::Guest for Component {
                fn configure(config: ::std::string::String) -> ::std::result::Result<(), ::std::string::String> {
                    let configured = <$component as $crate::$first>::configure(&config);
                    INSTANCE.with(|instance| instance.configure(configured))
                }
            }
            $crate::bindings::lifecycle::export!(Component with_types_in $crate::bindings::lifecycle);
            $crate::export_role!($first, $component);
            $($crate::export_role!($more, $component);)*
        };
    };
}

/// One of the interfaces that [`export_component!`] exports.
#[doc(hidden)]
#[macro_export]
macro_rules! export_role {
    (Normalizer, $component:ty) => {
        $crate::export_role!(normalize {
            fn process(
                origin: wit::LogStream,
                lines: wit::Lines,
            ) -> ::std::result::Result<wit::Normalized, ::std::string::String> {
                let lines = $crate::Lines::new(lines.bytes, lines.ends, lines.last);
                let run = |it: &mut $component| $crate::run_normalizer(it, &origin.into(), &lines);
                let (consumed, columns) = INSTANCE.with(|instance| instance.call(run))?;
                Ok(wit::Normalized { consumed, events: columns.into() })
            }
        });
    };
    (Transformer, $component:ty) => {
        $crate::export_role!(transform {
            fn process(
                origin: wit::LogStream,
                bytes: ::std::vec::Vec<u8>,
                events: wit::Events,
            ) -> ::std::result::Result<wit::Events, ::std::string::String> {
                let run = |it: &mut $component| $crate::run_transformer(it, &origin.into(), bytes, events.into());
                Ok(INSTANCE.with(|instance| instance.call(run))?.into())
            }
        });
    };
    (Router, $component:ty) => {
        $crate::export_role!(route {
            fn route(
                origin: wit::LogStream,
                label: ::std::string::String,
                sink: wit::Sink,
                standard: wit::Target,
            ) -> ::std::result::Result<::std::option::Option<wit::Target>, ::std::string::String> {
                let run = |it: &mut $component| {
                    $crate::Router::route(it, &origin.into(), &label, &sink.into(), standard.into())
                };
                Ok(INSTANCE.with(|instance| instance.call(run))?.map(Into::into))
            }
        });
    };
    ($interface:ident { $($process:tt)* }) => {
        const _: () = {
            use $crate::bindings::$interface::exports::updraft::pipeline::$interface as wit;
            impl wit::Guest for Component {
                $($process)*
            }
            $crate::bindings::$interface::export!(Component with_types_in $crate::bindings::$interface);
        };
    };
}
