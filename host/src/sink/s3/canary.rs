//! A small object that is put and deleted again: whether the sink may do what it is for. For `updraft check`.

use bytes::Bytes;

use super::client::{Client, Precondition};
use super::settings::{self, ObjectSettings};
use crate::route;
use crate::sink::service_error::ServiceError;

/// What the object says, should anybody find it.
const TEXT: &str =
    "`updraft check` put this object to see whether it may, and deletes it right away. Delete it at will.\n";

impl Client {
    /// Puts it under the sink's prefix, as the sink would put any other; `name` is nobody else's. Returns its key, and
    /// what kept it from being deleted.
    pub async fn canary(
        &self,
        prefix: &str,
        name: &str,
    ) -> Result<(String, Option<Box<ServiceError>>), Box<ServiceError>> {
        let key = route::object_key(prefix, name);
        let settings = ObjectSettings::new(self.objects(), settings::LOG, None);
        let body = Bytes::from_static(TEXT.as_bytes());
        self.put_object(&key, body.into(), &settings, Precondition::Absent).await?;
        let left = self.delete_object(&key).await.err();
        Ok((key, left))
    }
}
