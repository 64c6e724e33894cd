//! Checks of how AWS is reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::check::Check;
use crate::config::parse::{item, member};
use crate::config::values::{as_typed, endpoint, region, role_arn, seconds, within};
use crate::config::{Auth, Aws, Healthcheck, Proxy, Tls, raw};

/// Requests of one sink under way at once, at most: ours, not AWS's.
const MAX_CONCURRENCY: usize = 256;
/// Less is no time for an answer.
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
/// Length of a session's name. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=64;

/// The options that both AWS sinks have.
pub(super) struct Access {
    region: Option<String>,
    endpoint: Option<String>,
    use_fips: Option<bool>,
    use_dual_stack: Option<bool>,
    auth: Option<raw::Auth>,
    tls: raw::Tls,
    proxy: Option<raw::Proxy>,
    request: raw::Request,
    healthcheck: raw::Healthcheck,
    concurrency: usize,
}

macro_rules! take_access {
    ($raw:ident, $concurrency:expr) => {
        Self {
            region: $raw.region.take(),
            endpoint: $raw.endpoint.take(),
            use_fips: $raw.use_fips_endpoint,
            use_dual_stack: $raw.use_dualstack_endpoint,
            auth: $raw.auth.take(),
            tls: std::mem::take(&mut $raw.tls),
            proxy: $raw.proxy.take(),
            request: std::mem::take(&mut $raw.request),
            healthcheck: std::mem::take(&mut $raw.healthcheck),
            concurrency: $concurrency,
        }
    };
}

impl Access {
    pub(super) fn of_cloudwatch(raw: &mut raw::CloudWatch) -> Self {
        take_access!(raw, Aws::CLOUDWATCH_CONCURRENCY)
    }

    pub(super) fn of_s3(raw: &mut raw::S3) -> Self {
        take_access!(raw, Aws::S3_CONCURRENCY)
    }
}

impl Aws {
    /// Puts of a CloudWatch sink under way at once, each to another log stream.
    pub const CLOUDWATCH_CONCURRENCY: usize = 8;
    /// Objects of an S3 sink under way at once; each may hold two parts in memory.
    pub const S3_CONCURRENCY: usize = 4;
    /// From sending a request to having its answer: a full put, or one part of an upload, over a slow line.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
    /// Until a TCP connection stands.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// The ambient settings, whatever they are.
    pub fn ambient(concurrency: usize) -> Self {
        Self {
            region: None,
            endpoint: None,
            use_fips: None,
            use_dual_stack: None,
            auth: Auth { session_name: raw::session_name(), ..Auth::default() },
            tls: Tls::default(),
            proxy: None,
            connect_timeout: Self::CONNECT_TIMEOUT,
            request_timeout: Self::REQUEST_TIMEOUT,
            concurrency,
            healthcheck: Healthcheck::On,
        }
    }
}

impl Check<'_> {
    pub(super) fn aws(&mut self, access: Access, field: &str) -> Aws {
        let at = |name: &str| member(field, name);
        if let Some(named) = &access.region {
            region(named, &at("region"), &mut self.report);
        }
        if let Some(url) = &access.endpoint {
            endpoint(url, &at("endpoint"), &mut self.report);
            // The SDK refuses to build such a request.
            let variants =
                [("use_fips_endpoint", access.use_fips), ("use_dualstack_endpoint", access.use_dual_stack)];
            for (name, _) in variants.iter().filter(|(_, asked)| *asked == Some(true)) {
                self.report.add(&at(name), "`endpoint` says which endpoint it is: keep one of the two");
            }
        }
        let (request, healthcheck) = (access.request, access.healthcheck);
        let time = |given: Option<f64>, default: Duration, name: &str, check: &mut Self| {
            given.map_or(default, |given| seconds(given, LEAST_TIMEOUT, &at(name), &mut check.report))
        };
        let request_timeout = time(request.timeout_secs, Aws::REQUEST_TIMEOUT, "request.timeout_secs", self);
        let connect_timeout =
            time(request.connect_timeout_secs, Aws::CONNECT_TIMEOUT, "request.connect_timeout_secs", self);
        let concurrency = request.concurrency.unwrap_or(access.concurrency);
        let concurrency =
            within(concurrency, 1, MAX_CONCURRENCY, &at("request.concurrency"), &mut self.report);
        if healthcheck.required && !healthcheck.enabled {
            self.report.add(&at("healthcheck"), "it cannot be required and not enabled");
        }
        Aws {
            region: access.region,
            endpoint: access.endpoint,
            use_fips: access.use_fips,
            use_dual_stack: access.use_dual_stack,
            auth: self.auth(access.auth.unwrap_or_default(), &at("auth")),
            tls: self.tls(access.tls, &at("tls")),
            proxy: access.proxy.map(|proxy| self.proxy(proxy, &at("proxy"))),
            connect_timeout,
            request_timeout,
            concurrency,
            healthcheck: match (healthcheck.enabled, healthcheck.required) {
                (false, _) => Healthcheck::Off,
                (true, false) => Healthcheck::On,
                (true, true) => Healthcheck::Required,
            },
        }
    }

    fn auth(&mut self, raw: raw::Auth, field: &str) -> Auth {
        let at = |name: &str| member(field, name);
        for (index, arn) in raw.via.iter().enumerate() {
            role_arn(arn, &item(&at("via"), index), &mut self.report);
        }
        if let Some(arn) = &raw.assume_role {
            role_arn(arn, &at("assume_role"), &mut self.report);
        } else {
            let needs_role = [
                ("external_id", raw.external_id.is_some()),
                ("session_name", raw.session_name.is_some()),
                ("via", !raw.via.is_empty()),
                ("web_identity_token_file", raw.web_identity_token_file.is_some()),
                ("region", raw.region.is_some()),
            ];
            self.only_with(&needs_role, "assume_role", field);
        }
        if raw.web_identity_token_file.is_some() {
            let identities =
                [("profile", raw.profile.is_some()), ("credentials_file", raw.credentials_file.is_some())];
            for (name, _) in identities.iter().filter(|(_, is_set)| *is_set) {
                self.report.add(&at(name), "a web identity stands alone: keep one of the two");
            }
            if raw.external_id.is_some() && raw.via.is_empty() {
                self.report.add(&at("external_id"), "a role that is assumed with a web identity takes none");
            }
        }
        if let Some(named) = &raw.region {
            region(named, &at("region"), &mut self.report);
        }
        for (name, value) in [("profile", &raw.profile), ("external_id", &raw.external_id)] {
            if value.as_ref().is_some_and(String::is_empty) {
                self.report.add(&at(name), "it is empty: fill it in, or leave it out");
            }
        }
        let session_name = raw.session_name.unwrap_or_else(raw::session_name);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_=,.@-".contains(c);
        if !SESSION_NAME_CHARS.contains(&session_name.chars().count()) || !session_name.chars().all(allowed) {
            let help = "2 to 64 letters, digits and _=,.@-";
            self.report.add_with_help(
                &at("session_name"),
                format!("`{session_name}` is no name of a session"),
                help,
            );
        }
        Auth {
            roles: raw.via.into_iter().chain(raw.assume_role).collect(),
            external_id: raw.external_id,
            session_name,
            web_identity_token_file: raw.web_identity_token_file.map(|path| self.folder.join(path)),
            region: raw.region,
            profile: raw.profile,
            credentials_file: raw.credentials_file.map(|path| self.folder.join(path)),
        }
    }

    fn tls(&mut self, raw: raw::Tls, field: &str) -> Tls {
        let ca_file = raw.ca_file.and_then(|path| self.file_there(path, &member(field, "ca_file")));
        let crt_file = raw.crt_file.and_then(|path| self.file_there(path, &member(field, "crt_file")));
        let key_file = raw.key_file.and_then(|path| self.file_there(path, &member(field, "key_file")));
        if crt_file.is_some() != key_file.is_some() {
            self.report.add(field, "crt_file and key_file go together");
        }
        Tls { ca_file, identity: crt_file.zip(key_file) }
    }

    fn file_there(&mut self, path: PathBuf, field: &str) -> Option<PathBuf> {
        let path = self.folder.join(path);
        if !path.is_file() {
            self.report.add(field, format!("there is no file {}", path.display()));
            return None;
        }
        Some(path)
    }

    fn proxy(&mut self, raw: raw::Proxy, field: &str) -> Proxy {
        for (name, url) in [("http", &raw.http), ("https", &raw.https)] {
            if url.as_deref().is_some_and(|url| !is_proxy(url)) {
                // Without the value: a password may be in it.
                self.report.add_with_help(
                    &member(field, name),
                    "it is no URL of a proxy",
                    "write it as in http://proxy:3128 or http://user:password@proxy:3128, the characters / ? # @ % of a password \
                     as %2F %3F %23 %40 %25",
                );
            }
        }
        if raw.http.is_none() && raw.https.is_none() && !raw.no_proxy.is_empty() {
            self.report.add(&member(field, "no_proxy"), "there is no proxy that it could be an exception to");
        }
        for (index, host) in raw.no_proxy.iter().enumerate() {
            as_typed(host, &item(&member(field, "no_proxy"), index), &mut self.report);
        }
        Proxy { http: raw.http, https: raw.https, no_proxy: raw.no_proxy }
    }
}

/// As the HTTP client has it.
fn is_proxy(url: &str) -> bool {
    let uri: Result<http::Uri, _> = url.parse();
    uri.is_ok_and(|uri| {
        let Some(authority) = uri.authority() else { return false };
        let address = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, address)| address);
        // A `/`, `?` or `#` in a password ends the host where nobody meant it to: the user's name would be the proxy.
        matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.host().is_empty()
            && (address == authority.host() || authority.port_u16().is_some())
            && matches!(uri.path(), "" | "/")
            && !url.contains(['?', '#'])
    })
}

#[cfg(test)]
mod tests;
