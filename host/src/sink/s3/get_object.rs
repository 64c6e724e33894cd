//! `GetObject`: what an object holds, piece by piece, for whoever wants to prove it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::client::Client;
use crate::sink::service_error::ServiceError;

/// An object that is being read.
#[derive(Debug)]
pub struct Body(ByteStream);

impl Body {
    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        self.0.next().await.transpose().map_err(|error| error.to_string())
    }
}

impl Client {
    /// None: there is no such object.
    pub async fn get_object(&self, key: &str) -> Result<Option<Body>, Box<ServiceError>> {
        let call = self.call("s3:GetObject", key);
        match self.sdk.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => Ok(Some(Body(output.body))),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(self.failed(&call, &error)),
        }
    }
}
