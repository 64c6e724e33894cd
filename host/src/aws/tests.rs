//! What the SDK is told, where no request over the loopback device could show it.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::Tls;

fn aws() -> Aws {
    Aws { region: Some("us-east-1".to_owned()), ..Aws::ambient(1) }
}

#[tokio::test]
async fn timeouts_reach_the_sdk_and_retries_are_left_to_us() {
    let aws =
        Aws { connect_timeout: Duration::from_millis(700), request_timeout: Duration::from_secs(7), ..aws() };
    let sdk = access("s", &aws, &Arc::default()).await.expect("access").sdk;
    let timeouts = sdk.timeout_config().expect("timeouts");
    assert_eq!(timeouts.connect_timeout(), Some(Duration::from_millis(700)));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(Duration::from_secs(7)));
    assert_eq!(sdk.retry_config().map(RetryConfig::max_attempts), Some(1));
}

#[tokio::test]
async fn endpoints_are_those_that_were_asked_for() {
    let sdk =
        access("s", &Aws { use_fips: Some(true), use_dual_stack: Some(true), ..aws() }, &Arc::default())
            .await;
    let sdk = sdk.expect("access").sdk;
    assert_eq!((sdk.use_fips(), sdk.use_dual_stack()), (Some(true), Some(true)));
}

/// What is wrong with a sink whose `tls` is this.
async fn trouble(tls: Tls) -> String {
    access("archive", &Aws { tls, ..aws() }, &Arc::default()).await.expect_err("no access").to_string()
}

#[tokio::test]
async fn a_file_that_is_no_certificate_or_key_is_named_with_its_option() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| -> PathBuf {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        file
    };
    let empty = file("empty.pem", "nothing");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for ca_file in [&empty, &broken] {
        let said = trouble(Tls { ca_file: Some(ca_file.clone()), identity: None }).await;
        assert!(said.starts_with(&format!("sink archive: tls.ca_file {}: ", ca_file.display())), "{said}");
    }
    let said = trouble(Tls { ca_file: None, identity: Some((empty.clone(), empty.clone())) }).await;
    assert!(said.contains("tls.crt_file") && said.contains("it holds no PEM certificate"), "{said}");
    let said = trouble(Tls { ca_file: None, identity: Some((broken, empty)) }).await;
    assert!(said.contains("tls.key_file"), "{said}");
}
