//! The platform around a worker: the variables that it sets, and the ones that its user sets by the two pages.

use serde_json::{Value, json};

use crate::{LogFolder, Moto, REGION, Updraft};

/// The log group that the default name gives for [`Updraft::deployed`].
pub const GROUP: &str = "/astro/cluster/workspace";
/// The log stream likewise.
pub const STREAM: &str = "deployment";
/// The bucket of [`Updraft::to_s3`].
pub const BUCKET: &str = "my-bucket";

impl Updraft {
    /// A worker of a deployment whose logs are there.
    #[must_use]
    pub fn deployed(self, logs: &LogFolder) -> Self {
        self.env("ASTRO_CLUSTER_ID", "cluster")
            .env("ASTRO_WORKSPACE_ID", "workspace")
            .env("ASTRO_DEPLOYMENT_ID", STREAM)
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
    }

    /// Task logs go to CloudWatch.
    #[must_use]
    pub fn to_cloudwatch(self) -> Self {
        self.env("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "True")
    }

    /// Task logs go to `s3://my-bucket/logs`.
    #[must_use]
    pub fn to_s3(self) -> Self {
        self.env("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED", "true")
            .env("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", format!("s3://{BUCKET}/logs"))
    }

    /// Some identity, for a moto that does not ask whose.
    #[must_use]
    pub fn as_anyone(self) -> Self {
        self.env("AWS_ACCESS_KEY_ID", "anyone").env("AWS_SECRET_ACCESS_KEY", "anyone")
    }

    /// All of it: these logs to both services of this moto, with anyone's identity.
    #[must_use]
    pub fn lifting(self, logs: &LogFolder, moto: &Moto) -> Self {
        self.on(moto).deployed(logs).to_cloudwatch().to_s3().as_anyone()
    }
}

impl Moto {
    /// A server with the bucket that [`Updraft::to_s3`] writes to.
    pub fn with_bucket() -> Self {
        let moto = Self::start();
        moto.create_bucket(BUCKET, REGION);
        moto
    }

    /// What [`Updraft::to_s3`] made: each file's path below the log folder, and its bytes.
    pub fn mirrored(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let objects = self.objects(BUCKET).into_iter();
        let stripped =
            objects.map(|(key, object)| (key.strip_prefix("logs/").unwrap_or(&key).to_owned(), object.body));
        stripped.collect()
    }

    /// The messages of the events in the default log stream: the field `message` of each normalized event.
    pub fn messages(&self) -> Vec<String> {
        self.log_events(GROUP, STREAM).iter().map(crate::Event::normalized_message).collect()
    }
}

/// The policy on the page "Export logs to a Secondary S3 Bucket".
pub fn s3_page() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "ExternalS3Policy",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"],
            "Resource": ["arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/*"]
        }]
    })
}
