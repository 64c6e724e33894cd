//! Why a pipeline does not start: whose fault it is, and so which exit code it becomes.

use crate::cursor::StoreError;
use crate::receipt::ProveError;
use crate::sink::service_error::ServiceError;
use crate::transform::LoadError;
use crate::{aws, config};

/// Why a pipeline does not start. Once it runs, failures are retried, counted and logged, and end nothing.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config is at fault.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The data dir is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A component is.
    #[error(transparent)]
    Component(#[from] LoadError),
    /// AWS cannot be asked at all.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// AWS would not have us, and the sink's healthcheck is required.
    #[error("{}", .0.and_then("its healthcheck is required, so nothing is started"))]
    Healthcheck(Box<ServiceError>),
    /// Receipts cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// A glob of a source.
    #[error("source `{id}`: {error}")]
    Glob {
        /// Source.
        id: String,
        /// What is wrong with the pattern.
        #[source]
        error: globset::Error,
    },
    /// The address for metrics and probes cannot be had.
    #[error("cannot listen on {address} for metrics and probes: {error}; give another --metrics-address")]
    Listen {
        /// As it was given.
        address: String,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start worker threads: {0}")]
    Threads(#[source] std::io::Error),
}

impl StartError {
    /// 2: the config must be changed. 3: something around it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Glob { .. } => 2,
            Self::Store(_)
            | Self::Component(_)
            | Self::Aws(_)
            | Self::Healthcheck(_)
            | Self::Prove(_)
            | Self::Listen { .. }
            | Self::Threads(_) => 3,
        }
    }
}
