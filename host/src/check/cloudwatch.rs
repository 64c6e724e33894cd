//! A sink of type `aws_cloudwatch_logs`: its identity, its log group, and a canary.

use super::{Finding, Subject, aws, canary, patiently};
use crate::config::CloudWatch;
use crate::event::DEFAULT_LABEL;
use crate::route;
use crate::route::template::{Names, Template};
use crate::sink::cloudwatch::Put;
use crate::sink::cloudwatch::client::{Client, LogStreamName};
use crate::sink::healthcheck::name_for_all;
use crate::sink::retry::{Missing, Verdict};

/// The variable that names its region.
const REGION: &str = "ASTRO_CLOUDWATCH_AWS_REGION";

/// Says all that there is to say.
pub async fn check(sink: &str, options: &CloudWatch, subject: &Subject<'_>, say: &mut impl FnMut(Finding)) {
    let place = aws::region_place(sink, REGION, subject);
    let Some(access) = aws::access(sink, &options.aws, &place, &["region", "log group", "put"], say).await
    else {
        return;
    };
    say(Finding::well(format!("sink {sink}: region"), aws::region(&access)));
    let client = Client::new(&access);
    let name = match name(options, subject) {
        Ok(name) => name,
        Err(error) => {
            return say(Finding::wrong(format!("sink {sink}: log group"), error, "correct the template"));
        }
    };
    // One that is to be there already cannot be known before there are streams; the canary's own is not.
    let depends = |template: &Template| name_for_all(template, subject.config).is_none();
    let unknown = |what: &str| {
        let text = format!(
            "which there will be depends on the logs, and the sink makes none (create_missing_{what})"
        );
        Finding::not_applicable(format!("sink {sink}: log {what}"), text)
    };
    if !options.create_missing_group && depends(&options.group_name) {
        return say(unknown("group"));
    }
    say(log_group(sink, &client, &name.group, options).await);
    if !options.create_missing_stream && depends(&options.stream_name) {
        return say(unknown("stream"));
    }
    say(put(sink, &client, &name, options).await);
}

/// Where the canary goes.
fn name(options: &CloudWatch, subject: &Subject<'_>) -> Result<LogStreamName, String> {
    let origin = canary(subject.config);
    let names = Names { origin: &origin, label: DEFAULT_LABEL, env: &subject.config.env };
    let render = |template: &Template| {
        template.render(&names).map(|rendered| rendered.text).map_err(|error| error.to_string())
    };
    Ok(LogStreamName {
        group: route::log_group_name(&render(&options.group_name)?),
        name: route::log_stream_name(&render(&options.stream_name)?),
    })
}

async fn log_group(sink: &str, client: &Client, group: &str, options: &CloudWatch) -> Finding {
    let what = format!("sink {sink}: log group");
    match patiently(async || client.describe_log_streams(group).await).await {
        Ok(()) => Finding::well(what, format!("{group} is there and lets us in")),
        Err(failure)
            if options.create_missing_group && failure.verdict == Verdict::Create(Missing::LogGroup) =>
        {
            Finding::well(what, format!("{group} is not there yet, and is made when it is needed"))
        }
        Err(failure) => Finding::failed(what, &failure),
    }
}

async fn put(sink: &str, client: &Client, name: &LogStreamName, options: &CloudWatch) -> Finding {
    let what = format!("sink {sink}: put");
    let put = patiently(async || {
        let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        client.canary(name, options, now).await
    });
    match put.await {
        Ok(Put::Taken) => Finding::well(what, format!("an event that says what it is was put into {name}")),
        Ok(Put::WrongTime) => Finding::wrong(
            what,
            format!("CloudWatch takes no event of this time into {name}"),
            "set this machine's clock: it is more than 2 hours ahead of AWS's, or days behind it",
        ),
        Err(failure) => Finding::failed(what, &failure),
    }
}
