//! What all forms of the sign-in logs have in common. The forms are tables of places.

use crate::event::audience;
use crate::event::operation::classify;
use crate::event::vocabulary::{AuthType, Form, LogSource, Outcome, PrincipalVia, TokenKind};
use crate::event::{Row, TextColumn};
use crate::format::RejectReason;
use crate::format::actor;
use crate::format::paths::{self, Columns, Places};
use crate::json::Value;
use crate::time::UtcMicros;

/// The one operation of these logs, for the forms that do not name it.
const OPERATION: &str = "sign-in activity";

/// Stands where a record has no id: seen as a `servicePrincipalId` in a real export of 2025.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The kinds of sign-in, by whom the token was issued to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    InteractiveUser,
    NonInteractiveUser,
    ServicePrincipal,
    ManagedIdentity,
    MicrosoftServicePrincipal,
}

impl Category {
    const ALL: &'static [Self] = &[
        Self::InteractiveUser,
        Self::NonInteractiveUser,
        Self::ServicePrincipal,
        Self::ManagedIdentity,
        Self::MicrosoftServicePrincipal,
    ];

    /// The category as diagnostic settings spell it.
    const fn word(self) -> &'static str {
        match self {
            Self::InteractiveUser => "SignInLogs",
            Self::NonInteractiveUser => "NonInteractiveUserSignInLogs",
            Self::ServicePrincipal => "ServicePrincipalSignInLogs",
            Self::ManagedIdentity => "ManagedIdentitySignInLogs",
            Self::MicrosoftServicePrincipal => "MicrosoftServicePrincipalSignInLogs",
        }
    }

    /// Reads a category or the name of a Log Analytics table, which is the category, for most
    /// after `AAD`.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        let category = match word.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("AAD") => word.get(3..)?,
            _ => word,
        };
        Self::ALL.iter().copied().find(|known| known.word().eq_ignore_ascii_case(category))
    }

    const fn token_kind(self) -> TokenKind {
        match self {
            Self::InteractiveUser | Self::NonInteractiveUser => TokenKind::User,
            Self::ServicePrincipal | Self::ManagedIdentity | Self::MicrosoftServicePrincipal => TokenKind::App,
        }
    }
}

/// Where a form keeps what every form has.
#[derive(Debug)]
pub(super) struct Layout {
    pub form: Form,
    /// When the token was asked for; what says when the record was written is the last resort.
    pub time: Places,
    pub id: Places,
    pub error_code: Places,
    /// `Success`, `Failure`, `Interrupted`, where the form has words.
    pub status: Places,
    pub user_id: Places,
    pub user_name: Places,
    pub application_principal_id: Places,
    pub application_principal_name: Places,
    pub credential_type: Places,
    /// Key id or thumbprint of the secret or certificate used.
    pub credential_key: Places,
    pub federated_credential: Places,
    pub duration: Places,
    /// What is copied as it is.
    pub columns: Columns,
}

/// Decodes a sign-in; `category` is `None` where the form cannot tell.
pub(super) fn decode<'r>(
    root: Value<'r>,
    category: Option<Category>,
    layout: &Layout,
) -> Result<Row<'r>, RejectReason> {
    let text = |places| paths::text(root, places);
    let fields = Fields {
        time: paths::time(root, layout.time),
        id: text(layout.id),
        error_code: text(layout.error_code),
        status: text(layout.status),
        user_id: text(layout.user_id),
        user_name: text(layout.user_name),
        application_principal_id: text(layout.application_principal_id),
        application_principal_name: text(layout.application_principal_name),
        credential_type: text(layout.credential_type),
        credential_key: text(layout.credential_key),
        federated_credential: text(layout.federated_credential),
        duration_ms: paths::number(root, layout.duration),
    };
    row_of(layout.form, category, &fields, |row| paths::fill(row, root, layout.columns))
}

/// What all forms say, wherever they keep it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields<'r> {
    pub time: Option<UtcMicros>,
    pub id: Option<&'r str>,
    pub error_code: Option<&'r str>,
    pub status: Option<&'r str>,
    pub user_id: Option<&'r str>,
    pub user_name: Option<&'r str>,
    pub application_principal_id: Option<&'r str>,
    pub application_principal_name: Option<&'r str>,
    pub credential_type: Option<&'r str>,
    pub credential_key: Option<&'r str>,
    pub federated_credential: Option<&'r str>,
    pub duration_ms: Option<f64>,
}

/// Makes the row; `fill` copies the columns that are taken as they are.
pub(super) fn row_of<'r>(
    form: Form,
    category: Option<Category>,
    fields: &Fields<'r>,
    fill: impl FnOnce(&mut Row<'r>),
) -> Result<Row<'r>, RejectReason> {
    let mut row = Row::new(LogSource::Signin, form);
    row.time = Some(fields.time.ok_or(RejectReason::NoTime)?);
    row.uid_parts = [fields.id, None, None];
    let is = classify(LogSource::Signin, OPERATION, None);
    row.op_class = is.op_class;
    row.plane = is.plane;
    row.activity = is.activity;
    row.set(TextColumn::Operation, Some(OPERATION));
    row.set(TextColumn::Category, category.map(Category::word));
    fill(&mut row);
    row.duration_ms = fields.duration_ms;
    row.audience_kind = audience::kind_of(row.get(TextColumn::AudienceAppId), row.get(TextColumn::TargetName));
    set_result(&mut row, fields);
    set_principal(&mut row, category, fields);
    set_credential(&mut row, category, fields);
    Ok(row)
}

fn set_result<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    // A CSV can have a word where there is no error.
    let code = fields.error_code.filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
    row.set(TextColumn::ResultCode, code);
    row.outcome = match (code, fields.status) {
        (Some("0"), _) => Outcome::Success,
        (Some(_), _) => Outcome::Failure,
        (None, Some(word)) if word.eq_ignore_ascii_case("Success") => Outcome::Success,
        (None, Some(word)) if ["Failure", "Interrupted"].iter().any(|bad| bad.eq_ignore_ascii_case(word)) => {
            Outcome::Failure
        }
        (None, _) => Outcome::Unknown,
    };
}

fn set_principal<'r>(row: &mut Row<'r>, category: Option<Category>, fields: &Fields<'r>) {
    let id = |id: Option<&'r str>| id.filter(|id| *id != NO_ID);
    let (user, application) = (id(fields.user_id), id(fields.application_principal_id));
    row.token_kind = match category {
        Some(category) => category.token_kind(),
        None if user.is_some() => TokenKind::User,
        None if application.is_some() => TokenKind::App,
        // Only a person's sign-in has a person's name.
        None if fields.user_name.is_some() => TokenKind::User,
        None => TokenKind::Unknown,
    };
    let (id, name) = match row.token_kind {
        TokenKind::User => (user, fields.user_name),
        TokenKind::App | TokenKind::Unknown => (application, fields.application_principal_name),
    };
    actor::set_principal(row, id.map(|id| (id, PrincipalVia::Signin)));
    row.set(TextColumn::PrincipalName, name);
}

/// Says how the principal proved who it is. A federated credential counts before the category:
/// with one, a managed identity's token is issued to somebody outside of Azure.
fn set_credential(row: &mut Row<'_>, category: Option<Category>, fields: &Fields<'_>) {
    let credential = fields.credential_type.unwrap_or("none");
    let is = |word: &str| credential.eq_ignore_ascii_case(word);
    row.auth_type = if row.token_kind == TokenKind::User {
        // What a person proved is elsewhere; the credential is that of the application used.
        AuthType::Oauth
    } else if is("federatedIdentityCredential") || fields.federated_credential.is_some() {
        AuthType::Federated
    } else if is("managedIdentity") || category == Some(Category::ManagedIdentity) {
        AuthType::Msi
    } else if is("clientSecret") {
        AuthType::Secret
    } else if is("certificate") || is("clientAssertion") {
        AuthType::Certificate
    } else {
        AuthType::Oauth
    };
    // Real exports of 2025 say `none` for service principals and give the key's id beside it.
    let has_key = || fields.credential_key.is_some_and(|key| key != NO_ID);
    row.secret_bearing = match row.auth_type {
        AuthType::Secret | AuthType::Certificate => true,
        AuthType::Oauth => row.token_kind == TokenKind::App && has_key(),
        _ => false,
    };
}
