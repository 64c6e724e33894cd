//! An account of AWS set up by the two pages of the Astro documentation, and a worker that is in it.

use std::fs;

use serde_json::{Value, json};

use crate::{BUCKET, LogFolder, Moto, Updraft, allow, trust, trust_web_identity};

/// The workload identity of the deployment.
pub const DEPLOYMENT_ROLE: &str = "arn:aws:iam::111122223333:role/astro-deployment-role";
/// The role that writes to CloudWatch.
pub const CLOUDWATCH_ROLE: &str = "arn:aws:iam::123456789012:role/rolename";
/// The role that writes to the bucket.
pub const S3_ROLE: &str = "arn:aws:iam::123456789012:role/SecondaryS3LoggerRole";
/// Whose tokens the deployment's role trusts.
pub const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/1";

/// The policy on the page "Export logs to AWS Cloudwatch".
pub fn cloudwatch_page() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": "*"
        }]
    })
}

/// The same policy with one action less.
pub fn without(action: &str, mut policy: Value) -> Value {
    if let Some(actions) = policy["Statement"][0]["Action"].as_array_mut() {
        actions.retain(|each| each != action);
    }
    policy
}

impl Moto {
    /// An account set up by the pages, IAM enforced: the deployment's own role may assume the two that write.
    pub fn account(cloudwatch: &Value, s3: &Value, bucket_region: &str) -> Self {
        Self::start().with_account(cloudwatch, s3, bucket_region)
    }

    /// The same, made in this server.
    #[must_use]
    pub fn with_account(self, cloudwatch: &Value, s3: &Value, bucket_region: &str) -> Self {
        self.create_bucket(BUCKET, bucket_region);
        self.create_role(DEPLOYMENT_ROLE, &trust_web_identity(PROVIDER), &allow(&["sts:AssumeRole"], &["*"]));
        self.create_role(CLOUDWATCH_ROLE, &trust(DEPLOYMENT_ROLE), cloudwatch);
        self.create_role(S3_ROLE, &trust(DEPLOYMENT_ROLE), s3);
        self.enforce_iam();
        self
    }
}

impl Updraft {
    /// A worker whose workload identity is the deployment's role, as Kubernetes gives it: by a token in a file.
    #[must_use]
    pub fn as_deployment(self, moto: &Moto, logs: &LogFolder) -> Self {
        let token = self.home().join("token");
        fs::write(&token, "a.web.token").expect("the home can be written");
        self.on(moto)
            .deployed(logs)
            .env("AWS_ROLE_ARN", DEPLOYMENT_ROLE)
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
    }

    /// Task logs go to CloudWatch by [`CLOUDWATCH_ROLE`].
    #[must_use]
    pub fn to_cloudwatch_by_role(self) -> Self {
        self.to_cloudwatch().env("ASTRO_CLOUDWATCH_ROLE_ARN", CLOUDWATCH_ROLE)
    }

    /// Task logs go to the bucket by [`S3_ROLE`].
    #[must_use]
    pub fn to_s3_by_role(self) -> Self {
        self.to_s3().env("AIRFLOW__ASTRO_SECONDARY_LOGS__ROLE_ARN", S3_ROLE)
    }
}
