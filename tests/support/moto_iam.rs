//! Who may do what in moto: roles, users, and the switch that has it enforce them.

use serde_json::{Value, json};

use crate::http::form;
use crate::moto::{ACCOUNT, Moto, REGION, authorization};

/// Long-lived credentials of a user.
#[derive(Clone, Debug)]
pub struct Keys {
    /// `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
}

impl Moto {
    /// Makes the role of that ARN, in the ARN's account, with a trust policy and one policy of its own.
    pub fn create_role(&self, arn: &str, trust: &Value, policy: &Value) {
        let (account, name) = account_and_name(arn);
        let (trust, policy) = (trust.to_string(), policy.to_string());
        self.iam(account, "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]);
        let fields = [("RoleName", name), ("PolicyName", "its-own"), ("PolicyDocument", policy.as_str())];
        self.iam(account, "PutRolePolicy", &fields);
    }

    /// Makes a user in [`ACCOUNT`] with one policy and gives its keys.
    pub fn create_user(&self, name: &str, policy: &Value) -> Keys {
        self.iam(ACCOUNT, "CreateUser", &[("UserName", name)]);
        self.set_policy(name, policy);
        let made = self.iam(ACCOUNT, "CreateAccessKey", &[("UserName", name)]);
        Keys { id: between(&made, "AccessKeyId"), secret: between(&made, "SecretAccessKey") }
    }

    /// Gives a user another policy in the place of the one it has. While IAM is enforced, nobody may.
    pub fn set_policy(&self, user: &str, policy: &Value) {
        let policy = policy.to_string();
        let fields = [("UserName", user), ("PolicyName", "its-own"), ("PolicyDocument", policy.as_str())];
        self.iam(ACCOUNT, "PutUserPolicy", &fields);
    }

    /// From now on every call needs a true signature and a policy that allows it. Set-up comes before.
    pub fn enforce_iam(&self) {
        self.post("/moto-api/reset-auth", "0");
    }

    /// Everyone may do everything again.
    pub fn stop_enforcing_iam(&self) {
        self.post("/moto-api/reset-auth", "inf");
    }

    fn iam(&self, account: &str, action: &str, fields: &[(&str, &str)]) -> String {
        let mut all = vec![("Action", action), ("Version", "2010-05-08")];
        all.extend(fields);
        let authorization = authorization("iam", REGION);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("x-moto-account-id", account),
        ];
        let answer = self.call("POST", "/", &headers, form(&all).as_bytes());
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A policy that allows these actions on these resources.
pub fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resources }],
    })
}

/// A trust policy that lets the role, user or account of that ARN assume the role.
pub fn trust(principal: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" }],
    })
}

/// A trust policy for tokens of an OpenID Connect provider, as Kubernetes gives them to pods.
pub fn trust_web_identity(provider: &str) -> Value {
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn account_and_name(arn: &str) -> (&str, &str) {
    let account = arn.split(':').nth(4).expect("an ARN names an account");
    let name = arn.rsplit('/').next().expect("an ARN ends with a name");
    (account, name)
}

fn between(xml: &str, tag: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let found = xml.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    found.unwrap_or_else(|| panic!("no {tag} in moto's answer: {xml}")).0.to_owned()
}
