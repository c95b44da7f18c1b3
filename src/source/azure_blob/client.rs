//! The four requests that reading needs: a page of a listing, with folders or without, the
//! properties of a blob, and a range of its bytes.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use azure_core::http::headers::HeaderName;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::response::AsyncResponseBody;
use azure_core::http::{ClientOptions, Context, Etag, Request, RetryOptions, UrlExt as _};
use azure_core::time::{OffsetDateTime, parse_rfc7231};
use azure_core::xml::from_xml;
use azure_storage_blobs::models::{
    BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders as _, BlobContainerClientListBlobsOptions,
    BlobType, HttpRange, ListBlobsIncludeItem,
};
use azure_storage_blobs::{BlobClient, BlobContainerClient, BlobContainerClientOptions};
use futures::TryStreamExt as _;
use serde::Deserialize;

use super::Network;
use super::address::{Address, unescape};
use super::credential::azure_credential;
use super::problem::{Problem, Proof};
use super::transport::Retries;

/// Which bytes an answer holds.
const CONTENT_RANGE: HeaderName = HeaderName::from_static("content-range");

/// Which version of a blob an answer holds, where the account keeps versions.
const VERSION_ID: HeaderName = HeaderName::from_static("x-ms-version-id");

/// A container, with what it takes to ask for its blobs.
pub(super) struct Container {
    pub(super) address: Address,
    pub(super) network: &'static Network,
    pub(super) proof: Proof,
    client: BlobContainerClient,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A blob as it was at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// With its quotes, as requests need it.
    pub(super) etag: String,
    pub(super) length: u64,
    /// In seconds since 1970.
    pub(super) created: Option<i64>,
    pub(super) is_append: bool,
    /// A folder of an account with a hierarchical namespace, which is no blob to read.
    pub(super) is_folder: bool,
}

/// What a page of a listing has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths in the container.
    pub(super) blobs: Vec<(String, Version)>,
    /// Paths that end with a slash.
    pub(super) folders: Vec<String>,
}

/// Whether folders are listed as such, or what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    OneFolder,
    Everything,
}

impl Container {
    /// Prepares requests; none is made.
    ///
    /// # Errors
    ///
    /// What is missing to be let in, in words.
    pub(super) fn new(address: Address, network: &'static Network) -> Result<Self, String> {
        let address = address.with_sas_of_environment();
        let (proof, credential) = if address.url.has_sas() {
            (Proof::Sas, None)
        } else if address.takes_token() {
            (Proof::Token, Some(azure_credential()?))
        } else {
            let problem =
                "an identity's token is sent over https and to the storage service only; put a SAS into the URL";
            return Err(problem.to_owned());
        };
        let client_options = ClientOptions {
            per_call_policies: vec![Arc::new(Folders), Arc::new(Retries)],
            retry: RetryOptions::none(),
            transport: Some(network.transport.clone()),
            ..ClientOptions::default()
        };
        let options = BlobContainerClientOptions { client_options, ..BlobContainerClientOptions::default() };
        let client = BlobContainerClient::new(address.url.secret().clone(), credential, Some(options))
            .map_err(|error| Problem::of(&error).explain(&address, proof))?;
        Ok(Self { address, network, proof, client })
    }

    /// The name of a blob in every output.
    pub(super) fn name(&self, path: &str) -> String {
        self.address.name(path)
    }

    /// Lists what begins with a prefix, page by page.
    pub(super) async fn list(&self, prefix: &str, depth: Depth) -> Result<Found, Problem> {
        let mut options = BlobContainerClientListBlobsOptions {
            // Folders of a hierarchical namespace are known by their metadata.
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            ..Default::default()
        };
        options.method_options.context = Context::new().with_value(depth);
        let pages = self.client.list_blobs(Some(options)).map_err(|error| Problem::of(&error))?;
        let mut pages = pages.into_pages();
        let mut found = Found::default();
        while let Some(page) = pages.try_next().await.map_err(|error| Problem::of(&error))? {
            let (_, _, body) = page.deconstruct();
            let page: Page =
                from_xml(&body).map_err(|_text| Problem::Odd("a listing is no XML of blobs".to_owned()))?;
            page.add_to(&mut found)?;
        }
        Ok(found)
    }

    /// The blob as it is.
    pub(super) async fn properties(&self, path: &str) -> Result<Version, Problem> {
        let response = self.blob(path).get_properties(None).await.map_err(|error| Problem::of(&error))?;
        let read = || -> azure_core::Result<Version> {
            let metadata = response.metadata()?;
            Ok(Version {
                etag: quoted(response.etag()?.as_ref().map(AsRef::as_ref).unwrap_or_default()),
                length: response.content_length()?.unwrap_or(0),
                created: response.creation_time()?.map(OffsetDateTime::unix_timestamp),
                is_append: matches!(response.blob_type()?, Some(BlobType::AppendBlob)),
                is_folder: metadata.iter().any(|(key, value)| is_folder_mark(key, value)),
            })
        };
        read().map_err(|error| Problem::of(&error))
    }

    /// Bytes of the blob as it was with this ETag, as they come, and its version where there are
    /// versions.
    pub(super) async fn range(
        &self,
        path: &str,
        etag: &str,
        (offset, length): (u64, u64),
    ) -> Result<(AsyncResponseBody, Option<String>), Problem> {
        let options = BlobClientDownloadOptions {
            if_match: Some(Etag::from(etag)),
            // One request: ranges are put in parallel, and repeated, here and not by the SDK.
            parallel: NonZero::new(1),
            partition_size: usize::try_from(length).ok().and_then(NonZero::new),
            range: Some(HttpRange::new(offset, length)),
            ..BlobClientDownloadOptions::default()
        };
        let result = self.blob(path).download(Some(options)).await.map_err(|error| Problem::of(&error))?;
        let range = result.headers.get_optional_str(&CONTENT_RANGE);
        let is_asked = range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")));
        if !is_asked && (offset > 0 || result.properties.content_length != Some(length)) {
            return Err(Problem::Odd("it holds other bytes than were asked for".to_owned()));
        }
        let version = result.headers.get_optional_str(&VERSION_ID).map(str::to_owned);
        Ok((result.body, version))
    }

    fn blob(&self, path: &str) -> BlobClient {
        self.client.blob_client(path)
    }
}

/// Asks for folders where the context of a listing says so: the SDK's `list_blobs` has no option for
/// the service's `delimiter` (`azure_storage_blob` 1.1).
#[derive(Debug)]
struct Folders;

#[async_trait::async_trait]
impl Policy for Folders {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if ctx.value() == Some(&Depth::OneFolder) {
            let mut query = request.url_mut().query_builder();
            query.set_pair("delimiter", "/");
            query.build();
        }
        let Some((following, rest)) = next.split_first() else {
            let kind = azure_core::error::ErrorKind::Other;
            return Err(azure_core::Error::with_message(kind, "there is no transport"));
        };
        following.send(ctx, request, rest).await
    }
}

/// An ETag with its quotes: listings leave them out.
fn quoted(etag: &str) -> String {
    if etag.ends_with('"') { etag.to_owned() } else { format!("\"{etag}\"") }
}

fn is_folder_mark(key: &str, value: &str) -> bool {
    key.eq_ignore_ascii_case("hdi_isfolder") && value.eq_ignore_ascii_case("true")
}

// The answer to "List Blobs": https://learn.microsoft.com/rest/api/storageservices/list-blobs, read
// 2026-11. The SDK's model of it knows no folders.

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "Blobs", default)]
    blobs: Entries,
}

#[derive(Default, Deserialize)]
struct Entries {
    #[serde(rename = "$value", default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
enum Entry {
    Blob(Box<Item>),
    BlobPrefix(Folder),
}

#[derive(Deserialize)]
struct Folder {
    #[serde(rename = "Name")]
    name: Name,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "Name")]
    name: Name,
    #[serde(rename = "Properties")]
    properties: Properties,
    #[serde(rename = "Metadata", default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Name {
    #[serde(rename = "$text", default)]
    text: String,
    #[serde(rename = "@Encoded", default)]
    is_encoded: bool,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "Etag")]
    etag: String,
    #[serde(rename = "Content-Length", default)]
    length: u64,
    #[serde(rename = "Creation-Time", default)]
    created: Option<String>,
    #[serde(rename = "BlobType", default)]
    kind: Option<String>,
    #[serde(rename = "ResourceType", default)]
    resource: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(alias = "Hdi_isfolder", default)]
    hdi_isfolder: Option<String>,
}

impl Page {
    fn add_to(self, found: &mut Found) -> Result<(), Problem> {
        for entry in self.blobs.entries {
            match entry {
                Entry::BlobPrefix(folder) => found.folders.push(folder.name.path()?),
                Entry::Blob(item) => {
                    let version = item.version();
                    found.blobs.push((item.name.path()?, version));
                }
            }
        }
        Ok(())
    }
}

impl Name {
    fn path(self) -> Result<String, Problem> {
        if !self.is_encoded {
            return Ok(self.text);
        }
        unescape(&self.text).ok_or_else(|| Problem::Odd("a blob's name is not UTF-8".to_owned()))
    }
}

impl Item {
    fn version(&self) -> Version {
        let Properties { etag, length, created, kind, resource } = &self.properties;
        let mark = self.metadata.as_ref().and_then(|metadata| metadata.hdi_isfolder.as_deref());
        Version {
            etag: quoted(etag),
            length: *length,
            created: created.as_deref().and_then(|text| parse_rfc7231(text).ok()).map(OffsetDateTime::unix_timestamp),
            is_append: kind.as_deref() == Some("AppendBlob"),
            is_folder: resource.as_deref() == Some("directory")
                || mark.is_some_and(|mark| is_folder_mark("hdi_isfolder", mark)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_mixes_blobs_and_folders_and_may_escape_names() {
        let xml = br#"<?xml version="1.0" encoding="utf-8"?>
            <EnumerationResults ServiceEndpoint="https://acme.blob.core.windows.net/" ContainerName="logs">
            <Prefix>a/</Prefix><Delimiter>/</Delimiter>
            <Blobs>
              <Blob><Name>a/1 &amp; b.json</Name><Properties><Creation-Time>Fri, 01 Jan 2021 00:00:00 GMT</Creation-Time>
                <Etag>0x8D1</Etag><Content-Length>12</Content-Length><BlobType>AppendBlob</BlobType>
                <Content-Encoding /><LeaseStatus>unlocked</LeaseStatus></Properties><OrMetadata /></Blob>
              <BlobPrefix><Name>a/b/</Name></BlobPrefix>
              <Blob><Name Encoded="true">a/%EF%BF%BF</Name><Properties><Etag>"0x8D2"</Etag></Properties></Blob>
              <BlobPrefix><Name Encoded="true">a/c%20/</Name></BlobPrefix>
              <Blob><Name>a/d</Name><Properties><Etag>0x8D3</Etag><BlobType>BlockBlob</BlobType></Properties>
                <Metadata><owner>x</owner><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>
            </Blobs><NextMarker /></EnumerationResults>"#;
        let mut found = Found::default();

        from_xml::<_, Page>(xml).unwrap().add_to(&mut found).unwrap();

        assert_eq!(found.folders, ["a/b/", "a/c /"]);
        let paths: Vec<&str> = found.blobs.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a/1 & b.json", "a/\u{ffff}", "a/d"]);
        let expected = Version {
            etag: "\"0x8D1\"".to_owned(),
            length: 12,
            created: Some(1_609_459_200),
            is_append: true,
            is_folder: false,
        };
        assert_eq!(found.blobs[0].1, expected);
        assert_eq!(found.blobs[1].1.etag, "\"0x8D2\"");
        assert!(found.blobs[2].1.is_folder && !found.blobs[1].1.is_folder);
    }

    #[test]
    fn a_page_may_be_empty() {
        for blobs in ["<Blobs/>", "<Blobs></Blobs>", ""] {
            let xml = format!("<EnumerationResults>{blobs}<NextMarker/></EnumerationResults>");
            let mut found = Found::default();

            from_xml::<_, Page>(xml.as_bytes()).unwrap().add_to(&mut found).unwrap();

            assert!(found.blobs.is_empty() && found.folders.is_empty());
        }
    }
}
