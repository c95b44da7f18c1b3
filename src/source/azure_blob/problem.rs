//! What goes wrong with the service, in words that name the remedy.
//!
//! Nothing that the SDK or its transport says is shown as it is: their messages hold URLs, and a
//! URL may hold a SAS.

use std::error::Error as _;
use std::fmt;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::HeaderName;
use azure_core::time::{OffsetDateTime, parse_rfc7231};

use super::address::Address;
use crate::source::without_number;
use crate::time::UtcMicros;

/// The service's own word for what is wrong.
const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

/// The service's clock.
const DATE: HeaderName = HeaderName::from_static("date");

/// Why something could not be listed or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// The service refused.
    Refused {
        status: u16,
        /// Its word for the reason; empty if it gave none.
        code: String,
        /// Its time, in seconds since 1970.
        at: Option<i64>,
    },
    /// No answer, or no whole one.
    Network(String),
    /// There is no token to be had.
    NoToken(String),
    /// The blob is another one than was listed.
    Replaced,
    /// An answer that makes no sense.
    Odd(String),
    /// The run is to end.
    Interrupted,
}

/// How a request proves that it may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Sas,
    Token,
}

impl Problem {
    /// Sorts an error of the SDK.
    pub(super) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, raw_response } => {
                let headers = raw_response.as_ref().map(|response| response.headers());
                let code = headers.and_then(|headers| headers.get_optional_string(&ERROR_CODE));
                let date = headers.and_then(|headers| headers.get_optional_string(&DATE));
                Self::Refused {
                    status: u16::from(*status),
                    code: code.or_else(|| error_code.clone()).filter(|code| is_word(code)).unwrap_or_default(),
                    at: date.and_then(|date| parse_rfc7231(&date).ok()).map(OffsetDateTime::unix_timestamp),
                }
            }
            ErrorKind::Credential => Self::NoToken(innermost(error)),
            ErrorKind::Io | ErrorKind::Connection => Self::Network(innermost(error)),
            _ => Self::Odd(innermost(error)),
        }
    }

    /// Whether the service said so.
    pub(super) fn is_status(&self, expected: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == expected)
    }

    /// What to tell the user.
    pub(super) fn explain(&self, address: &Address, proof: Proof) -> String {
        match self {
            Self::Refused { status, code, at } => {
                let said = if code.is_empty() { format!("HTTP {status}") } else { format!("{code}, HTTP {status}") };
                format!("{} ({said})", refusal((*status, code), *at, address, proof))
            }
            Self::Network(detail) => {
                let host = address.url.secret().host_str().unwrap_or_default();
                format!("cannot be reached at {host}: {detail}; check the account's name and the network")
            }
            Self::NoToken(detail) => detail.clone(),
            Self::Replaced => "was replaced while it was read; read it again".to_owned(),
            Self::Odd(detail) => format!("the service's answer is not understood: {detail}"),
            Self::Interrupted => "the run was interrupted".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, code, .. } => write!(f, "HTTP {status} {code}"),
            Self::Network(detail) | Self::NoToken(detail) | Self::Odd(detail) => f.write_str(detail),
            Self::Replaced => f.write_str("replaced"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What a refusal means. Codes: <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>
/// and <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>, read 2026-11.
fn refusal((status, code): (u16, &str), at: Option<i64>, address: &Address, proof: Proof) -> String {
    let (account, container) = (&address.account, &address.container);
    match (status, code, proof) {
        (404, "ContainerNotFound", _) => {
            format!("storage account {account} has no container {container}; check its name")
        }
        (404, ..) => "is not there any more".to_owned(),
        (401 | 403, _, Proof::Sas) => sas_refusal(code, at, address),
        (403, "AuthorizationPermissionMismatch", Proof::Token) => format!(
            "this identity may not read it: it needs the role Storage Blob Data Reader on the container {container}"
        ),
        (403, "AuthorizationFailure", Proof::Token) => format!(
            "storage account {account} does not let this identity or this machine in: check its firewall, and the \
             role Storage Blob Data Reader on the container {container}"
        ),
        (401 | 403, _, Proof::Token) => format!(
            "storage account {account} does not accept this identity's token: check that both are of one tenant, and \
             the role Storage Blob Data Reader on the container {container}"
        ),
        (409, "BlobArchived" | "BlobBeingRehydrated", _) => {
            "lies in the archive tier; set it to hot or cool, wait until that is done, and read it again".to_owned()
        }
        (408 | 429 | 500.., ..) => {
            format!("storage account {account} did not answer though asked again and again; try later")
        }
        _ => format!("storage account {account} refuses the request"),
    }
}

/// What a refusal of a SAS means: the service tells an expired one from a wrong one in prose only.
fn sas_refusal(code: &str, at: Option<i64>, address: &Address) -> String {
    let expiry = address.url.sas_expiry().filter(|text| text.len() <= 40);
    let expires = expiry.as_deref().and_then(|text| {
        let midnight = format!("{text}T00:00:00Z");
        UtcMicros::parse(text).or_else(|| UtcMicros::parse(&midnight))
    });
    if let (Some(expires), Some(at)) = (expires, at)
        && expires.0.div_euclid(1_000_000) <= at
    {
        return format!("the SAS expired at {expires}; make a new one");
    }
    match code {
        "AuthorizationPermissionMismatch" => {
            "the SAS lacks a permission: it needs read, and list unless a single blob is named".to_owned()
        }
        "AuthorizationSourceIPMismatch" | "AuthorizationProtocolMismatch" => {
            "the SAS does not hold for this machine's address, or for this protocol".to_owned()
        }
        "AuthorizationResourceTypeMismatch" | "AuthorizationServiceMismatch" => {
            "the SAS is for something else: it needs the blob service, containers and objects".to_owned()
        }
        _ => format!(
            "the SAS is not accepted: it is cut off, for another account or container, not for reading and listing, \
             or its key was renewed; make a new one for the container {}",
            address.container
        ),
    }
}

/// Whether a text of the service is one of its words, and nothing that could be something else.
fn is_word(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What the innermost cause says, which names no URL; a URL is taken out if it does.
pub(super) fn innermost(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    let text = text.lines().next().unwrap_or_default();
    let words = text.split(' ').map(|word| if word.contains("://") || word.contains("sig=") { "…" } else { word });
    let text: String = words.collect::<Vec<_>>().join(" ");
    without_number(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRED: &str = "https://acme.blob.core.windows.net/logs?se=2026-01-01T00:00:00Z&sig=c2VjcmV0";

    fn refused(status: u16, code: &str, proof: Proof) -> String {
        let address = Address::parse(EXPIRED).unwrap();
        // 2025-12-31, the day before the SAS expires.
        Problem::Refused { status, code: code.to_owned(), at: Some(1_767_139_200) }.explain(&address, proof)
    }

    #[test]
    fn every_refusal_names_the_remedy() {
        for (status, code, proof, expected) in [
            (404, "ContainerNotFound", Proof::Token, "has no container logs"),
            (403, "AuthorizationPermissionMismatch", Proof::Token, "Storage Blob Data Reader on the container logs"),
            (403, "AuthorizationFailure", Proof::Token, "check its firewall"),
            (401, "InvalidAuthenticationInfo", Proof::Token, "of one tenant"),
            (403, "AuthenticationFailed", Proof::Sas, "the SAS is not accepted"),
            (403, "AuthorizationPermissionMismatch", Proof::Sas, "needs read, and list"),
            (409, "BlobArchived", Proof::Token, "archive tier"),
            (503, "ServerBusy", Proof::Token, "try later"),
        ] {
            let text = refused(status, code, proof);

            assert!(text.contains(expected) && text.contains(code), "{text}");
            assert!(!text.contains("c2VjcmV0"), "{text}");
        }
    }

    #[test]
    fn an_expired_sas_is_known_by_the_time_of_the_service() {
        let address = Address::parse(EXPIRED).unwrap();
        // 2026-01-02
        let problem =
            Problem::Refused { status: 403, code: "AuthenticationFailed".to_owned(), at: Some(1_767_312_000) };

        let text = problem.explain(&address, Proof::Sas);

        assert!(text.starts_with("the SAS expired at 2026-01-01T00:00:00"), "{text}");
    }

    #[test]
    fn urls_in_what_others_say_are_taken_out() {
        let error = Error::with_message(ErrorKind::Io, "cannot send to https://a.example/b?sig=c2Vj for now");

        assert_eq!(innermost(&error), "cannot send to … for now");
    }
}
