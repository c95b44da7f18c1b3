//! ARM resource ids and GUIDs: parse, fold case, parents.

/// Appends `text` as a lower-case GUID with dashes; `false` (nothing appended) when it is no GUID
/// of 32 hex digits with or without dashes or braces.
pub fn fold_guid(_text: &str, _out: &mut String) -> bool {
    false
}

/// Whether `text` is a GUID of 32 hex digits, with or without dashes.
pub fn is_guid(_text: &str) -> bool {
    false
}

/// Appends an ARM id in lower case, without a trailing slash, a scheme or host, and white space
/// around it.
pub fn fold_arm_id(_text: &str, _out: &mut String) {}

/// The parts of an ARM id that was folded by [`fold_arm_id`]; each a slice of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArmId<'a> {
    /// Subscription id.
    pub subscription: Option<&'a str>,
    /// Resource group name.
    pub resource_group: Option<&'a str>,
    /// Namespace of the last provider, `microsoft.storage`.
    pub provider: Option<&'a str>,
    /// Name of the last resource.
    pub name: Option<&'a str>,
}

impl<'a> ArmId<'a> {
    /// Takes a folded id apart. Every text gives an id; what it lacks is `None`.
    pub fn parse(_folded: &'a str) -> Self {
        Self::default()
    }
}

/// The type of the last resource of a folded id: `microsoft.storage/storageaccounts/blobservices`.
/// Appended to `out`; nothing for an id without a provider.
pub fn resource_type(_folded: &str, _out: &mut String) {}

/// Whether folded id `id` is `ancestor` or lies under it, at a `/` boundary.
pub fn is_at_or_under(_id: &str, _ancestor: &str) -> bool {
    false
}
