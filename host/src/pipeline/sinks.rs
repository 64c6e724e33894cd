//! Starts a sink: from its options to what its lanes hand batches to.

use crate::aws;
use crate::config::{self, Config, Healthcheck, Layout, SinkKind};
use crate::cursor::Store;
use crate::dead_letter::DeadLetters;
use crate::error::StartError;
use crate::lanes::Lanes;
use crate::route::Naming;
use crate::route::standard::{Folders, Keys, LogStreams, Nameless, Standard};
use crate::sink::Flush;
use crate::sink::blackhole::Blackhole;
use crate::sink::cloudwatch::turns::Turns;
use crate::sink::cloudwatch::{self, CloudWatch};
use crate::sink::console::Console;
use crate::sink::file::File;
use crate::sink::healthcheck::Question;
use crate::sink::objects::{self, Objects, Place};
use crate::sink::s3;
use crate::transform::{Router, Workers};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Threads of a sink that writes to a disk or a pipe, which may block: they are not those that another sink waits for.
const OWN_WORKERS: usize = 2;

/// What a sink is started with.
pub struct Starting<'a> {
    /// The whole pipeline's.
    pub config: &'a Config,
    /// The sink's own.
    pub lanes: &'a Arc<Lanes>,
    /// Where cursors are.
    pub store: &'a Store,
    /// Threads for reading and guests.
    pub workers: &'a Arc<Workers>,
    /// Where dead letters wait, by the sink that takes them.
    pub letters: &'a HashMap<String, DeadLetters>,
    /// The routers, in the order of the config.
    pub routers: &'a [Arc<Router>],
}

impl Starting<'_> {
    fn naming<S: Standard>(&self, sink: &config::Sink, standard: S) -> Naming<S> {
        let router = sink.route.and_then(|at| self.routers.get(at)).cloned();
        Naming::new(&sink.id, sink.kind.as_str(), standard, self.config.env.clone(), router)
    }

    /// Starts it; what is to be told that nothing more comes, where it holds events back.
    pub async fn start(
        &self,
        sink: &config::Sink,
        loops: &mut JoinSet<()>,
    ) -> Result<Option<Arc<dyn Flush>>, StartError> {
        let (lanes, workers) = (self.lanes.clone(), self.workers.clone());
        match &sink.kind {
            SinkKind::CloudWatch(options) => {
                let access = aws::access(&sink.id, &options.aws, &lanes.counters.requests).await?;
                let client = cloudwatch::client::Client::new(&access);
                let naming = self.naming(
                    sink,
                    LogStreams {
                        group_name: options.group_name.clone(),
                        stream_name: options.stream_name.clone(),
                    },
                );
                let question = Question::of_log_groups(self.config, options, &client, &access);
                healthcheck(question, options.aws.healthcheck, &sink.id, loops).await?;
                let letters = options.dead_letter.as_ref().and_then(|sink| self.letters.get(sink)).cloned();
                let turns = Turns::of(&access, options);
                let cloudwatch =
                    CloudWatch::new(client, turns, (**options).clone(), naming, lanes.clone(), letters);
                loops.spawn(lanes.run(Arc::new(cloudwatch::Handle(cloudwatch.clone())), workers));
                return Ok(Some(cloudwatch));
            }
            SinkKind::S3(options) => {
                let access = aws::access(&sink.id, &options.aws, &lanes.counters.requests).await?;
                let client = s3::client::Client::new(&access, options);
                let question = Question::Bucket(client.clone());
                healthcheck(question, options.aws.healthcheck, &sink.id, loops).await?;
                match &options.layout {
                    Layout::Mirror(layout) => {
                        let env = self.config.env.clone();
                        let key = Keys { key: layout.key.clone(), prefix: options.key_prefix.clone() };
                        let naming = self.naming(sink, key);
                        let options = (**options).clone();
                        let mirror =
                            s3::Mirror::new(client, options, layout.clone(), env, naming, lanes, workers);
                        loops.spawn(mirror.run());
                    }
                    Layout::Batch(layout) => {
                        let place = Place::Bucket {
                            client,
                            prefix: options.key_prefix.clone(),
                            env: self.config.env.clone(),
                        };
                        let concurrency = options.aws.concurrency;
                        return self.objects(sink, layout, place, concurrency, loops).await.map(Some);
                    }
                }
            }
            SinkKind::File(options) => match &options.layout {
                Layout::Mirror(layout) => {
                    let naming = self.naming(sink, Keys { key: layout.key.clone(), prefix: String::new() });
                    let (path, store) = (options.path.clone(), self.store.clone());
                    let runtime = tokio::runtime::Handle::current();
                    let file = File::new(&sink.id, path, layout.codec, naming, store, runtime);
                    loops.spawn(lanes.run(Arc::new(file), own_workers()?));
                }
                Layout::Batch(layout) => {
                    let place = Place::Folder { path: options.path.clone(), workers: own_workers()? };
                    return self.objects(sink, layout, place, OWN_WORKERS, loops).await.map(Some);
                }
            },
            SinkKind::Console(codec) => {
                let console = Console::new(*codec, self.naming(sink, Nameless));
                loops.spawn(lanes.run(Arc::new(console), own_workers()?));
            }
            SinkKind::Blackhole(codec) => {
                let blackhole = Blackhole::new(*codec, self.naming(sink, Nameless));
                loops.spawn(lanes.run(Arc::new(blackhole), workers));
            }
        }
        Ok(None)
    }

    async fn objects(
        &self,
        sink: &config::Sink,
        layout: &config::ObjectBatch,
        place: Place,
        concurrency: usize,
        loops: &mut JoinSet<()>,
    ) -> Result<Arc<dyn Flush>, StartError> {
        let sources = sink.branches.iter().map(|way| self.config.sources[way.source].id.clone()).collect();
        let prefix = match &sink.kind {
            SinkKind::S3(options) => options.key_prefix.len(),
            _ => 0,
        };
        let naming = self.naming(sink, Folders { folder: layout.folder.clone(), prefix });
        let options = objects::Options { layout: layout.clone(), place, concurrency, naming, sources };
        let (lanes, workers) = (self.lanes.clone(), self.workers.clone());
        let objects = Objects::start(options, lanes.clone(), self.store.clone(), workers.clone()).await?;
        loops.spawn(lanes.run(Arc::new(objects::Handle(objects.clone())), workers));
        Ok(objects)
    }
}

/// Asked in the background, unless the pipeline shall not start without a good answer.
async fn healthcheck(
    question: Question,
    how: Healthcheck,
    sink: &str,
    loops: &mut JoinSet<()>,
) -> Result<(), StartError> {
    match how {
        Healthcheck::Off => {}
        Healthcheck::On => {
            loops.spawn(question.say(sink.to_owned()));
        }
        Healthcheck::Required => question.demand(sink).await.map_err(StartError::Healthcheck)?,
    }
    Ok(())
}

fn own_workers() -> Result<Arc<Workers>, StartError> {
    Workers::start_with(OWN_WORKERS).map(Arc::new).map_err(StartError::Threads)
}
