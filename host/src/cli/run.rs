//! `updraft run` and `updraft validate`: from options to an exit code. Signals are handled here, not in the library.

use super::meter::Meter;
use super::watch::Watch;
use super::{ConfigFile, LogFormat, Run, summary};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use updraft::config::{self, Config, Env};
use updraft::control::Control;
use updraft::monitor::Server;
use updraft::{Patience, Pipeline, Reloader, Reread, StartError};

/// Exit code of a run that did not deliver everything.
const NOT_ALL: u8 = 1;
/// A signal so soon after the first is its echo.
const ECHO: Duration = Duration::from_secs(1);
/// Exit code of a config that cannot run, whatever it is that stands in the way.
const BAD_CONFIG: u8 = 2;

/// Runs a pipeline to its end.
pub fn run(options: &Run, format: LogFormat, env: &Env) -> Result<u8, StartError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Threads)?;
    let code = runtime.block_on(async {
        // Before anything else: a SIGHUP that comes too early is no reason to end.
        let hangups = (!options.once).then(|| signal(SignalKind::hangup())).transpose();
        let hangups = hangups.map_err(StartError::Threads)?;
        let mut signals = Signals::listen().map_err(StartError::Threads)?;
        let config = load(&options.config, env)?;
        let server = serve(options.metrics_address.as_deref()).await?;
        let start = async {
            if options.once { Pipeline::start_once(&config).await } else { Pipeline::start(&config).await }
        };
        let pipeline = tokio::select! {
            pipeline = start => pipeline?,
            // A required healthcheck may take its time.
            () = signals.next() => {
                tracing::warn!("stopped before it had started");
                return Ok(NOT_ALL);
            }
        };
        if let Some(server) = &server {
            server.show(pipeline.monitor());
        }
        let Some(hangups) = hangups else {
            return Ok(once(pipeline, options.give_up, format, &mut signals).await);
        };
        let (file, env) = (options.config.clone(), env.clone());
        let reread: Reread = Arc::new(move || read(&file, &env));
        let mut reloading = JoinSet::new();
        reloading.spawn(reload_at_hangups(pipeline.reloader(), reread.clone(), hangups));
        if options.watch {
            match &options.config.path {
                Some(path) => {
                    let watch = Watch::new(path);
                    reloading.spawn(reload_at_changes(pipeline.reloader(), reread.clone(), watch));
                }
                None => {
                    tracing::warn!(
                        "--watch: the pipeline is from the environment, there is no file to watch"
                    );
                }
            }
        }
        let code = follow(pipeline, options.drain_timeout, format, &mut signals, reread).await;
        drop(reloading);
        Ok(code)
    });
    // What the report has said is final: nothing that still hangs in a request may hold up the exit.
    runtime.shutdown_background();
    code
}

/// Metrics and probes, where they are asked for.
async fn serve(address: Option<&str>) -> Result<Option<Server>, StartError> {
    let Some(address) = address.filter(|address| !address.is_empty()) else { return Ok(None) };
    let failed = |error| StartError::Listen { address: address.to_owned(), error };
    let server = Server::bind(address).await.map_err(failed)?;
    tracing::info!(
        "metrics on http://{0}/metrics, probes on http://{0}/healthz and /readyz",
        server.address()
    );
    Ok(Some(server))
}

/// Delivers what is there, then ends.
async fn once(pipeline: Pipeline, give_up: Duration, format: LogFormat, signals: &mut Signals) -> u8 {
    let meter = Meter::start(&pipeline);
    let report = tokio::select! {
        report = pipeline.drain(Patience::WhileItMoves(give_up)) => report,
        () = signals.next() => {
            meter.finish();
            tracing::warn!("stopped before everything was delivered; the rest comes at the next start");
            return NOT_ALL;
        }
    };
    meter.finish();
    summary::print(&report, format);
    if report.all_delivered() { 0 } else { NOT_ALL }
}

/// For as long as it is polled.
async fn reload_at_hangups(reloader: Arc<Reloader>, reread: Reread, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        // What was exchanged, and why nothing was, is logged by the reloader.
        if reloader.reread(&reread).await.is_ok_and(|reloaded| !reloaded.any()) {
            tracing::info!("SIGHUP: nothing has changed that could be exchanged");
        }
    }
}

/// For as long as it is polled. What is new at the first look is what changed while the pipeline started.
async fn reload_at_changes(reloader: Arc<Reloader>, reread: Reread, mut watch: Watch) {
    loop {
        let read = reread.clone();
        let looked = tokio::task::spawn_blocking(move || {
            watch.changed();
            if let Ok(config) = read() {
                watch.also(&config);
            }
            watch
        });
        let Ok(back) = looked.await else { return };
        watch = back;
        // The reloader has logged what came of it.
        let _ = reloader.reread(&reread).await;
    }
}

/// Follows the files until a signal, then delivers what is there.
async fn follow(
    pipeline: Pipeline,
    drain_timeout: Duration,
    format: LogFormat,
    signals: &mut Signals,
    reread: Reread,
) -> u8 {
    let control = match Control::start(&pipeline, Some(reread)) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(
                "no control socket in the data dir: {error}; all else works, but `updraft drain` and `updraft reload` will not"
            );
            None
        }
    };
    tracing::info!("running; SIGTERM or SIGINT delivers what is there and ends");
    signals.next().await;
    tracing::info!(
        "reading on to each file's end and delivering, for {drain_timeout:?} at most; a second signal ends at once"
    );
    let report = tokio::select! {
        report = pipeline.drain(Patience::For(drain_timeout)) => report,
        () = signals.another() => {
            tracing::warn!("stopped at once; what was not delivered comes at the next start");
            return NOT_ALL;
        }
    };
    if let Some(control) = control {
        control.close().await;
    }
    summary::print(&report, format);
    if report.all_acknowledged { 0 } else { NOT_ALL }
}

/// Parses, loads the components, renders the templates; no network.
pub fn validate(options: &ConfigFile, env: &Env) -> Result<u8, StartError> {
    let config = load(options, env)?;
    if let Err(error) = updraft::try_components(&config) {
        anstream::eprintln!("updraft: {error}");
        return Ok(BAD_CONFIG);
    }
    let names = |ids: Vec<&str>| ids.join(", ");
    anstream::println!(
        "good: sources {}; transforms {}; {}sinks {}; data dir {}",
        names(config.sources.iter().filter(|it| !it.dead_letters).map(|it| it.id.as_str()).collect()),
        if config.transforms.is_empty() {
            "none".to_owned()
        } else {
            names(config.transforms.iter().map(|it| it.id.as_str()).collect())
        },
        if config.routes.is_empty() {
            String::new()
        } else {
            format!("routes {}; ", names(config.routes.iter().map(|it| it.id.as_str()).collect()))
        },
        names(config.sinks.iter().map(|it| it.id.as_str()).collect()),
        config.data_dir.display()
    );
    Ok(0)
}

/// Reads the config, or builds it from the environment, and says what looks like a mistake.
pub fn load(file: &ConfigFile, env: &Env) -> Result<Config, StartError> {
    let config = read(file, env)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn read(file: &ConfigFile, env: &Env) -> Result<Config, config::Error> {
    match &file.path {
        Some(path) => config::load(path, env),
        None => config::from_environment(env),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// A second signal, meant as one: wrappers often send the first to us and to our group.
    async fn another(&mut self) {
        let echo = tokio::time::sleep(ECHO);
        tokio::pin!(echo);
        loop {
            tokio::select! {
                () = &mut echo => break,
                () = self.next() => {}
            }
        }
        self.next().await;
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
