//! ARM resource ids and GUIDs: parse, fold case, parents.
//!
//! Azure compares both without regard to case, and its logs spell one id in several ways, at times
//! within one record: `/SUBSCRIPTIONS/…`, `resourcegroups`, GUIDs without dashes. They are folded
//! once, here, and compared byte for byte from then on.

#[cfg(test)]
mod tests;

/// Hex digits in a GUID.
const GUID_DIGITS: usize = 32;
/// Bytes of a GUID with its dashes.
const GUID_LENGTH: usize = GUID_DIGITS + GUID_DASHES.len();
/// Before which of its hex digits a GUID has a dash.
const GUID_DASHES: [usize; 4] = [8, 12, 16, 20];
/// How an ARM id begins; a form that leaves out the first slash is still an id.
const ROOTS: [&str; 3] = ["subscriptions/", "providers/", "tenants/"];

/// Appends `text` as a lower-case GUID with dashes; `false` (nothing appended) when it is no GUID
/// of 32 hex digits with or without dashes or braces. White space around it is ignored.
pub fn fold_guid(text: &str, out: &mut String) -> bool {
    let text = trim(text);
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    if !is_guid(bare) {
        return false;
    }
    let start = out.len();
    if bare.len() == GUID_LENGTH {
        out.push_str(bare);
    } else {
        let mut from = 0;
        for dash in GUID_DASHES {
            out.push_str(bare.get(from..dash).unwrap_or_default());
            out.push('-');
            from = dash;
        }
        out.push_str(bare.get(from..).unwrap_or_default());
    }
    if let Some(folded) = out.get_mut(start..) {
        folded.make_ascii_lowercase();
    }
    true
}

/// Whether [`fold_guid`] leaves `text` as it is.
pub fn is_folded_guid(text: &str) -> bool {
    text.len() == GUID_LENGTH && !has_upper(text) && is_guid(text)
}

/// Whether there is an upper-case ASCII letter. Looks at all of the text: that way it is several bytes at
/// once.
pub fn has_upper(text: &str) -> bool {
    text.bytes().fold(false, |has, byte| has | byte.is_ascii_uppercase())
}

/// [`str::trim`], which for most values only looks at both ends.
pub fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Whether `text` is a GUID of 32 hex digits, with or without dashes. Dashes stand at all four
/// places or at none.
pub fn is_guid(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without a branch for each byte: this is asked several times for every record.
    let others = bytes.iter().filter(|byte| !byte.is_ascii_hexdigit()).count();
    match bytes.len() {
        GUID_DIGITS => others == 0,
        GUID_LENGTH => {
            let mut dashes = GUID_DASHES.iter().enumerate().map(|(before, at)| bytes.get(at + before));
            others == GUID_DASHES.len() && dashes.all(|byte| byte == Some(&b'-'))
        }
        _ => false,
    }
}

/// Appends an ARM id in lower case, without a trailing slash, empty segments, a scheme or host, and
/// white space around it. A missing first slash is added. The tenant's root scope stays `/`.
///
/// Text that is no ARM id (a name) is put in lower case and treated likewise.
pub fn fold_arm_id(text: &str, out: &mut String) {
    let path = without_host(trim(text));
    let start = out.len();
    let rooted = path.starts_with('/')
        || ROOTS.iter().any(|root| path.get(..root.len()).is_some_and(|head| head.eq_ignore_ascii_case(root)));
    // White space before a slash at the end would be at the end once the slash is gone.
    let path = path.trim_end_matches(|character: char| character == '/' || character.is_whitespace());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if rooted || out.len() > start {
            out.push('/');
        }
        out.push_str(segment);
    }
    if rooted && out.len() == start {
        out.push('/');
    }
    if let Some(folded) = out.get_mut(start..) {
        folded.make_ascii_lowercase();
    }
}

/// What follows the host of a URL, without its query; text that is no URL as it is.
fn without_host(text: &str) -> &str {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return text;
    }
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default()
}

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
    ///
    /// Subscriptions and resource groups are no resources here: without a provider there is no
    /// [`name`](Self::name). The name in the id of a collection (`…/vaults/v/secrets`) is that of
    /// the resource that has it.
    pub fn parse(folded: &'a str) -> Self {
        let mut id = Self::default();
        for pair in Pairs(folded) {
            match (pair.key, id.provider) {
                ("providers", _) => (id.provider, id.name) = (pair.value, None),
                ("subscriptions", None) => id.subscription = pair.value,
                ("resourcegroups", None) => id.resource_group = pair.value,
                (_, Some(_)) => id.name = pair.value.or(id.name),
                _ => {}
            }
        }
        id
    }
}

/// The type of the last resource of a folded id: `microsoft.storage/storageaccounts/blobservices`.
/// Appended to `out`; nothing for an id without a provider.
pub fn resource_type(folded: &str, out: &mut String) {
    let start = out.len();
    let mut in_provider = false;
    for pair in Pairs(folded) {
        match (pair.key, pair.value) {
            ("providers", value) => {
                out.truncate(start);
                out.push_str(value.unwrap_or_default());
                in_provider = value.is_some();
            }
            (kind, _) if in_provider => {
                out.push('/');
                out.push_str(kind);
            }
            _ => {}
        }
    }
}

/// Whether folded id `id` is `ancestor` or lies under it, at a `/` boundary. Everything with a
/// leading slash lies under the root `/`, nothing under an empty ancestor.
pub fn is_at_or_under(id: &str, ancestor: &str) -> bool {
    if ancestor == "/" {
        return id.starts_with('/');
    }
    let ancestor = ancestor.strip_suffix('/').unwrap_or(ancestor);
    !ancestor.is_empty() && id.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A segment that says what the next one is, and that one: `subscriptions/{id}`, `vaults/{name}`.
struct Pair<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

/// The pairs of a folded id. Read in pairs, a resource that is named `providers` is a name.
struct Pairs<'a>(&'a str);

impl<'a> Pairs<'a> {
    /// Takes the next segment that is not empty.
    fn segment(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches('/');
        let (segment, rest) = rest.split_once('/').unwrap_or((rest, ""));
        self.0 = rest;
        (!segment.is_empty()).then_some(segment)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        Some(Pair { key: self.segment()?, value: self.segment() })
    }
}
