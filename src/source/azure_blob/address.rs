//! What an argument names: an account, a container, and a path in it. Holds the one secret that a
//! URL may carry, and never shows it.

use std::fmt;

use azure_core::http::Url;

/// Environment variable with a SAS for what is named without one.
const SAS_VARIABLE: &str = "AZURE_STORAGE_SAS_TOKEN";

/// Domains of the storage service; a token is only sent there. From the list of endpoints of the
/// public and the sovereign clouds, and of DNS zone endpoints:
/// <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints>,
/// read 2026-11.
const STORAGE_DOMAINS: [&str; 4] =
    [".core.windows.net", ".core.usgovcloudapi.net", ".core.chinacloudapi.cn", ".storage.azure.net"];

/// Query parameters that a request sets itself, if a pasted URL has them.
const OF_REQUESTS: [&str; 6] = ["comp", "restype", "prefix", "delimiter", "marker", "maxresults"];

/// A URL whose query, which may hold a SAS, is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SafeUrl(Url);

impl SafeUrl {
    /// The URL itself, to make requests with.
    pub(super) fn secret(&self) -> &Url {
        &self.0
    }

    /// Whether it has a SAS.
    pub(super) fn has_sas(&self) -> bool {
        self.0.query_pairs().any(|(key, _)| key == "sig")
    }

    /// When its SAS expires, as it says so itself.
    pub(super) fn sas_expiry(&self) -> Option<String> {
        self.0.query_pairs().find(|(key, _)| key == "se").map(|(_, value)| value.into_owned())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        write!(f, "{shown}")
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeUrl({self})")
    }
}

/// What an argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) account: String,
    pub(super) container: String,
    /// Below the container, unescaped, without a slash before it. Ends with a slash, or is empty,
    /// where only what is below it can be meant.
    pub(super) path: String,
    /// The container's own URL.
    pub(super) url: SafeUrl,
}

impl Address {
    /// Understands one argument.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub(super) fn parse(argument: &str) -> Result<Self, String> {
        let (scheme, rest) = argument.split_once("://").ok_or("is no URL")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "http" || scheme == "https" {
            return Self::of_url(argument);
        }
        let (path, sas) = split_sas(rest);
        let (authority, path) = path.split_once('/').unwrap_or((path, ""));
        if scheme == "az" {
            let (container, path) = path.split_once('/').unwrap_or((path, ""));
            let host = format!("{authority}.blob.core.windows.net");
            return Self::build(&host, (authority, container, path), sas);
        }
        let expected = "expected abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH";
        let (container, host) = authority.split_once('@').ok_or(expected)?;
        let account = host.split_once(".dfs.").ok_or(expected)?.0;
        Self::build(&host.replacen(".dfs.", ".blob.", 1), (account, container, path), sas)
    }

    fn build(host: &str, named: (&str, &str, &str), sas: Option<&str>) -> Result<Self, String> {
        let (account, container, path) = named;
        let is_account = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if account.is_empty() || !account.chars().all(is_account) {
            return Err("names no storage account: expected az://ACCOUNT/CONTAINER/PATH".to_owned());
        }
        let url = Url::parse(&format!("https://{host}/")).map_err(|error| format!("is no URL: {error}"))?;
        Self::at(url, (account, container, path), sas)
    }

    /// What a blob's URL, a container's, or that of a folder in it names.
    fn of_url(argument: &str) -> Result<Self, String> {
        let mut url = Url::parse(argument).map_err(|error| format!("is no URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name or a password, which storage does not know".to_owned());
        }
        let query = url.query().map(str::to_owned);
        url.set_query(None);
        url.set_fragment(None);
        let path = unescape(url.path().trim_start_matches('/')).ok_or("is not UTF-8 when unescaped")?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let (account, path) = match host.split_once(".blob.").or_else(|| host.split_once(".dfs.")) {
            Some((account, _)) => (account.to_owned(), path.as_str()),
            // As emulators and some gateways have it: the account is the first folder.
            None => path.split_once('/').map(|(account, path)| (account.to_owned(), path)).unwrap_or_default(),
        };
        let (container, path) = path.split_once('/').unwrap_or((path, ""));
        if host.contains(".dfs.") {
            url.set_host(Some(&host.replacen(".dfs.", ".blob.", 1))).map_err(|error| error.to_string())?;
        }
        let is_by_path = !host.contains(".blob.") && !host.contains(".dfs.");
        url.set_path(if is_by_path { &account } else { "" });
        Self::at(url, (&account, container, path), query.as_deref())
    }

    /// `service` is the account's URL; the query is kept if it is a SAS.
    fn at(service: Url, named: (&str, &str, &str), query: Option<&str>) -> Result<Self, String> {
        let (account, container, path) = named;
        if account.is_empty() || container.is_empty() {
            return Err("names no container: expected az://ACCOUNT/CONTAINER/PATH or the URL of a blob".to_owned());
        }
        let mut url = service;
        url.path_segments_mut().map_err(|()| "is no URL of a container")?.pop_if_empty().push(container);
        url.set_query(query.filter(|query| !query.is_empty()));
        let url = SafeUrl(url);
        if url.secret().query().is_some() && !url.has_sas() {
            return Err("has a query that is no SAS: expected the URL alone, or with a SAS".to_owned());
        }
        let address = Self { account: account.to_owned(), container: container.to_owned(), path: path.to_owned(), url };
        Ok(address.without_parameters_of_requests())
    }

    fn without_parameters_of_requests(mut self) -> Self {
        let has_some = self.url.secret().query_pairs().any(|(key, _)| OF_REQUESTS.contains(&key.as_ref()));
        if has_some {
            let kept: Vec<(String, String)> = self.url.0.query_pairs().into_owned().collect();
            let kept = kept.into_iter().filter(|(key, _)| !OF_REQUESTS.contains(&key.as_str()));
            self.url.0.query_pairs_mut().clear().extend_pairs(kept);
        }
        self
    }

    /// The same, with the SAS of the environment where it has none of its own.
    pub(super) fn with_sas_of_environment(mut self) -> Self {
        let sas = std::env::var(SAS_VARIABLE).ok();
        if let Some(sas) = sas.as_deref().map(|sas| sas.trim().trim_start_matches('?')).filter(|sas| !sas.is_empty())
            && !self.url.has_sas()
        {
            self.url.0.set_query(Some(sas));
        }
        self
    }

    /// Whether an identity's token may be sent there: over TLS, to the storage service or this machine.
    pub(super) fn takes_token(&self) -> bool {
        let url = self.url.secret();
        let host = url.host_str().unwrap_or_default();
        let is_storage = STORAGE_DOMAINS.iter().any(|domain| host.ends_with(domain));
        url.scheme() == "https" && (is_storage || ["localhost", "127.0.0.1", "[::1]"].contains(&host))
    }

    /// The name of what lies at a path of the container, in every output.
    pub(super) fn name(&self, path: &str) -> String {
        format!("az://{}/{}/{path}", self.account, self.container)
    }
}

/// A path that carries a SAS, as a copied URL may whatever its scheme, and the SAS.
fn split_sas(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once('?') {
        Some((path, query)) if query.split('&').any(|pair| pair.starts_with("sig=")) => (path, Some(query)),
        _ => (rest, None),
    }
}

/// Undoes percent encoding; `None` where no UTF-8 comes out. A percent sign without two digits
/// after it stands for itself.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, digit(0), digit(1)) {
            bytes.push(u8::try_from(high * 16 + low).ok()?);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAS: &str = "sv=2024-11-04&se=2026-01-01T00%3A00%3A00Z&sig=c2VjcmV0%3D";

    fn name(argument: &str) -> String {
        let address = Address::parse(argument).unwrap();
        address.name(&address.path)
    }

    #[test]
    fn every_spelling_of_a_blob_has_one_name() {
        for argument in [
            "az://acme/logs/a=1/b c%20d.json",
            "abfss://logs@acme.dfs.core.windows.net/a=1/b c%20d.json",
            "ABFS://logs@acme.dfs.core.windows.net/a=1/b c%20d.json",
            "https://acme.blob.core.windows.net/logs/a=1/b%20c%2520d.json",
            "https://acme.dfs.core.windows.net/logs/a%3D1/b c%2520d.json?sig=x",
            "http://127.0.0.1:10000/acme/logs/a=1/b%20c%2520d.json?sig=x",
        ] {
            assert_eq!(name(argument), "az://acme/logs/a=1/b c%20d.json", "{argument}");
        }
    }

    #[test]
    fn requests_go_to_the_blob_endpoint() {
        for (argument, expected) in [
            ("az://acme/logs/a", "https://acme.blob.core.windows.net/logs"),
            ("abfss://logs@acme.dfs.core.windows.net/a", "https://acme.blob.core.windows.net/logs"),
            ("https://acme.dfs.core.windows.net/logs/a", "https://acme.blob.core.windows.net/logs"),
            ("https://acme.z12.blob.storage.azure.net/$logs/", "https://acme.z12.blob.storage.azure.net/$logs"),
            ("http://localhost:10000/acme/logs", "http://localhost:10000/acme/logs"),
        ] {
            assert_eq!(Address::parse(argument).unwrap().url.to_string(), expected, "{argument}");
        }
    }

    #[test]
    fn a_sas_is_kept_for_requests_and_never_shown() {
        for argument in [
            format!("https://acme.blob.core.windows.net/logs/a?restype=container&comp=list&{SAS}"),
            format!("az://acme/logs/a?{SAS}"),
        ] {
            let address = Address::parse(&argument).unwrap();

            assert!(address.url.secret().query().unwrap().contains("sig=c2VjcmV0%3D"), "{argument}");
            assert!(!address.url.secret().query().unwrap().contains("comp"), "{argument}");
            assert_eq!(address.url.sas_expiry().as_deref(), Some("2026-01-01T00:00:00Z"));
            for shown in [format!("{address:?}"), address.url.to_string(), address.name(&address.path)] {
                assert!(!shown.contains("sig") && !shown.contains("c2Vj"), "{shown}");
            }
        }
    }

    #[test]
    fn what_names_no_container_says_what_would_be_right() {
        for argument in [
            "az://acme",
            "az:///logs/a",
            "az://ACME secret/logs",
            "abfss://acme.dfs.core.windows.net/logs",
            "https://acme.blob.core.windows.net/",
            "https://acme.blob.core.windows.net/logs?snapshot=1",
            "https://user:word@acme.blob.core.windows.net/logs",
        ] {
            let detail = Address::parse(argument).unwrap_err();

            assert!(detail.contains("expected") || detail.contains("password"), "{argument}: {detail}");
        }
    }

    #[test]
    fn a_token_is_sent_to_the_storage_service_only_and_over_tls_only() {
        for (argument, expected) in [
            ("az://acme/logs", true),
            ("https://acme.blob.core.usgovcloudapi.net/logs", true),
            ("https://localhost:10000/acme/logs", true),
            ("http://localhost:10000/acme/logs", false),
            ("https://acme.blob.core.windows.net.example.com/logs", false),
            ("https://example.com/acme/logs", false),
        ] {
            assert_eq!(Address::parse(argument).unwrap().takes_token(), expected, "{argument}");
        }
    }

    #[test]
    fn percent_signs_that_escape_nothing_stay() {
        for (text, expected) in [("a%20b", Some("a b")), ("100%", Some("100%")), ("%zz", Some("%zz")), ("%ff", None)] {
            assert_eq!(unescape(text).as_deref(), expected, "{text}");
        }
    }
}
