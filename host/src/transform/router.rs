//! A component that names: asked once for each stream, label and sink, by whoever names things for the sink.

use super::GuestError;
use super::breaker::Verdict;
use super::stage::Stage;
use crate::event::Origin;
use crate::route::{Question, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A failure may be that of an instance that was used before; a fresh one is asked if it took no longer than this.
const QUICK: Duration = Duration::from_millis(100);
/// After a failure that took long, others are asked for elsewhere, for so long at least.
const TIME_TO_GO: Duration = Duration::from_secs(1);

/// A component that names.
pub struct Router {
    stage: Arc<Stage>,
}

/// Why there is no answer: the sink's own name is used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// It failed, or its answer is none.
    #[error("{0}")]
    Failed(#[from] GuestError),
    /// It failed too often, and is not asked until then.
    #[error("failed too often of late and is put aside")]
    Aside(Instant),
}

impl Router {
    /// The one that works at that place of the pipeline.
    pub fn new(stage: Arc<Stage>) -> Self {
        Self { stage }
    }

    /// Its id in the config.
    pub fn id(&self) -> &str {
        self.stage.id()
    }

    /// The beginning of the hash of the component that works there now.
    pub fn short_hash(&self) -> String {
        self.stage.build().component.hash().chars().take(12).collect()
    }

    /// How often it was exchanged: another may answer otherwise.
    pub fn generation(&self) -> u64 {
        self.stage.generation()
    }

    /// It failed of late, and is not for the threads that all share.
    pub fn is_sick(&self) -> bool {
        self.stage.is_sick()
    }

    /// Where events go; none: not to this sink. Blocks: on a worker thread.
    pub fn ask(&self, origin: &Arc<Origin>, question: &Question) -> Result<Option<Target>, Unanswered> {
        if let Some(until) = self.stage.aside_until() {
            return Err(Unanswered::Aside(until));
        }
        let (build, began) = (self.stage.build(), Instant::now());
        let answer = build.component.run(|instance| instance.route(origin, question), |took| took < QUICK);
        // An instance that gives a bad name is as good as any other.
        let answer = answer.and_then(|target| match target.as_ref().map(|it| question.rules.check(it)) {
            Some(Err(bad)) => {
                let bad = GuestError::from(bad);
                self.stage.stats().failed(&bad);
                Err(bad)
            }
            None | Some(Ok(())) => Ok(target),
        });
        match answer {
            Ok(target) => {
                self.stage.succeeded();
                self.stage.trial().question(origin, question);
                Ok(target)
            }
            Err(error) => {
                let took = began.elapsed();
                if took >= QUICK {
                    self.stage.suffered(took, TIME_TO_GO);
                }
                // A bad name costs no time to speak of.
                if !matches!(error, GuestError::Name(_))
                    && let Verdict::Aside(pause) = self.stage.failed_anew(&build)
                {
                    tracing::error!(
                        route = self.id(),
                        component = self.short_hash(),
                        "failed too often: it is put aside for {} s, and sinks use their own names meanwhile: {error}",
                        pause.as_secs()
                    );
                }
                Err(error.into())
            }
        }
    }
}
