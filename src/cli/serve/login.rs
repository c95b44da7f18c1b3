//! Who may log in: one user, with a password that is proved and never sent.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::sasl::SASLAuthStartupHandler;
use datafusion_postgres::pgwire::api::auth::sasl::scram::{SCRAM_ITERATIONS, ScramAuth, gen_salted_password};
use datafusion_postgres::pgwire::api::auth::{AuthSource, DefaultServerParameterProvider, LoginInfo, Password};
use datafusion_postgres::pgwire::error::PgWireResult;
use uuid::Uuid;

use super::listen::Tls;
use crate::error::RunError;

/// The variable of the environment that holds the password where no file is named.
const PASSWORD_VARIABLE: &str = "AIRSIDE_PASSWORD";

/// The user, and the password as SCRAM keeps it.
pub(super) struct Login {
    user: String,
    salt: Vec<u8>,
    salted_password: Vec<u8>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// The log-in of a user whose password is in a file, in the environment, or else made up; that
    /// one is returned to be told.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a file that cannot be read, and for a password that is empty.
    pub(super) fn of(user: &str, file: Option<&Path>) -> Result<(Arc<Self>, Option<String>), RunError> {
        let given = match file {
            Some(file) => Some(of_file(file)?),
            None => of_environment()?,
        };
        let made_up = if given.is_none() { Some(Uuid::new_v4().simple().to_string()) } else { None };
        let password = given.as_ref().or(made_up.as_ref()).map(String::as_str).unwrap_or_default();
        let salt = Uuid::new_v4().as_bytes().to_vec();
        let salted_password = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        Ok((Arc::new(Self { user: user.to_owned(), salt, salted_password }), made_up))
    }

    /// What asks a client for the proof. For one client: it remembers how far that one has come.
    pub(super) fn gate(self: &Arc<Self>, tls: Option<&Tls>) -> SASLAuthStartupHandler<DefaultServerParameterProvider> {
        let mut scram = ScramAuth::new(Arc::clone(self) as Arc<dyn AuthSource>);
        scram.set_iterations(SCRAM_ITERATIONS);
        // A certificate whose signature has no hash to tie the log-in to is as good for the rest.
        let _is_tied = tls.is_some_and(|tls| scram.configure_certificate(&tls.certificates).is_ok());
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        "UTC".clone_into(&mut parameters.time_zone);
        SASLAuthStartupHandler::new(Arc::new(parameters)).with_scram(scram)
    }
}

#[async_trait]
impl AuthSource for Login {
    /// A user who does not exist fails where a wrong password does, and as late.
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        let salted = if login.user() == Some(self.user.as_str()) {
            self.salted_password.clone()
        } else {
            [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat()
        };
        Ok(Password::new(Some(self.salt.clone()), salted))
    }
}

fn of_file(file: &Path) -> Result<String, RunError> {
    let text = fs::read_to_string(file);
    let text =
        text.map_err(|error| RunError::usage(format!("cannot read a password from {}: {error}", file.display())))?;
    let password = text.trim_end_matches(['\n', '\r']);
    not_empty(password, &file.display())
}

fn of_environment() -> Result<Option<String>, RunError> {
    match env::var(PASSWORD_VARIABLE) {
        Ok(password) => not_empty(&password, &PASSWORD_VARIABLE).map(Some),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(RunError::usage(format!("{PASSWORD_VARIABLE} is not UTF-8"))),
    }
}

fn not_empty(password: &str, place: &dyn fmt::Display) -> Result<String, RunError> {
    if password.is_empty() {
        return Err(RunError::usage(format!("the password in {place} is empty")));
    }
    Ok(password.to_owned())
}
