//! Promise: `updraft check` goes through what the two pages of the Astro documentation tell to look at when no logs
//! arrive, and says of each thing whether it is well, or what to do about it.

use std::fs;

use updraft_tests::{
    BUCKET, CLOUDWATCH_ROLE, DEPLOYMENT_ROLE, Finished, GROUP, LogFolder, Moto, PROVIDER, REGION, S3_ROLE,
    STREAM, Updraft, allow, cloudwatch_page, s3_page, trust, trust_web_identity, updraft, without,
};

fn account() -> Moto {
    Moto::start_at_present().with_account(&cloudwatch_page(), &s3_page(), REGION)
}

fn check(moto: &Moto, logs: &LogFolder) -> Updraft {
    updraft!("check").as_deployment(moto, logs).to_cloudwatch_by_role().to_s3_by_role()
}

/// Lines that begin so.
fn lines<'a>(done: &'a Finished, sign: &str) -> Vec<&'a str> {
    done.stdout.lines().filter(|line| line.starts_with(sign)).collect()
}

/// One thing alone is wrong: this one, and what is said of it and its remedy has these words. The other sink, and all
/// that is of neither, is well.
#[track_caller]
fn only(done: &Finished, what: &str, words: &[&str]) {
    done.exits(1);
    let wrong = lines(done, "✗");
    assert_eq!(wrong.len(), 1, "{}", done.stdout);
    assert!(wrong[0].starts_with(&format!("✗ {what}: ")), "{}", done.stdout);
    for word in words.iter().chain(&["to mend it, "]) {
        assert!(wrong[0].contains(word), "no {word} in {}", wrong[0]);
    }
    let sink = what.strip_prefix("sink ").map_or("none", |rest| rest.split(':').next().unwrap_or_default());
    let absent =
        |line: &&&str| !["– variables: ", "– components: "].iter().any(|none| line.starts_with(none));
    for line in lines(done, "–").iter().filter(absent) {
        assert!(line.contains(&format!("sink {sink}: ")), "waits for another's trouble: {line}");
    }
}

#[test]
fn with_what_the_pages_tell_all_is_well_and_the_canaries_are_in_aws() {
    let moto = account();
    let logs = LogFolder::of("airflow2/default_utc");
    let done = check(&moto, &logs).run();
    done.exits(0);
    assert_eq!(lines(&done, "✓").len(), done.stdout.lines().count(), "{}", done.stdout);
    let what: Vec<&str> = done
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("✓ ")?.split_once(": "))
        .map(|it| it.0)
        .collect();
    assert_eq!(what.iter().filter(|what| **what == "sink cloudwatch").count(), 5, "{}", done.stdout);
    assert_eq!(what.iter().filter(|what| **what == "sink s3").count(), 5, "{}", done.stdout);
    let files = format!("{} files match", logs.task_files().len());
    for words in [
        ["variables", "spelt"],
        ["log folder", &files],
        ["data dir", "can be written"],
        ["components", "normalize load"],
        ["sink s3: credentials", "assumed-role/astro-deployment-role"],
        ["sink cloudwatch: role arn:aws:iam::123456789012:role/rolename", "assumed-role/rolename"],
        ["sink s3: region", REGION],
        ["sink s3: bucket", "lets us in"],
        ["sink s3: put", "deleted again"],
        ["sink cloudwatch: log group", "is made when it is needed"],
        ["sink cloudwatch: put", "deployment"],
    ] {
        assert!(
            done.stdout.lines().any(|line| words.iter().all(|word| line.contains(word))),
            "no {words:?} in\n{}",
            done.stdout
        );
    }
    let events = moto.log_events(GROUP, STREAM);
    assert_eq!(events.len(), 1);
    assert!(events[0].normalized_message().contains("updraft check"), "{}", events[0].message);
    assert!(moto.objects(BUCKET).is_empty(), "the object is gone again");
    assert!(
        moto.requests().iter().all(|asked| asked.status != Some(403)),
        "nothing was asked that is not allowed"
    );
    assert!(!logs.path().join(".updraft").exists(), "the data dir is as it was");
    assert!(done.stderr.is_empty(), "{}", done.stderr);

    // A run after it has everything to do.
    let run = updraft!("run", "--once").as_deployment(&moto, &logs).to_s3_by_role().run();
    run.exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_data_dir_in_use_is_fine_and_the_one_who_uses_it_is_not_disturbed() {
    let moto = Moto::start_at_present();
    moto.create_bucket(BUCKET, REGION);
    let logs = LogFolder::with_lines(0..3);
    let running = updraft!("run").lifting(&logs, &moto).observed().spawn();
    running.scrape();
    let done = updraft!("check").lifting(&logs, &moto).run();
    done.exits(0);
    assert!(
        done.stdout.contains("✓ data dir: ") && done.stdout.contains("in use by a running updraft"),
        "{}",
        done.stdout
    );
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_misspelt_variable_is_said_with_the_one_that_was_meant() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    let done = check(&moto, &logs).env("ASTRO_CLOUDWATCH_TASK_LOG_LOG_GROUP", "mine").run();
    only(
        &done,
        "variables",
        &["ASTRO_CLOUDWATCH_TASK_LOG_LOG_GROUP", "ASTRO_CLOUDWATCH_TASK_LOGS_LOG_GROUP"],
    );
}

#[test]
fn a_sink_that_is_set_up_and_not_turned_on_is_forgotten_unless_it_was_turned_off() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    let run = || {
        updraft!("check")
            .as_deployment(&moto, &logs)
            .to_s3_by_role()
            .env("ASTRO_CLOUDWATCH_ROLE_ARN", CLOUDWATCH_ROLE)
    };
    only(
        &run().run(),
        "variables",
        &["ASTRO_CLOUDWATCH_ROLE_ARN", "set ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED to true"],
    );
    run().env("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "false").run().exits(0);
}

#[test]
fn with_variables_that_make_no_pipeline_the_exit_code_is_that_of_a_bad_config() {
    let logs = LogFolder::with_lines(0..3);
    let done =
        updraft!("check").deployed(&logs).env("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLE", "true").as_anyone().run();
    done.exits(2);
    assert!(done.stdout.contains("rename it to ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED"), "{}", done.stdout);
    assert!(done.stdout.contains("✗ config: "), "{}", done.stdout);
}

#[test]
fn a_missing_log_folder_is_named_with_the_variable_that_says_where_it_is() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    let nowhere = logs.path().join("nowhere");
    let data = tempfile::tempdir().expect("a folder");
    let done = check(&moto, &logs)
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", &nowhere)
        .env("UPDRAFT_DATA_DIR", data.path())
        .run();
    only(&done, "log folder", &[&nowhere.display().to_string(), "AIRFLOW__LOGGING__BASE_LOG_FOLDER"]);
}

#[test]
fn a_data_dir_that_cannot_be_written_is_named() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    // Where even root may not write.
    let done = check(&moto, &logs).env("UPDRAFT_DATA_DIR", "/proc/updraft").run();
    only(&done, "data dir", &["/proc/updraft", "UPDRAFT_DATA_DIR"]);
}

#[test]
fn credentials_that_are_not_there_are_asked_for() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("check").on(&moto).deployed(&logs).to_s3_by_role().run();
    only(&done, "sink s3: credentials", &["no credentials", "give this process an identity"]);
    assert_eq!(lines(&done, "–").len(), 5, "components, role, region, bucket, put: {}", done.stdout);
}

#[test]
fn keys_that_aws_does_not_know_are_told_from_missing_ones() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("check").on(&moto).deployed(&logs).to_s3().as_anyone().run();
    only(&done, "sink s3: credentials", &["InvalidClientTokenId", "renew or correct the keys"]);
}

#[test]
fn the_role_whose_trust_policy_refuses_is_named_and_whom_it_should_trust() {
    let moto = Moto::start_at_present();
    moto.create_bucket(BUCKET, REGION);
    moto.create_role(DEPLOYMENT_ROLE, &trust_web_identity(PROVIDER), &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(CLOUDWATCH_ROLE, &trust(DEPLOYMENT_ROLE), &cloudwatch_page());
    moto.create_role(S3_ROLE, &trust("arn:aws:iam::111122223333:role/other"), &s3_page());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let done = check(&moto, &logs).run();
    only(&done, &format!("sink s3: role {S3_ROLE}"), &["sts:AssumeRole", "let the trust policy of", S3_ROLE]);
}

#[test]
fn of_a_chain_of_roles_the_hop_that_is_refused_is_named() {
    let moto = Moto::start_at_present();
    let (first, second, third) = (CLOUDWATCH_ROLE, S3_ROLE, "arn:aws:iam::123456789012:role/last");
    let keys = moto.create_user("airflow", &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(
        first,
        &trust("arn:aws:iam::123456789012:user/airflow"),
        &allow(&["sts:AssumeRole"], &["*"]),
    );
    moto.create_role(
        second,
        &trust("arn:aws:iam::123456789012:role/nobody"),
        &allow(&["sts:AssumeRole"], &["*"]),
    );
    moto.create_role(third, &trust(second), &cloudwatch_page());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{logs: {{type: \
         aws_cloudwatch_logs, inputs: [airflow], group_name: a, auth: {{via: ['{first}', '{second}'], assume_role: '{third}'}}}}}}\n",
        logs.path().display()
    );
    let done = updraft!("check").on(&moto).signing_with(&keys).config("p.yaml", &config).run();
    done.exits(1);
    assert!(done.stdout.contains(&format!("✓ sink logs: role {first}: assumed")), "{}", done.stdout);
    let wrong = lines(&done, "✗");
    assert_eq!(wrong.len(), 1, "{}", done.stdout);
    assert!(wrong[0].contains(&format!("let the trust policy of {second} name {first}")), "{}", wrong[0]);
    assert!(done.stdout.contains(&format!("– sink logs: role {third}")), "{}", done.stdout);
    assert!(!done.stdout.contains(&keys.secret));
}

#[test]
fn a_right_that_is_missing_is_named_with_whom_to_grant_it() {
    for (action, what, role) in [
        ("s3:PutObject", "sink s3: put", S3_ROLE),
        ("logs:PutLogEvents", "sink cloudwatch: put", CLOUDWATCH_ROLE),
        ("logs:CreateLogGroup", "sink cloudwatch: put", CLOUDWATCH_ROLE),
        ("logs:DescribeLogStreams", "sink cloudwatch: log group", CLOUDWATCH_ROLE),
        ("s3:ListBucket", "sink s3: bucket", S3_ROLE),
    ] {
        let (cloudwatch, s3) = (without(action, cloudwatch_page()), without(action, s3_page()));
        let moto = Moto::start_at_present().with_account(&cloudwatch, &s3, REGION);
        let logs = LogFolder::with_lines(0..3);
        only(&check(&moto, &logs).run(), what, &["grant", action, role]);
    }
}

#[test]
fn that_the_canary_cannot_be_deleted_is_a_remark_and_no_fault() {
    let s3 = without("s3:DeleteObject", s3_page());
    let moto = Moto::start_at_present().with_account(&cloudwatch_page(), &s3, REGION);
    let logs = LogFolder::with_lines(0..3);
    let done = check(&moto, &logs).run();
    done.exits(0);
    assert!(done.stdout.contains("could not be deleted, which no sink needs to"), "{}", done.stdout);
    let (key, object) = moto.objects(BUCKET).into_iter().next().expect("it is left behind");
    assert!(key.starts_with("logs/updraft-check-"), "{key}");
    assert!(String::from_utf8_lossy(&object.body).contains("updraft check"));
}

#[test]
fn a_bucket_in_another_region_is_said_with_that_region() {
    let moto = Moto::start_at_present().with_account(&cloudwatch_page(), &s3_page(), "eu-central-1");
    let logs = LogFolder::with_lines(0..3);
    let done = check(&moto, &logs).run();
    only(&done, "sink s3: region", &["set AIRFLOW__ASTRO_SECONDARY_LOGS__REGION", "to eu-central-1"]);
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let moto = Moto::start_at_present();
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("check")
        .lifting(&logs, &moto)
        .env("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", "s3://nowhere/logs")
        .run();
    only(&done, "sink s3: bucket", &["create the bucket nowhere"]);
}

#[test]
fn a_region_that_nobody_has_set_is_asked_for() {
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("check").deployed(&logs).to_s3().as_anyone().run();
    only(&done, "sink s3: region", &["AIRFLOW__ASTRO_SECONDARY_LOGS__REGION"]);
}

#[test]
fn log_groups_that_others_make_for_each_dag_are_not_held_for_missing() {
    let moto = Moto::start_at_present();
    let logs = LogFolder::with_lines(0..3);
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{logs: {{type: \
         aws_cloudwatch_logs, inputs: [airflow], group_name: '/a/{{{{ dag_id }}}}', create_missing_group: false}}}}\n",
        logs.path().display()
    );
    let done = updraft!("check").on(&moto).as_anyone().config("p.yaml", &config).run();
    done.exits(0);
    assert!(done.stdout.contains("– sink logs: log group: "), "{}", done.stdout);
    assert!(moto.log_groups(REGION).is_empty());
}

#[test]
fn a_clock_that_is_wrong_is_told_from_the_event_that_nobody_takes() {
    // AWS lives days before or after this machine.
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let done = updraft!("check").lifting(&logs, &moto).run();
    only(&done, "sink cloudwatch: put", &["set this machine's clock"]);
}

#[test]
fn programs_can_have_it_as_json() {
    let moto = account();
    let logs = LogFolder::with_lines(0..3);
    fs::create_dir(logs.path().join("empty")).expect("a folder");
    let done = check(&moto, &logs).arg("--format").arg("json").run();
    done.exits(0);
    for line in done.stdout.lines() {
        let finding: serde_json::Value = serde_json::from_str(line).expect("an object each");
        assert_eq!(finding["mark"], "well", "{line}");
        assert!(finding["what"].is_string() && finding["text"].is_string());
    }
}
