//! A run from its first line to the verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use updraft_tests::{Moto, REGION};

use crate::evidence;
use crate::host::{End, GROUP, Host, LAKE_BUCKET, MIRROR_BUCKET, Places};
use crate::ledger::Ledger;
use crate::oracle::{Arrived, compare};
use crate::plan::Plan;
use crate::proxy::Door;
use crate::scorecard::Scorecard;
use crate::weather::{SERVICES, Trouble, spells};
use crate::writer::Writer;

/// How long the host drains in the middle of a run.
const DRAIN: Duration = Duration::from_secs(2);

/// A run that showed something.
#[derive(Debug)]
pub struct Failure {
    /// By which it is shown again.
    pub seed: u64,
    /// What.
    pub what: String,
    /// Logs, data dir and what the host said, kept.
    pub kept: PathBuf,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}\n(its files are in {})", self.seed, self.what, self.kept.display())
    }
}

/// Does all of it; the scorecard, or the first difference.
pub fn run(plan: &Plan, binary: &Path) -> Result<Scorecard, Failure> {
    let folder = tempfile::tempdir().expect("the temp folder can be written");
    torture(plan, binary, folder.path()).map_err(|what| keep(plan, folder, what))
}

/// A failure, with its files.
pub fn keep(plan: &Plan, folder: TempDir, what: String) -> Failure {
    Failure { seed: plan.seed, what, kept: folder.keep() }
}

/// Moto, a proxy before it, and the host.
pub struct Stage {
    /// AWS.
    pub moto: Moto,
    /// What the host was not told.
    pub ledger: Arc<Ledger>,
    /// CloudWatch's and S3's.
    pub doors: [Arc<Door>; 2],
    /// Updraft.
    pub host: Host,
    /// Where everything is.
    pub places: Places,
}

impl Stage {
    /// All is there, and the host has not been started.
    pub fn set(plan: &Plan, binary: &Path, folder: &Path) -> Self {
        let moto = Moto::start();
        moto.create_bucket(MIRROR_BUCKET, REGION);
        moto.create_bucket(LAKE_BUCKET, REGION);
        let port =
            moto.endpoint().rsplit(':').next().and_then(|port| port.parse().ok()).expect("it has a port");
        let ledger = Arc::<Ledger>::default();
        let doors = SERVICES.map(|service| {
            let rng = plan.rng(&format!("{service:?}"));
            Door::open(service, port, Arc::clone(&ledger), rng, Duration::from_secs_f64(plan.timeout_secs))
        });
        let places =
            Places { logs: folder.join("logs"), data: folder.join("data"), said: folder.join("host.log") };
        std::fs::create_dir_all(&places.logs).expect("the temp folder can be written");
        let endpoints = [doors[0].endpoint(), doors[1].endpoint()];
        let host = Host::new(binary, plan, &places, [&endpoints[0], &endpoints[1]]);
        Self { moto, ledger, doors, host, places }
    }

    /// Ends the host; what it had under way is done when this returns.
    pub fn end(&mut self, how: End) -> Result<Option<i32>, String> {
        let code = self.host.end(how)?;
        let at = Instant::now();
        for door in &self.doors {
            door.wait_until_idle();
        }
        if how == End::Kill || code != Some(0) {
            self.ledger.killed(at);
        }
        Ok(code)
    }

    /// Everything that arrived.
    pub fn arrived(&self, plan: &Plan) -> Result<Arrived, String> {
        let streams = self.moto.log_groups(REGION).remove(GROUP).unwrap_or_default();
        let log_streams = streams.into_iter().map(|(name, events)| {
            (name, events.into_iter().map(|event| (event.timestamp, event.message)).collect())
        });
        let objects = |bucket: &str| -> BTreeMap<String, Vec<u8>> {
            self.moto.objects(bucket).into_iter().map(|(key, object)| (key, object.body)).collect()
        };
        let reports = self.host.reports();
        Ok(Arrived {
            log_streams: log_streams.collect(),
            puts: self.ledger.puts(),
            mirror: objects(MIRROR_BUCKET),
            lake: plan.with_lake().then(|| objects(LAKE_BUCKET)),
            known_lengths: self.ledger.known_lengths(),
            reports: reports.map_err(|error| format!("the host's store cannot be read: {error}"))?,
            ups: self.host.ups.clone(),
        })
    }

    /// How often requests met which trouble.
    pub fn met(&self) -> BTreeMap<Trouble, u32> {
        let mut all = BTreeMap::new();
        for (trouble, times) in self.doors.iter().flat_map(|door| door.weather.met()) {
            *all.entry(trouble).or_default() += times;
        }
        all
    }
}

fn torture(plan: &Plan, binary: &Path, folder: &Path) -> Result<Scorecard, String> {
    let begun = Instant::now();
    let mut stage = Stage::set(plan, binary, folder);
    let writer = Writer::start(plan, &stage.places.logs);
    let over = Arc::<AtomicBool>::default();
    let weather = change_weather(plan, &stage, &over);

    let (mut rng, mut kills) = (plan.rng("ends"), 0);
    while begun.elapsed() < plan.length || stage.host.lives < plan.ends {
        stage.host.start(DRAIN);
        // Often before it has done much, sometimes before it is even there.
        let share = rng.f64();
        stage.host.live(plan.between_ends.mul_f64(0.02 + share * share))?;
        let end = if rng.u8(..) < 190 { End::Kill } else { End::Terminate };
        kills += u32::from(end == End::Kill);
        stage.end(end)?;
        let longest = if rng.u8(..) < 200 { 50 } else { 1_500 };
        std::thread::sleep(Duration::from_millis(rng.u64(..longest)));
    }
    stage.host.start(Duration::from_mins(1));
    stage.host.live(Duration::from_millis(300))?;
    let books = writer.stop();
    over.store(true, Ordering::Release);
    weather.join().expect("the weather does not panic");
    heal(&stage);
    stage.host.live(Duration::from_millis(500))?;
    stage.end(End::Terminate)?;
    let mut codes = Vec::new();
    for _ in 0..2 {
        codes.push(stage.host.once()?);
    }
    let puts = stage.doors[0].requests();
    let code = stage.host.once()?;
    let card = Scorecard::of(plan, &stage, &books, kills, begun.elapsed());
    let arrived = stage.arrived(plan)?;
    let tally = compare(&books, &arrived).map_err(|difference| {
        // What cannot be kept is missed by nobody but us.
        evidence::write(folder, &books, &arrived).ok();
        format!("{difference}\n\n{card}")
    })?;
    if code != Some(0) {
        return Err(format!("`run --once` with nothing left to deliver exits {code:?} (before: {codes:?})"));
    }
    let again = stage.doors[0].requests() - puts;
    // A healthcheck may ask something.
    if again > 2 {
        return Err(format!("a run with nothing left to deliver sent {again} requests to CloudWatch"));
    }
    Ok(card.with(tally))
}

fn heal(stage: &Stage) {
    for door in &stage.doors {
        door.turn(None);
    }
}

fn change_weather(plan: &Plan, stage: &Stage, over: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (spells, doors, over) = (spells(plan), stage.doors.clone(), Arc::clone(over));
    std::thread::spawn(move || {
        for spell in spells {
            for (door, meets) in doors.iter().zip(spell.whom) {
                door.turn(spell.trouble.filter(|_| meets));
            }
            let until = Instant::now() + spell.length;
            while Instant::now() < until {
                if over.load(Ordering::Acquire) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    })
}
