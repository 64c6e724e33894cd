//! Turns to create log streams, one after the other: shared by all sinks of the process that go to the same account,
//! as far as a config tells, since AWS counts them together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::budget::Budget;
use crate::aws::Access;
use crate::config::CloudWatch;

/// The turns of one account and region.
#[derive(Debug)]
pub struct Turns {
    /// First come, first served; whoever has it waits for the next turn.
    queue: tokio::sync::Mutex<()>,
    budget: Mutex<Budget>,
}

/// Where log streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    region: Option<String>,
    endpoint: Option<String>,
    whose: Whose,
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    /// The role's: its ARN names it.
    Account(String),
    /// Whoever that profile, or file, or the surroundings make us.
    Identity { profile: Option<String>, file: Option<std::path::PathBuf> },
}

/// Those that are in use.
static SHARED: Mutex<Option<HashMap<Place, Weak<Turns>>>> = Mutex::new(None);

impl Turns {
    /// Those of the account that a sink goes to. Where sinks that share them have other rates, the least counts.
    pub fn of(access: &Access, config: &CloudWatch) -> Arc<Self> {
        let auth = &config.aws.auth;
        let account = auth.roles.last().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        let place = Place {
            region: access.sdk.region().map(ToString::to_string),
            endpoint: access.endpoint.clone().or_else(|| access.sdk.endpoint_url().map(str::to_owned)),
            whose: account.map_or_else(
                || Whose::Identity { profile: auth.profile.clone(), file: auth.credentials_file.clone() },
                Whose::Account,
            ),
        };
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.get_or_insert_default();
        shared.retain(|_, turns| turns.strong_count() > 0);
        if let Some(turns) = shared.get(&place).and_then(Weak::upgrade) {
            turns.budget().limit(config.create_stream_rate);
            return turns;
        }
        let turns = Arc::new(Self::new(config.create_stream_rate));
        shared.insert(place, Arc::downgrade(&turns));
        turns
    }

    fn new(rate: f64) -> Self {
        Self { queue: tokio::sync::Mutex::default(), budget: Mutex::new(Budget::new(rate)) }
    }

    /// Nobody waits for a turn.
    pub fn are_free(&self) -> bool {
        self.queue.try_lock().is_ok()
    }

    /// Waits for the next turn.
    pub async fn next(&self) {
        let _first = self.queue.lock().await;
        let wait = self.budget().take(Instant::now());
        tokio::time::sleep(wait).await;
    }

    /// AWS throttled what came of a turn.
    pub fn throttled(&self) {
        self.budget().throttled(Instant::now());
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Format, SinkKind, from_str};
    use crate::sink::canned;

    /// The turns of a sink with these options.
    fn turns(options: &str) -> Arc<Turns> {
        let text = format!(
            "sources: {{a: {{type: airflow, base_log_folder: /logs}}}}\n\
             sinks: {{s: {{type: aws_cloudwatch_logs, inputs: [a], group_name: g, {options}}}}}"
        );
        let config = from_str(&text, Format::Yaml, "p.yaml", &BTreeMap::new()).expect("good");
        let SinkKind::CloudWatch(options) = &config.sinks[0].kind else { panic!("CloudWatch") };
        let access = canned::access(canned::Failure::Refused);
        Turns::of(&Access { endpoint: options.aws.endpoint.clone(), ..access }, options)
    }

    #[test]
    fn sinks_that_go_to_the_same_account_share_turns_and_others_do_not() {
        let role = |account: u32, name: &str| {
            format!("auth: {{assume_role: 'arn:aws:iam::{account:012}:role/{name}'}}")
        };
        let (one, same) = (turns(&role(1, "a")), turns(&role(1, "b")));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &turns(&role(2, "a"))), "another account");
        assert!(
            !Arc::ptr_eq(&one, &turns(&(role(1, "a") + ", endpoint: 'http://127.0.0.1:9'"))),
            "elsewhere"
        );
        let (ambient, profile) = (turns("create_stream_rate: 50"), turns("auth: {profile: p}"));
        assert!(Arc::ptr_eq(&ambient, &turns("create_stream_rate: 50")));
        assert!(!Arc::ptr_eq(&ambient, &profile), "nobody knows whose that is");
    }

    #[tokio::test]
    async fn turns_come_one_after_the_other_at_the_least_rate_of_those_who_share_them() {
        let turns = Turns::new(1_000.0);
        turns.budget().limit(4.0);
        assert!(turns.are_free());
        turns.next().await;
        let waiting = turns.next();
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(!turns.are_free(), "somebody waits");
        waiting.await;
        assert!(turns.are_free());
    }
}
