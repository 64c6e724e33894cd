//! A sink of type `aws_s3`: its identity, its bucket and where that is, and a canary.

use super::{CANARY, Finding, Mark, Subject, aws, patiently};
use crate::config::S3;
use crate::sink::retry::Verdict;
use crate::sink::s3::client::Client;

/// The variable that names its region.
const REGION: &str = "AIRFLOW__ASTRO_SECONDARY_LOGS__REGION";

/// Says all that there is to say.
pub async fn check(sink: &str, options: &S3, subject: &Subject<'_>, say: &mut impl FnMut(Finding)) {
    let place = aws::region_place(sink, REGION, subject);
    let Some(access) = aws::access(sink, &options.aws, &place, &["region", "bucket", "put"], say).await
    else {
        return;
    };
    let client = Client::new(&access, options);
    let found = patiently(async || {
        let bucket = client.look_at_bucket().await;
        match bucket.answer {
            // It is asked again.
            Err(failure) if failure.verdict == Verdict::Retry && bucket.region.is_none() => Err(failure),
            answer => Ok((bucket.region, answer)),
        }
    });
    let (there, answer) = match found.await {
        Ok(found) => found,
        Err(failure) => (None, Err(failure)),
    };
    let (here, bucket) = (aws::region(&access), client.bucket());
    let region = match there {
        Some(there) if there != here => Finding::wrong(
            format!("sink {sink}: region"),
            format!("{here}, but bucket {bucket} is in {there}"),
            format!("set {place} to {there}"),
        ),
        Some(_) => {
            Finding::well(format!("sink {sink}: region"), format!("{here}, and bucket {bucket} is there"))
        }
        None => {
            let text = format!("{here}; where bucket {bucket} is was not said");
            Finding::not_applicable(format!("sink {sink}: region"), text)
        }
    };
    let elsewhere = region.mark == Mark::Wrong;
    say(region);
    let what = format!("sink {sink}: bucket");
    match answer {
        Ok(()) => say(Finding::well(what, format!("{bucket} is there and lets us in"))),
        Err(_) if elsewhere => say(Finding::not_applicable(what, "the region has to be mended first")),
        Err(failure) => {
            let missing = failure.status == Some(404);
            say(Finding::failed(what, &failure));
            if missing {
                return aws::wait(sink, &["put"], say);
            }
        }
    }
    if elsewhere {
        return aws::wait(sink, &["put"], say);
    }
    say(put(sink, &client, options).await);
}

async fn put(sink: &str, client: &Client, options: &S3) -> Finding {
    let what = format!("sink {sink}: put");
    let name = format!("{CANARY}-{}", uuid::Uuid::new_v4());
    match patiently(async || client.canary(&options.key_prefix, &name).await).await {
        Ok((key, None)) => {
            Finding::well(what, format!("s3://{}/{key} was put, and deleted again", client.bucket()))
        }
        Ok((key, Some(left))) => Finding::well(
            what,
            format!(
                "s3://{}/{key} was put; it could not be deleted, which no sink needs to: {}",
                client.bucket(),
                left.message
            ),
        ),
        Err(failure) => Finding::failed(what, &failure),
    }
}
