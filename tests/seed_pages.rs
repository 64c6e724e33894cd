//! Promise: whoever did what the two pages of the Astro documentation say, and only that, has the logs in AWS.

use updraft_tests::{
    ACCOUNT, CLOUDWATCH_ROLE, DEPLOYMENT_ROLE, GROUP, LogFolder, Moto, PROVIDER, REGION, S3_ROLE, STREAM,
    Updraft, allow, cloudwatch_page, eventually, s3_page, trust, trust_web_identity, updraft, without,
};

fn worker(moto: &Moto, logs: &LogFolder) -> Updraft {
    updraft!("run", "--once").as_deployment(moto, logs)
}

#[test]
fn with_exactly_the_pages_policies_both_sinks_deliver_each_by_its_own_role() {
    let moto = Moto::account(&cloudwatch_page(), &s3_page(), REGION);
    let logs = LogFolder::of("airflow2/default_utc");

    worker(&moto, &logs).to_cloudwatch_by_role().to_s3_by_role().run().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
    assert!(!moto.log_events(GROUP, STREAM).is_empty());
    let assumed: Vec<_> =
        moto.requests().into_iter().filter(|asked| asked.operation.starts_with("AssumeRole")).collect();
    assert!(assumed.iter().any(|asked| asked.operation == "AssumeRoleWithWebIdentity"));
    assert!(
        moto.requests().iter().all(|asked| asked.status != Some(403)),
        "nothing was asked that is not allowed"
    );
}

#[test]
fn each_sink_talks_to_its_own_region() {
    let moto = Moto::account(&cloudwatch_page(), &s3_page(), "us-west-2");
    let logs = LogFolder::with_lines(0..3);

    worker(&moto, &logs)
        .to_cloudwatch_by_role()
        .to_s3_by_role()
        .env("ASTRO_CLOUDWATCH_AWS_REGION", "eu-central-1")
        .env("AIRFLOW__ASTRO_SECONDARY_LOGS__REGION", "us-west-2")
        .run()
        .exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
    assert_eq!(moto.log_groups("eu-central-1")[GROUP][STREAM].len(), 3);
    for asked in moto.requests() {
        match asked.service.as_deref() {
            Some("logs") => assert_eq!(asked.region.as_deref(), Some("eu-central-1")),
            Some("s3") => assert_eq!(asked.region.as_deref(), Some("us-west-2")),
            _ => {}
        }
    }
}

#[test]
fn the_workload_identity_alone_is_enough_for_the_bucket() {
    let moto = Moto::with_bucket();
    moto.create_role(DEPLOYMENT_ROLE, &trust_web_identity(PROVIDER), &s3_page());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    worker(&moto, &logs).to_s3().run().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
    assert!(moto.requests_of("AssumeRole").is_empty());
}

#[test]
fn a_user_may_be_the_base_identity_as_well() {
    let moto = Moto::start();
    let user = moto.create_user("airflow", &allow(&["sts:AssumeRole"], &[CLOUDWATCH_ROLE]));
    moto.create_role(
        CLOUDWATCH_ROLE,
        &trust(&format!("arn:aws:iam::{ACCOUNT}:user/airflow")),
        &cloudwatch_page(),
    );
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let run = updraft!("run", "--once").on(&moto).deployed(&logs).signing_with(&user);
    run.to_cloudwatch_by_role().run().exits(0);

    assert_eq!(moto.messages(), ["line 0", "line 1", "line 2"]);
}

#[test]
fn an_action_that_is_missing_is_named_with_its_role_and_sink() {
    let cases = [
        ("logs:CreateLogGroup", "cloudwatch", CLOUDWATCH_ROLE),
        ("logs:CreateLogStream", "cloudwatch", CLOUDWATCH_ROLE),
        ("logs:PutLogEvents", "cloudwatch", CLOUDWATCH_ROLE),
        ("s3:PutObject", "s3", S3_ROLE),
    ];
    for (action, sink, role) in cases {
        let moto = Moto::account(&without(action, cloudwatch_page()), &without(action, s3_page()), REGION);
        let logs = LogFolder::with_lines(0..3);

        let running = worker(&moto, &logs).to_cloudwatch_by_role().to_s3_by_role().spawn();

        running.says(&[action, sink, role]);
        // The other sink has no part in it.
        eventually("the other sink's", || {
            let all =
                if sink == "s3" { moto.messages().len() == 3 } else { moto.mirrored() == logs.task_files() };
            all.then_some(())
        });
    }
}

#[test]
fn a_role_that_does_not_trust_the_deployment_is_named_with_what_to_mend() {
    let moto = Moto::start();
    moto.create_role(DEPLOYMENT_ROLE, &trust_web_identity(PROVIDER), &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(CLOUDWATCH_ROLE, &trust("arn:aws:iam::111122223333:role/other"), &cloudwatch_page());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let refused = worker(&moto, &logs).to_cloudwatch_by_role().spawn();

    refused.says(&["sts:AssumeRole", CLOUDWATCH_ROLE, "cloudwatch", "trust policy"]);
}

#[test]
fn log_group_and_stream_can_be_named() {
    for stream_variable in
        ["ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM", "ASTRO_CLOUDWATCH_TASK_LOGS_LOG_STREAM"]
    {
        let moto = Moto::account(&cloudwatch_page(), &s3_page(), REGION);
        let logs = LogFolder::with_lines(0..3);

        worker(&moto, &logs)
            .to_cloudwatch_by_role()
            .env("ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP", "astro/{{ cluster_id }}")
            .env(stream_variable, "{{ dag_id }}:{{ try_number }}")
            .run()
            .exits(0);

        assert_eq!(moto.log_groups(REGION)["astro/cluster"]["etl_1"].len(), 3);
    }
}

#[test]
fn with_neither_sink_turned_on_the_variables_to_set_are_named() {
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("run").deployed(&logs).run();
    done.exits(2);
    for variable in ["ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED"]
    {
        assert!(done.stderr.contains(variable), "{}", done.stderr);
    }
}
