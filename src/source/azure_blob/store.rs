//! A folder of a container as an `object_store`, for what is written there.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use object_store::azure::{AzureCredential, MicrosoftAzureBuilder};
use object_store::{CredentialProvider, DynObjectStore};

use super::address::Address;
use super::azure_credential;
use crate::source::without_query;

/// The scope of tokens for the service:
/// <https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory>, read
/// 2026-11.
const SCOPE: &str = "https://storage.azure.com/.default";

/// A folder of a container. Neither its name nor what is printed of it holds a secret.
#[derive(Clone)]
pub struct BlobFolder {
    /// `az://ACCOUNT/CONTAINER/PATH`, without a slash at its end.
    pub name: String,
    /// The account.
    pub account: String,
    /// The container.
    pub container: String,
    /// Path of the folder in the container, without slashes around it.
    pub path: String,
    /// The container.
    pub store: Arc<DynObjectStore>,
}

impl fmt::Debug for BlobFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlobFolder").field(&self.name).finish()
    }
}

impl PartialEq for BlobFolder {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for BlobFolder {}

/// The folder that an argument names, with the SAS in it or in the environment, else with the
/// identity that reads blobs.
///
/// # Errors
///
/// What is wrong with the argument or with the environment, in words, with the argument.
pub fn blob_folder(argument: &str) -> Result<BlobFolder, String> {
    let named = |detail: String| format!("{}: {detail}", without_query(argument));
    let address = Address::parse(argument).map_err(named)?.with_sas_of_environment();
    let mut service = address.url.secret().clone();
    let sas: Vec<(String, String)> = service.query_pairs().into_owned().collect();
    service.set_query(None);
    if let Ok(mut segments) = service.path_segments_mut() {
        segments.pop();
    }
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(&address.account)
        .with_container_name(&address.container)
        .with_endpoint(service.as_str().trim_end_matches('/').to_owned())
        .with_allow_http(service.scheme() == "http");
    builder = if address.url.has_sas() {
        builder.with_credentials(Arc::new(Sas(Arc::new(AzureCredential::SASToken(sas)))))
    } else if address.takes_token() {
        builder.with_credentials(Arc::new(Token(azure_credential().map_err(named)?)))
    } else {
        return Err(named("needs a SAS: tokens are only sent to the storage service, over https".to_owned()));
    };
    let store = builder.build().map_err(|error| named(error.to_string()))?;
    let path = address.path.trim_matches('/').to_owned();
    let name = address.name(&path).trim_end_matches('/').to_owned();
    let (account, container) = (address.account, address.container);
    Ok(BlobFolder { name, account, container, path, store: Arc::new(store) })
}

struct Sas(Arc<AzureCredential>);

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sas")
    }
}

#[async_trait]
impl CredentialProvider for Sas {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        Ok(Arc::clone(&self.0))
    }
}

/// The identity that blobs are read with. It keeps its tokens itself.
struct Token(Arc<dyn TokenCredential>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[async_trait]
impl CredentialProvider for Token {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let token = self.0.get_token(&[SCOPE], None).await;
        let token = token.map_err(|error| object_store::Error::Generic { store: "azure", source: Box::new(error) })?;
        Ok(Arc::new(AzureCredential::BearerToken(token.token.secret().to_owned())))
    }
}
