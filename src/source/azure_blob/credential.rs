//! Whose token a run uses: one credential, chosen once, shared by all that ask the storage service.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, SecretBytes, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientOptions, RetryOptions};
use azure_core::time::{Duration as Span, OffsetDateTime};
use azure_identity::{
    AzureCliCredential, AzureDeveloperCliCredential, ClientAssertionCredentialOptions, ClientCertificateCredential,
    ClientCertificateCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use tokio::sync::{Mutex, OnceCell};

use super::problem::innermost;
use super::transport::{Retries, transport};

/// What to do where no identity can be had.
const REMEDY: &str = "log in with `az login`, run where a managed or workload identity is, set AZURE_TENANT_ID, \
    AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or put a SAS into the blob's URL";

/// How long the endpoint of managed identities may take where only a guess says that there is one:
/// outside of Azure nothing answers at its address.
const GUESS: Duration = Duration::from_secs(5);

/// A token is replaced when it holds for less than this.
const REFRESH_BEFORE: Span = Span::minutes(5);

/// Takes an environment variable; empty ones are none.
type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The run's credential, chosen by the first who asks. In this order: a client secret, a client
/// certificate, a workload identity, a managed identity, each where the environment names it; else
/// the Azure CLI, the Azure Developer CLI, and the managed identity of a virtual machine.
///
/// # Errors
///
/// What is wrong with the environment, in words.
pub fn azure_credential() -> Result<Arc<dyn TokenCredential>, String> {
    static CHOSEN: OnceLock<Result<Arc<dyn TokenCredential>, String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let candidates = choose(&environment)?;
        Ok(Arc::new(Chosen { candidates, working: OnceCell::new(), tokens: Mutex::default() }))
    });
    chosen.clone()
}

/// A way to get tokens, and what to call it.
struct Candidate {
    name: &'static str,
    credential: Arc<dyn TokenCredential>,
    patience: Option<Duration>,
}

/// The ways to try, in their order.
fn choose(environment: Environment<'_>) -> Result<Vec<Candidate>, String> {
    let of = |name, credential: azure_core::Result<Arc<dyn TokenCredential>>| match credential {
        Ok(credential) => Ok(Candidate { name, credential, patience: None }),
        Err(error) => Err(format!("the {name} of the environment cannot be used: {}", innermost(&error))),
    };
    let application = (environment("AZURE_TENANT_ID"), environment("AZURE_CLIENT_ID"));
    if let (Some(tenant), Some(client)) = &application {
        if let Some(secret) = environment("AZURE_CLIENT_SECRET") {
            let credential = ClientSecretCredential::new(
                tenant,
                client.clone(),
                Secret::new(secret),
                Some(ClientSecretCredentialOptions { client_options: requests() }),
            );
            return Ok(vec![of("client secret", credential.map(as_dyn))?]);
        }
        if let Some(path) = environment("AZURE_CLIENT_CERTIFICATE_PATH") {
            let password = environment("AZURE_CLIENT_CERTIFICATE_PASSWORD");
            return Ok(vec![of("client certificate", certificate((tenant, client), &path, password)?)?]);
        }
        if environment("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            let credential_options = ClientAssertionCredentialOptions { client_options: requests() };
            let options = WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
            return Ok(vec![of("workload identity", WorkloadIdentityCredential::new(Some(options)).map(as_dyn))?]);
        }
    }
    let user_assigned_id = application.1.map(UserAssignedId::ClientId);
    let is_certain = user_assigned_id.is_some()
        || ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"].iter().any(|name| environment(name).is_some());
    let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options: requests() };
    let managed = of("managed identity", ManagedIdentityCredential::new(Some(options)).map(as_dyn))?;
    if is_certain {
        return Ok(vec![managed]);
    }
    Ok(vec![
        of("Azure CLI", AzureCliCredential::new(None).map(as_dyn))?,
        of("Azure Developer CLI", AzureDeveloperCliCredential::new(None).map(as_dyn))?,
        Candidate { patience: Some(GUESS), ..managed },
    ])
}

/// How tokens are asked for: as blobs are, so that nobody waits minutes for an endpoint that is not
/// there.
fn requests() -> ClientOptions {
    ClientOptions {
        per_call_policies: vec![Arc::new(Retries)],
        retry: RetryOptions::none(),
        transport: Some(transport()),
        ..ClientOptions::default()
    }
}

fn as_dyn<C: TokenCredential + 'static>(credential: Arc<C>) -> Arc<dyn TokenCredential> {
    credential
}

fn certificate(
    (tenant, client): (&str, &str),
    path: &str,
    password: Option<String>,
) -> Result<azure_core::Result<Arc<dyn TokenCredential>>, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("cannot read {path}, which AZURE_CLIENT_CERTIFICATE_PATH names: {error}"))?;
    let options =
        ClientCertificateCredentialOptions { password: password.map(Secret::new), client_options: requests() };
    let bytes = SecretBytes::new(bytes);
    let credential = ClientCertificateCredential::new(tenant.to_owned(), client.to_owned(), bytes, Some(options));
    Ok(credential.map(as_dyn))
}

/// The first of several ways that gives a token; the others are not asked again.
struct Chosen {
    candidates: Vec<Candidate>,
    working: OnceCell<usize>,
    /// The last token of each scope. Whoever finds one too old gets the next one while the others
    /// wait for it: that is what the lock is for.
    tokens: Mutex<Vec<(String, AccessToken)>>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.candidates.iter().map(|candidate| candidate.name)).finish()
    }
}

impl Chosen {
    /// A new token.
    async fn token(&self, scopes: &[&str]) -> azure_core::Result<AccessToken> {
        if let Some(candidate) = self.working.get().and_then(|at| self.candidates.get(*at)) {
            return candidate.credential.get_token(scopes, None).await;
        }
        let mut tried = Vec::new();
        for (at, candidate) in self.candidates.iter().enumerate() {
            match candidate.token(scopes).await {
                Ok(token) => {
                    self.working.set(at).ok();
                    return Ok(token);
                }
                Err(detail) => tried.push(format!("{}: {detail}", candidate.name)),
            }
        }
        let message = format!("no identity gave a token (tried {}); {REMEDY}", tried.join("; "));
        Err(Error::with_message(ErrorKind::Credential, message))
    }
}

impl Candidate {
    async fn token(&self, scopes: &[&str]) -> Result<AccessToken, String> {
        let token = self.credential.get_token(scopes, None);
        let token = match self.patience {
            None => token.await,
            Some(patience) => match tokio::time::timeout(patience, token).await {
                Ok(token) => token,
                Err(_elapsed) => return Err("nothing answers".to_owned()),
            },
        };
        token.map_err(|error| innermost(&error))
    }
}

#[async_trait]
impl TokenCredential for Chosen {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let key = scopes.join(" ");
        let mut tokens = self.tokens.lock().await;
        let known = tokens.iter().find(|(scope, _)| *scope == key).map(|(_, token)| token);
        if let Some(token) = known.filter(|token| token.expires_on > OffsetDateTime::now_utc() + REFRESH_BEFORE) {
            return Ok(token.clone());
        }
        let token = self.token(scopes).await?;
        tokens.retain(|(scope, _)| *scope != key);
        tokens.push((key, token.clone()));
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn names(variables: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        choose(&environment).map(|candidates| candidates.iter().map(|candidate| candidate.name).collect())
    }

    const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "contoso");
    const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "11111111-1111-1111-1111-111111111111");

    #[test]
    fn the_environment_chooses_the_identity() {
        let secret = ("AZURE_CLIENT_SECRET", "x");
        let endpoint = ("IDENTITY_ENDPOINT", "http://localhost/token");
        assert_eq!(names(&[TENANT, CLIENT, secret, endpoint]).unwrap(), ["client secret"]);
        assert_eq!(names(&[CLIENT]).unwrap(), ["managed identity"]);
        assert_eq!(names(&[endpoint]).unwrap(), ["managed identity"]);
        assert_eq!(names(&[]).unwrap(), ["Azure CLI", "Azure Developer CLI", "managed identity"]);
    }

    #[test]
    fn a_certificate_that_is_not_there_is_named() {
        let error = names(&[TENANT, CLIENT, ("AZURE_CLIENT_CERTIFICATE_PATH", "no/such.pfx")]).unwrap_err();

        assert!(error.contains("no/such.pfx"), "{error}");
    }

    #[derive(Debug)]
    struct Fake {
        asked: Arc<AtomicUsize>,
        token: Option<i64>,
    }

    #[async_trait]
    impl TokenCredential for Fake {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let minutes = self.token.ok_or_else(|| Error::with_message(ErrorKind::Credential, "not logged in"))?;
            Ok(AccessToken::new("token".to_owned(), OffsetDateTime::now_utc() + Span::minutes(minutes)))
        }
    }

    fn chosen(minutes: &[Option<i64>]) -> (Chosen, Vec<Arc<AtomicUsize>>) {
        let asked: Vec<Arc<AtomicUsize>> = minutes.iter().map(|_| Arc::default()).collect();
        let candidates = minutes.iter().zip(&asked).map(|(&token, asked)| Candidate {
            name: "fake",
            credential: Arc::new(Fake { asked: Arc::clone(asked), token }),
            patience: None,
        });
        (Chosen { candidates: candidates.collect(), working: OnceCell::new(), tokens: Mutex::default() }, asked)
    }

    fn ask(chosen: &Chosen, times: usize) -> azure_core::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (0..times).try_for_each(|_| runtime.block_on(chosen.get_token(&["scope"], None)).map(drop))
    }

    #[test]
    fn a_token_is_asked_for_once_until_it_is_about_to_expire() {
        for (minutes, expected) in [(60, 1), (4, 3)] {
            let (chosen, asked) = chosen(&[Some(minutes)]);

            ask(&chosen, 3).unwrap();

            assert_eq!(asked[0].load(Ordering::Relaxed), expected, "{minutes}");
        }
    }

    #[test]
    fn what_gave_no_token_is_not_asked_again_once_another_did() {
        let (chosen, asked) = chosen(&[None, Some(1)]);

        ask(&chosen, 3).unwrap();

        assert_eq!(asked.iter().map(|asked| asked.load(Ordering::Relaxed)).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn where_nothing_gives_a_token_all_that_was_tried_is_named_with_the_remedy() {
        let (chosen, _) = chosen(&[None, None]);

        let error = ask(&chosen, 1).unwrap_err().to_string();

        assert!(
            error.contains("tried fake: not logged in; fake: not logged in") && error.contains("az login"),
            "{error}"
        );
    }
}
