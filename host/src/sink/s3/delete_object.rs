//! `DeleteObject`: only of what `updraft check` put there itself.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>

use super::client::Client;
use crate::sink::service_error::ServiceError;

impl Client {
    /// Where the bucket keeps versions, the object is hidden, and its version stays.
    pub async fn delete_object(&self, key: &str) -> Result<(), Box<ServiceError>> {
        let call = self.call("s3:DeleteObject", key);
        let request = self.sdk.delete_object().bucket(&self.bucket).key(key);
        request.send().await.map(drop).map_err(|error| self.failed(&call, &error))
    }
}
