//! What AWS stops taking, or loses, while a host runs: sessions that expire, poisoned events, groups that somebody
//! deletes.

use serde_json::json;

use crate::moto::Moto;

impl Moto {
    /// The credentials of every role that was assumed so far are expired, though their time is not over. Those of
    /// roles that are assumed from now on are good.
    pub fn expire_sessions(&self) {
        self.post("/updraft-test/expire", "");
    }

    /// A put with an event that holds this text is malformed, as a whole. (Of puts whose bodies are not compressed.)
    pub fn poison(&self, text: &str) {
        self.post("/updraft-test/poison", &json!({ "text": text }).to_string());
    }

    /// Somebody deletes a log group and all that it holds.
    pub fn delete_log_group(&self, name: &str) {
        self.logs("DeleteLogGroup", &json!({ "logGroupName": name }));
    }

    /// Somebody deletes a log stream and all that it holds.
    pub fn delete_log_stream(&self, group: &str, name: &str) {
        self.logs("DeleteLogStream", &json!({ "logGroupName": group, "logStreamName": name }));
    }
}
