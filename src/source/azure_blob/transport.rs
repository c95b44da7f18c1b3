//! How requests reach the service: silence is cut, and what may work the next time is tried again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, HttpClient, HttpClientOptions, Request, StatusCode};
use azure_core::http::{Transport, new_http_client};
use azure_core::time::{OffsetDateTime, parse_rfc7231};
use futures::StreamExt as _;
use futures::stream;

/// How long nothing may come before a request or a body is given up and asked for again.
pub(super) const SILENCE: Duration = Duration::from_secs(10);

/// Times that a request is made again after the service refused it for now. With the waits between
/// them, which double, that is some 50 seconds.
const RETRIES: u32 = 8;

/// Times that a request is made again where no connection can be had: a wrong name or a machine
/// without a network should not take a minute to be told.
const CONNECTION_RETRIES: u32 = 4;

/// The first wait; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait of our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// The longest wait that a service may ask for; whoever wants longer refuses.
const LONGEST_ASKED_WAIT: Duration = Duration::from_mins(2);

/// Statuses that pass: too slow, too many, out of order, overloaded.
const PASSING: [StatusCode; 6] = [
    StatusCode::RequestTimeout,
    StatusCode::TooManyRequests,
    StatusCode::InternalServerError,
    StatusCode::BadGateway,
    StatusCode::ServiceUnavailable,
    StatusCode::GatewayTimeout,
];

/// How long to wait in milliseconds.
const WAIT_MILLIS: [HeaderName; 2] =
    [HeaderName::from_static("x-ms-retry-after-ms"), HeaderName::from_static("retry-after-ms")];

/// How long to wait in seconds, or until when.
const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");

/// One pool of connections, whose silence is cut.
pub(super) fn transport() -> Transport {
    // Blobs are read as they are stored: what their `Content-Encoding` says is not undone.
    let client = new_http_client(Some(HttpClientOptions { automatic_decompression: false }));
    Transport::new(Arc::new(Impatient(client)))
}

/// Gives up on answers and bodies that do not go on.
#[derive(Debug)]
struct Impatient(Arc<dyn HttpClient>);

#[async_trait]
impl HttpClient for Impatient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = tokio::time::timeout(SILENCE, self.0.execute_request(request)).await;
        let (status, headers, body) = response.map_err(|_elapsed| silent())??.deconstruct();
        let body = stream::unfold(Some(body), |body| async {
            let mut body = body?;
            match tokio::time::timeout(SILENCE, body.next()).await {
                Ok(None) => None,
                Ok(Some(chunk)) => Some((chunk, Some(body))),
                Err(_elapsed) => Some((Err(silent()), None)),
            }
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}

fn silent() -> Error {
    Error::with_message(ErrorKind::Io, format!("nothing came for {} seconds", SILENCE.as_secs()))
}

/// Makes a request again when that may help.
///
/// The SDK's own policy looks for `Retry-After` at 429 and 503 only, and follows it however long it
/// is (`typespec_client_core` 1.1, `http/policies/retry/mod.rs`); this one honours it at 500 as well.
#[derive(Debug)]
pub(super) struct Retries;

#[async_trait]
impl Policy for Retries {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((following, rest)) = next.split_first() else {
            return Err(Error::with_message(ErrorKind::Other, "there is no transport"));
        };
        let mut retried = 0;
        loop {
            let result = following.send(ctx, request, rest).await;
            let (limit, asked) = match &result {
                Ok(response) if PASSING.contains(&response.status()) => (RETRIES, asked_wait(response.headers())),
                Err(error) if *error.kind() == ErrorKind::Connection => (CONNECTION_RETRIES, None),
                Err(error) if *error.kind() == ErrorKind::Io => (RETRIES, None),
                Ok(_) | Err(_) => return result,
            };
            if retried >= limit || asked.is_some_and(|asked| asked > LONGEST_ASKED_WAIT) {
                return result;
            }
            tokio::time::sleep(wait(retried).max(asked.unwrap_or_default())).await;
            retried += 1;
        }
    }
}

/// The wait before the next attempt, between half and all of a time that doubles: those who failed
/// together should not come again together.
pub(super) fn wait(retried: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << retried.min(16)).min(LONGEST_WAIT);
    // Hashers are seeded at random: enough of a die for this.
    let die = RandomState::new().build_hasher().finish();
    let half = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX) / 2;
    Duration::from_millis(half + die % (half + 1))
}

/// How long the service asks to be left alone.
fn asked_wait(headers: &Headers) -> Option<Duration> {
    let millis = WAIT_MILLIS.iter().find_map(|name| headers.get_optional_str(name)?.trim().parse().ok());
    if let Some(millis) = millis {
        return Some(Duration::from_millis(millis));
    }
    let text = headers.get_optional_str(&RETRY_AFTER)?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_rfc7231(text).ok()?;
    Some((until - OffsetDateTime::now_utc()).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_differ_and_have_an_end() {
        for (retried, longest) in [(0, 200), (1, 400), (5, 6_400), (7, 25_000), (60, 25_000)] {
            for _ in 0..20 {
                let millis = wait(retried).as_millis();

                assert!((longest / 2..=longest).contains(&millis), "{retried}: {millis}");
            }
        }
        assert!((0..50).map(|_| wait(6)).collect::<std::collections::BTreeSet<_>>().len() > 1);
    }

    #[test]
    fn a_service_asks_to_wait_in_milliseconds_seconds_or_until_a_date() {
        for (name, value, expected) in [
            ("x-ms-retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("retry-after-ms", "20", Some(Duration::from_millis(20))),
            ("retry-after", "3", Some(Duration::from_secs(3))),
            ("retry-after", "Fri, 01 Jan 2021 00:00:00 GMT", Some(Duration::ZERO)),
            ("retry-after", "soon", None),
            ("date", "3", None),
        ] {
            let mut headers = Headers::new();
            headers.insert(name, value);

            assert_eq!(asked_wait(&headers), expected, "{name}: {value}");
        }
    }
}
