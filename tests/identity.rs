//! Promise: each sink talks to AWS as whom its `auth` says, by the way that it says, and a refusal names the role.

use std::fs;

use serde_json::{Value, json};
use updraft_tests::{
    ACCOUNT, BUCKET, Keys, LogFolder, Moto, REGION, Request, Updraft, allow, allow_both, eventually, trust,
    trust_web_identity, updraft,
};

const VIA: &str = "arn:aws:iam::111122223333:role/via";
const WRITER: &str = "arn:aws:iam::123456789012:role/writer";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/1";

/// A server with the bucket, and a user that may ask for any role and do nothing else.
fn account() -> (Moto, Keys) {
    let moto = Moto::with_bucket();
    let user = moto.create_user("airflow", &allow(&["sts:AssumeRole"], &["*"]));
    (moto, user)
}

fn user() -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/airflow")
}

/// Trust that asks for an external id.
fn trust_with_id(principal: &str, id: &str) -> Value {
    let mut policy = trust(principal);
    policy["Statement"][0]["Condition"] = json!({ "StringEquals": { "sts:ExternalId": id } });
    policy
}

fn once(moto: &Moto, auth: &str, logs: &LogFolder) -> Updraft {
    following(moto, auth, logs).arg("--once")
}

/// It goes on until the test has seen what it waits for.
fn following(moto: &Moto, auth: &str, logs: &LogFolder) -> Updraft {
    updraft!("run").on(moto).lifting_with(&format!("auth: {{{auth}}}"), logs)
}

/// What was asked of STS: the role, its session, the external id.
fn assumed(moto: &Moto) -> Vec<Request> {
    moto.requests().into_iter().filter(|asked| asked.operation.starts_with("AssumeRole")).collect()
}

#[test]
fn a_role_is_assumed_with_the_external_id_and_the_session_name_that_are_set() {
    let (moto, keys) = account();
    moto.create_role(WRITER, &trust_with_id(&user(), "tenant-7"), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!("assume_role: '{WRITER}', external_id: tenant-7, session_name: lifter");
    once(&moto, &auth, &logs).signing_with(&keys).run().exits(0);

    assert!(moto.has_both(&logs));
    let asked = assumed(&moto);
    assert!(asked.len() >= 2, "each sink for itself");
    for asked in asked {
        assert_eq!(asked.role.as_deref(), Some(WRITER));
        assert_eq!(asked.external_id.as_deref(), Some("tenant-7"));
        assert_eq!(asked.session.as_deref(), Some("lifter"));
    }
}

#[test]
fn a_role_that_asks_for_another_external_id_is_named() {
    let (moto, keys) = account();
    moto.create_role(WRITER, &trust_with_id(&user(), "tenant-7"), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!("assume_role: '{WRITER}', external_id: tenant-8");
    let running = following(&moto, &auth, &logs).signing_with(&keys).spawn();

    for sink in ["cloudwatch", "s3"] {
        running
            .says(&[&format!("sink {sink}: sts:AssumeRole on {WRITER} with the default credentials failed")]);
    }
    assert!(assumed(&moto).iter().all(|asked| asked.session.as_deref() == Some("updraft")), "the default");
}

#[test]
fn roles_are_assumed_one_by_the_other_and_the_external_id_is_for_the_last() {
    let (moto, keys) = account();
    moto.create_role(VIA, &trust(&user()), &allow(&["sts:AssumeRole"], &[WRITER]));
    moto.create_role(WRITER, &trust_with_id(VIA, "tenant-7"), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!("via: ['{VIA}'], assume_role: '{WRITER}', external_id: tenant-7");
    once(&moto, &auth, &logs).signing_with(&keys).run().exits(0);

    assert!(moto.has_both(&logs));
    let asked = assumed(&moto);
    let (first, last): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.role.as_deref() == Some(VIA));
    assert!(!last.is_empty() && last.iter().all(|asked| asked.role.as_deref() == Some(WRITER)));
    assert!(
        first.iter().all(|asked| asked.external_id.is_none() && asked.access_key == Some(keys.id.clone()))
    );
    assert!(last.iter().all(|asked| asked.external_id.as_deref() == Some("tenant-7")));
    assert!(last.iter().all(|asked| asked.access_key != Some(keys.id.clone())), "not asked for directly");

    // And without the role between there is no way.
    let auth = format!("assume_role: '{WRITER}', external_id: tenant-7");
    let others = LogFolder::with_lines(0..3);
    let running = following(&moto, &auth, &others).signing_with(&keys).spawn();
    running.says(&[&format!("sts:AssumeRole on {WRITER} with the default credentials failed")]);
}

#[test]
fn a_role_that_is_refused_is_named_wherever_in_the_chain_it_is() {
    for (via_trusts, writer_trusts, refused, by) in [
        (format!("arn:aws:iam::{ACCOUNT}:user/other"), VIA, VIA, "the default credentials".to_owned()),
        (user(), "arn:aws:iam::111122223333:role/other", WRITER, format!("role {VIA}")),
    ] {
        let (moto, keys) = account();
        moto.create_role(VIA, &trust(&via_trusts), &allow(&["sts:AssumeRole"], &["*"]));
        moto.create_role(WRITER, &trust(writer_trusts), &allow_both());
        moto.enforce_iam();
        let logs = LogFolder::with_lines(0..3);

        let auth = format!("via: ['{VIA}'], assume_role: '{WRITER}'");
        let running = following(&moto, &auth, &logs).signing_with(&keys).spawn();

        for sink in ["cloudwatch", "s3"] {
            let said = format!("sink {sink}: sts:AssumeRole on {refused} with {by} failed");
            running.says(&[&said, &format!("let the trust policy of {refused} name")]);
        }
    }
}

#[test]
fn the_first_role_is_assumed_with_the_token_of_a_file_and_with_nothing_else() {
    let moto = Moto::with_bucket();
    moto.create_role(VIA, &trust_web_identity(PROVIDER), &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(WRITER, &trust(VIA), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!(
        "web_identity_token_file: token, via: ['{VIA}'], assume_role: '{WRITER}', session_name: lifter"
    );
    // These keys are nobody's: whatever was signed with them would be refused.
    let run = once(&moto, &auth, &logs).as_anyone();
    fs::write(run.home().join("token"), "a.web.token").expect("the home can be written");
    run.run().exits(0);

    assert!(moto.has_both(&logs));
    let asked = assumed(&moto);
    let (by_token, by_role): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.token.is_some());
    assert!(!by_token.is_empty() && !by_role.is_empty());
    for asked in by_token {
        assert_eq!(asked.operation, "AssumeRoleWithWebIdentity");
        assert_eq!((asked.role.as_deref(), asked.token.as_deref()), (Some(VIA), Some("a.web.token")));
        assert_eq!(asked.session.as_deref(), Some("lifter"));
    }
    assert!(by_role.iter().all(|asked| asked.role.as_deref() == Some(WRITER)));
}

#[test]
fn a_role_that_refuses_a_token_is_named() {
    let moto = Moto::with_bucket();
    moto.create_role(WRITER, &trust(VIA), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!("web_identity_token_file: token, assume_role: '{WRITER}'");
    let run = following(&moto, &auth, &logs);
    fs::write(run.home().join("token"), "a.web.token").expect("the home can be written");
    let running = run.spawn();

    for sink in ["cloudwatch", "s3"] {
        let all = running.says(&[&format!("sink {sink}: sts:AssumeRoleWithWebIdentity on {WRITER}")]);
        assert!(!all.contains("a.web.token"), "{all}");
    }
}

/// A credentials file with one profile besides the default, which is nobody's.
fn credentials(profile: &str, keys: &Keys) -> String {
    format!(
        "[default]\naws_access_key_id = AKIANOBODY\naws_secret_access_key = nobody\n\n\
         [{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.id, keys.secret
    )
}

#[test]
fn the_profile_of_a_credentials_file_goes_before_the_environment() {
    let moto = Moto::with_bucket();
    let keys = moto.create_user("writer", &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let run = once(&moto, "profile: lifter, credentials_file: keys", &logs).as_anyone();
    fs::write(run.home().join("keys"), credentials("lifter", &keys)).expect("the home can be written");
    run.run().exits(0);

    assert!(moto.has_both(&logs));
    assert!(moto.requests().iter().all(|asked| asked.access_key == Some(keys.id.clone())));
    assert!(moto.objects(BUCKET).len() == 1);
}

#[test]
fn a_profile_of_the_usual_files_may_say_the_region_and_assume_a_role() {
    let (moto, keys) = account();
    moto.create_role(WRITER, &trust(&user()), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let run = updraft!("run", "--once")
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .as_anyone()
        .lifting_with(&format!("auth: {{profile: lifter, assume_role: '{WRITER}'}}"), &logs);
    let folder = run.home().join(".aws");
    fs::create_dir(&folder).expect("the home can be written");
    fs::write(folder.join("credentials"), credentials("lifter", &keys)).expect("the home can be written");
    let config = format!("[profile lifter]\nregion = {REGION}\n");
    fs::write(folder.join("config"), config).expect("the home can be written");
    run.run().exits(0);

    assert!(moto.has_both(&logs));
    assert!(moto.requests().iter().all(|asked| asked.region.as_deref() == Some(REGION)));
}

#[test]
fn a_credentials_file_that_is_put_right_is_read_again() {
    let moto = Moto::with_bucket();
    let keys = moto.create_user("writer", &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let run =
        updraft!("run").on(&moto).lifting_with("auth: {profile: lifter, credentials_file: keys}", &logs);
    let file = run.home().join("keys");
    fs::write(&file, "[default]\n").expect("the home can be written");
    let running = run.spawn();
    for sink in ["cloudwatch", "s3"] {
        running.says(&[&format!("sink {sink}:"), "lifter"]);
    }
    fs::write(&file, credentials("lifter", &keys)).expect("the home can be written");
    eventually("both to have all", || moto.has_both(&logs).then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn sts_is_asked_in_the_region_that_is_set_for_it() {
    let (moto, keys) = account();
    moto.create_role(WRITER, &trust(&user()), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);

    let auth = format!("assume_role: '{WRITER}', region: eu-central-1");
    once(&moto, &auth, &logs).signing_with(&keys).run().exits(0);

    assert!(moto.has_both(&logs));
    for asked in moto.requests() {
        let region = if asked.service.as_deref() == Some("sts") { "eu-central-1" } else { REGION };
        assert_eq!(asked.region.as_deref(), Some(region), "{asked:?}");
    }
}

#[test]
fn a_token_or_profile_that_is_not_there_is_named() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let token = format!("assume_role: '{WRITER}', web_identity_token_file: /nowhere/token");
    for (auth, words) in [
        (token.as_str(), ["auth.web_identity_token_file /nowhere/token", "No such file"]),
        ("profile: nobody", ["auth.profile", "`nobody`"]),
    ] {
        let running = following(&moto, auth, &logs).spawn();
        running.says(&["WARN", "sink s3", words[0], words[1], "until somebody has mended it"]);
    }
}

#[test]
fn a_refusal_by_sts_is_said_by_us_and_not_by_the_sdk_besides() {
    let (moto, keys) = account();
    moto.create_role(WRITER, &trust("111122223333"), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let running = following(&moto, &format!("assume_role: '{WRITER}'"), &logs).signing_with(&keys).spawn();
    let said = running.says(&["WARN", "sts:AssumeRole", "it will be retried"]);
    let others = said.lines().filter(|line| line.contains("WARN") && !line.contains("sink "));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
}
