//! Who a sink is: its credentials, and each role on the way to the last.

use std::sync::Arc;

use super::{Finding, Mark, Subject};
use crate::aws::{self, Access, Identity};
use crate::config::Aws;
use crate::counters::Requests;
use crate::sink::retry::Verdict;
use crate::sink::service_error::Fault;

/// The access of a sink whose identity is well: all roles are assumed. None: what is wrong was said, and of what comes
/// after it that it waits.
pub async fn access(
    sink: &str,
    aws: &Aws,
    region_place: &str,
    later: &[&str],
    say: &mut impl FnMut(Finding),
) -> Option<Access> {
    let region = format!("sink {sink}: region");
    let access = match aws::access(sink, aws, &Arc::<Requests>::default()).await {
        Ok(access) => access,
        Err(error @ aws::Error::NoRegion { .. }) => {
            say(Finding::wrong(&region, error.to_string(), format!("set {region_place}")));
            let rest = later.iter().filter(|what| **what != "region").copied();
            wait(sink, &["credentials"].into_iter().chain(rest).collect::<Vec<_>>(), say);
            return None;
        }
        Err(error) => {
            say(Finding::wrong(
                format!("sink {sink}: connection"),
                error.to_string(),
                "correct `tls` or `proxy` of the sink",
            ));
            wait(sink, later, say);
            return None;
        }
    };
    let mut well = true;
    if access.identities.is_empty() {
        let remedy = "give this process an identity: a workload identity, a role, or keys";
        say(Finding::wrong(format!("sink {sink}: credentials"), "there are none", remedy));
        well = false;
    }
    for identity in &access.identities {
        let what = match &identity.role {
            Some(role) => format!("sink {sink}: role {role}"),
            None => format!("sink {sink}: credentials"),
        };
        if well {
            let finding = of_identity(what, &access, identity).await;
            well = finding.mark == Mark::Well;
            say(finding);
        } else {
            say(Finding::not_applicable(what, "what comes before it has to be mended first"));
        }
    }
    if !well {
        wait(sink, later, say);
        return None;
    }
    Some(access)
}

/// What is left to be looked at when something before it is mended.
pub fn wait(sink: &str, later: &[&str], say: &mut impl FnMut(Finding)) {
    for what in later {
        let text = "what comes before it has to be mended first";
        say(Finding::not_applicable(format!("sink {sink}: {what}"), text));
    }
}

async fn of_identity(what: String, access: &Access, identity: &Identity) -> Finding {
    let owner = super::patiently(async || {
        let owner = access.owner(identity).await?;
        match owner {
            // STS is busy: it may tell the next time.
            Err(failure) if failure.verdict == Verdict::Retry => Err(failure),
            owner => Ok(owner),
        }
    });
    let verb = if identity.role.is_some() { "assumed; it is" } else { "found; they are those of" };
    match owner.await {
        Ok(Ok(arn)) => Finding::well(what, format!("{verb} {arn}")),
        Ok(Err(failure)) if matches!(failure.fault(), Fault::Credentials | Fault::Clock) => {
            Finding::failed(what, &failure)
        }
        // It says nothing of the sink's own service: STS may be out of reach on purpose.
        Ok(Err(failure)) => {
            Finding::well(what, format!("{verb} nobody knows whom: {}: {}", failure.action, failure.message))
        }
        Err(failure) => Finding::failed(what, &failure),
    }
}

/// Where the region of a sink is set.
pub fn region_place(sink: &str, variable: &str, subject: &Subject<'_>) -> String {
    match subject.described {
        super::Described::ByEnvironment => format!("{variable} (or AWS_REGION)"),
        super::Described::ByFile => format!("sinks.{sink}.region (or AWS_REGION)"),
    }
}

/// The region that it has.
pub fn region(access: &Access) -> &str {
    access.sdk.region().map_or("", |region| region.as_ref())
}
