//! What troubles the services, and when: spells of trouble, one after the other, by the seed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::http::Answer;
use crate::plan::Plan;

/// A service behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// CloudWatch Logs.
    Logs,
    /// S3.
    S3,
}

/// Both of them.
pub const SERVICES: [Service; 2] = [Service::Logs, Service::S3];

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Too many requests.
    Throttled,
    /// 500 or 503.
    Fails,
    /// 500, and yet it was carried out.
    FailsAfter,
    /// No answer, and nothing was done.
    Hangs,
    /// No answer, and yet it was carried out.
    HangsAfter,
    /// The connection breaks before anything is done.
    Cut,
    /// The connection breaks when all is done.
    CutAfter,
    /// Nobody listens.
    Away,
    /// Not allowed.
    Denied,
    /// The credentials have expired.
    Expired,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Throttled,
        Self::Fails,
        Self::FailsAfter,
        Self::Hangs,
        Self::HangsAfter,
        Self::Cut,
        Self::CutAfter,
        Self::Away,
        Self::Denied,
        Self::Expired,
    ];

    /// As the scorecard says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Fails => "failed",
            Self::FailsAfter => "failed after effect",
            Self::Hangs => "hung",
            Self::HangsAfter => "hung after effect",
            Self::Cut => "cut",
            Self::CutAfter => "cut after effect",
            Self::Away => "away",
            Self::Denied => "denied",
            Self::Expired => "expired credentials",
        }
    }

    /// Whether the request is carried out all the same.
    pub fn after_effect(self) -> bool {
        matches!(self, Self::FailsAfter | Self::HangsAfter | Self::CutAfter)
    }

    /// Of 100 requests, how many meet it while it lasts.
    fn chance(self) -> u8 {
        match self {
            Self::Away | Self::Denied | Self::Expired => 100,
            Self::Throttled | Self::Fails => 60,
            Self::Hangs | Self::HangsAfter => 25,
            Self::FailsAfter | Self::Cut | Self::CutAfter => 40,
        }
    }

    /// What the service says; none for what it says nothing in.
    pub fn answer(self, service: Service, to_head: bool) -> Option<Answer> {
        let (status, code) = match (self, service) {
            (Self::Throttled, Service::Logs) => (400, "ThrottlingException"),
            (Self::Throttled, Service::S3) => (503, "SlowDown"),
            (Self::Fails, Service::Logs) => (503, "ServiceUnavailableException"),
            (Self::Fails, Service::S3) => (503, "ServiceUnavailable"),
            (Self::FailsAfter, Service::Logs) => (500, "InternalFailure"),
            (Self::FailsAfter, Service::S3) => (500, "InternalError"),
            (Self::Denied, Service::Logs) => (400, "AccessDeniedException"),
            (Self::Denied, Service::S3) => (403, "AccessDenied"),
            (Self::Expired, Service::Logs) => (400, "ExpiredTokenException"),
            (Self::Expired, Service::S3) => (400, "ExpiredToken"),
            _ => return None,
        };
        Some(match service {
            Service::Logs => {
                let body = format!("{{\"__type\":\"{code}\",\"message\":\"tortured\"}}");
                Answer::new(status, "application/x-amz-json-1.1", &body, to_head)
            }
            Service::S3 => {
                let body = format!("<Error><Code>{code}</Code><Message>tortured</Message></Error>");
                Answer::new(status, "application/xml", &body, to_head)
            }
        })
    }
}

/// A spell of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Which; none: all is well.
    pub trouble: Option<Trouble>,
    /// Whom it meets.
    pub whom: [bool; 2],
    /// How long it lasts.
    pub length: Duration,
}

/// The spells of a run, without end; half of the time all is well. Each kind comes before one comes again.
pub fn spells(plan: &Plan) -> impl Iterator<Item = Spell> + use<> {
    let (mut rng, longest) = (plan.rng("weather"), plan.spell);
    let mut deck: Vec<Trouble> = Vec::new();
    let mut calm = true;
    std::iter::from_fn(move || {
        calm = !calm;
        if calm {
            let length = longest.min(Duration::from_secs(12)).mul_f64(0.2 + rng.f64() * 0.6);
            return Some(Spell { trouble: None, whom: [true; 2], length });
        }
        if deck.is_empty() {
            deck.extend(Trouble::ALL);
            rng.shuffle(&mut deck);
        }
        let trouble = deck.pop()?;
        let whom = [[true, false], [false, true], [true, true]][rng.usize(..3)];
        // Away it may be for as long as is allowed; nothing else needs that long to show.
        let most = if trouble == Trouble::Away { longest } else { longest.min(Duration::from_secs(10)) };
        Some(Spell { trouble: Some(trouble), whom, length: most.mul_f64(0.4 + rng.f64() * 0.6) })
    })
}

/// The trouble of one service right now, and how often it had which.
#[derive(Debug)]
pub struct Weather {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Option<Trouble>,
    rng: fastrand::Rng,
    met: BTreeMap<Trouble, u32>,
}

impl Weather {
    /// All is well.
    pub fn fair(rng: fastrand::Rng) -> Self {
        Self { state: Mutex::new(State { now: None, rng, met: BTreeMap::new() }) }
    }

    /// From now on it is like this.
    pub fn turn(&self, trouble: Option<Trouble>) {
        let mut state = self.state.lock().expect("nobody panics");
        state.now = trouble;
        if trouble == Some(Trouble::Away) {
            *state.met.entry(Trouble::Away).or_default() += 1;
        }
    }

    /// What the next request meets.
    pub fn strike(&self) -> Option<Trouble> {
        let mut state = self.state.lock().expect("nobody panics");
        let trouble = state.now.filter(|trouble| *trouble != Trouble::Away)?;
        if state.rng.u8(..100) >= trouble.chance() {
            return None;
        }
        *state.met.entry(trouble).or_default() += 1;
        Some(trouble)
    }

    /// How many requests met which trouble; of [`Trouble::Away`], how often it was.
    pub fn met(&self) -> BTreeMap<Trouble, u32> {
        self.state.lock().expect("nobody panics").met.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_brings_the_same_weather_and_each_kind_comes() {
        let plan = Plan::short(5);
        let twenty = || spells(&plan).take(20).collect::<Vec<_>>();
        assert_eq!(twenty(), twenty());
        let kinds: std::collections::BTreeSet<_> = twenty().into_iter().filter_map(|it| it.trouble).collect();
        assert_eq!(kinds.len(), Trouble::ALL.len());
    }
}
