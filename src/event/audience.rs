//! Section B.1: the services that tokens are for.

use crate::event::vocabulary::AudienceKind;

/// One service that a token can be for.
#[derive(Debug, Clone, Copy)]
pub struct Audience {
    /// Application id, lower case with dashes.
    pub app_id: &'static str,
    /// Its name in logs.
    pub name: &'static str,
    /// Its kind.
    pub kind: AudienceKind,
    /// Where this is known from.
    pub source: &'static str,
}

/// The service with this application id, or the one that this audience URL names.
pub fn lookup(_app_id_or_url: &str) -> Option<&'static Audience> {
    None
}

/// The kind of the service that a token is for, by application id or URL, else by display name
/// (Synapse has no verified application id); `None` where both are absent.
pub fn kind_of(_app_id_or_url: Option<&str>, _display_name: Option<&str>) -> AudienceKind {
    AudienceKind::None
}
