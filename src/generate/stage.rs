//! Where the story is played: what happens goes through here to the files.

use super::event::{Access, Action, Audience, Call, Event, Outcome, Request, SignIn, Statement, VaultRequest};
use super::forms::{Form, Record, Writer};
use super::identities::{Nature, Principal, Resource, Tenant, Workspace};
use super::random::Random;

/// User agent of Databricks' runtime.
pub(super) const RUNTIME: &str = "APN/1.0 Azure Blob FS/3.3 (Databricks) Runtime";

/// Plays events into records.
#[derive(Debug)]
pub(super) struct Stage<'t> {
    /// The cast.
    pub(super) tenant: &'t Tenant,
    /// Chance.
    pub(super) random: Random,
    /// Forms that exports have; never empty.
    pub(super) forms: &'t [Form],
    /// Records not yet taken.
    pub(super) out: Vec<Record>,
}

impl<'t> Stage<'t> {
    /// Lets something happen, in one of the forms.
    pub(super) fn play(&mut self, event: &Event<'t>) {
        let form = self.random.one_of(self.forms).copied().unwrap_or(Form::Archive);
        Writer {
            tenant: &self.tenant.id,
            log_workspace: &self.tenant.log_workspace,
            random: &mut self.random,
            out: &mut self.out,
        }
        .write(event, form);
    }

    /// A call of Azure Resource Manager that is done.
    pub(super) fn call(&mut self, at: i64, who: &'t Principal, operation: &str, target: &str) {
        self.call_with(at, who, (operation, target), "");
    }

    /// A call with a request body.
    pub(super) fn call_with(&mut self, at: i64, who: &'t Principal, what: (&str, &str), body: &str) {
        let call = self.a_call(at, who, what, body);
        self.play(&Event::Call(call));
    }

    /// A call to be played, perhaps with changes.
    pub(super) fn a_call(&mut self, at: i64, who: &'t Principal, what: (&str, &str), body: &str) -> Call<'t> {
        Call {
            at,
            who,
            operation: what.0.to_owned(),
            target: what.1.to_owned(),
            body: body.to_owned(),
            machine: String::new(),
            address: self.address(who),
            outcome: Outcome::Done,
        }
    }

    /// A role given; the id of the assignment.
    pub(super) fn grant(
        &mut self,
        at: i64,
        who: &'t Principal,
        (assignee, role, scope): (&'t Principal, &str, &str),
    ) -> String {
        let name = self.random.guid();
        let target = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
        let subscription = scope.split('/').nth(2).unwrap_or_default();
        let definitions = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions");
        let body = format!(
            "{{\"properties\":{{\"roleDefinitionId\":\"{definitions}/{role}\",\"principalId\":\"{}\",\
             \"principalType\":\"ServicePrincipal\"}}}}",
            assignee.id
        );
        let mut call = self.a_call(at, who, ("Microsoft.Authorization/roleAssignments/write", &target), &body);
        call.outcome = Outcome::Created;
        self.play(&Event::Call(call));
        target
    }

    /// A token obtained.
    pub(super) fn sign_in(&mut self, at: i64, who: &'t Principal, audience: Audience) {
        // Exports of managed identities' sign-ins have no address.
        let address = if who.is_managed() { String::new() } else { self.address(who) };
        self.play(&Event::SignIn(SignIn { at, who, audience, address, federated_credential: String::new() }));
    }

    /// A request to storage with a token.
    pub(super) fn storage(
        &mut self,
        at: i64,
        who: &'t Principal,
        operation: &'static str,
        (account, path): (&'t Resource, &str),
    ) {
        let request = self.a_request(at, Access::Token(who), operation, (account, path));
        self.play(&Event::Request(request));
    }

    /// A request to storage to be played, perhaps with changes.
    pub(super) fn a_request(
        &mut self,
        at: i64,
        access: Access<'t>,
        operation: &'static str,
        (account, path): (&'t Resource, &str),
    ) -> Request<'t> {
        Request {
            at,
            account,
            operation,
            path: path.to_owned(),
            access,
            address: self.cluster_address(),
            agent: RUNTIME,
            bytes: self.random.between(512, 65_536),
            outcome: Outcome::Done,
        }
    }

    /// A request to a vault.
    pub(super) fn vault(
        &mut self,
        at: i64,
        who: &'t Principal,
        operation: &'static str,
        (vault, object): (&'t Resource, &str),
    ) {
        let request = self.a_vault_request(at, who, operation, (vault, object));
        self.play(&Event::Vault(request));
    }

    /// A request to a vault to be played, perhaps with changes.
    pub(super) fn a_vault_request(
        &mut self,
        at: i64,
        who: &'t Principal,
        operation: &'static str,
        (vault, object): (&'t Resource, &str),
    ) -> VaultRequest<'t> {
        VaultRequest {
            at,
            who,
            vault,
            operation,
            object: object.to_owned(),
            machine: String::new(),
            address: self.address(who),
            outcome: Outcome::Done,
        }
    }

    /// A statement in a database; a login where there is no text.
    pub(super) fn statement(&mut self, at: i64, who: &'t Principal, database: &'t Resource, text: &'static str) {
        let address = self.cluster_address();
        self.play(&Event::Statement(Statement { at, who, database, text, address }));
    }

    /// An action in Databricks.
    pub(super) fn action(
        &mut self,
        at: i64,
        workspace: &'t Workspace,
        (service, action): (&'static str, &'static str),
        parameters: String,
    ) {
        let who = workspace.member.name.as_str();
        self.play(&Event::Action(Action { at, workspace, who, service, name: action, parameters }));
    }

    /// The address that somebody calls from: people from outside, the rest from private networks.
    fn address(&mut self, who: &Principal) -> String {
        if who.nature == Nature::User {
            format!("198.51.100.{}", 10 + self.random.below(40))
        } else {
            self.cluster_address()
        }
    }

    /// An address of a worker subnet.
    pub(super) fn cluster_address(&mut self) -> String {
        format!("10.139.{}.{}", self.random.below(64), 4 + self.random.below(240))
    }
}
