//! Sign-ins: tokens issued to people, applications and managed identities.

use super::{Form, Writer};
use crate::generate::event::SignIn;
use crate::generate::identities::{Nature, Principal};
use crate::generate::text::{SECOND, put, time};

/// Category, table, and word of Microsoft Graph for a principal's sign-ins.
fn kind(who: &Principal) -> (&'static str, &'static str, &'static str) {
    match who.nature {
        Nature::User => ("SignInLogs", "SigninLogs", "interactiveUser"),
        Nature::System | Nature::Assigned => {
            ("ManagedIdentitySignInLogs", "AADManagedIdentitySignInLogs", "managedIdentity")
        }
        Nature::Secret | Nature::Federated | Nature::FirstParty => {
            ("ServicePrincipalSignInLogs", "AADServicePrincipalSignInLogs", "servicePrincipal")
        }
    }
}

fn credential(who: &Principal) -> &'static str {
    match who.nature {
        Nature::Secret => "clientSecret",
        Nature::Federated => "federatedIdentityCredential",
        Nature::FirstParty => "certificate",
        Nature::User | Nature::System | Nature::Assigned => "none",
    }
}

impl Writer<'_> {
    /// Writes a sign-in.
    pub(super) fn sign_in(&mut self, sign_in: &SignIn<'_>, form: Form) {
        sign_in.who.appears_in_sign_in();
        match form {
            Form::Archive | Form::EventHub => self.archived_sign_in(sign_in, form),
            Form::Rest => self.answered_sign_in(sign_in),
            Form::LogAnalytics => self.tabled_sign_in(sign_in),
        }
    }

    fn archived_sign_in(&mut self, sign_in: &SignIn<'_>, form: Form) {
        let who = sign_in.who;
        let (category, _, _) = kind(who);
        let resource = format!("/tenants/{}/providers/Microsoft.aadiam", self.tenant);
        // Delivered later than it happened.
        let delivered = sign_in.at + 70 * SECOND;
        let correlation = self.random.guid();
        let mut out = String::with_capacity(2_000);
        put(&mut out, &["{ \"time\": \"", &time(delivered, 7), "Z\", \"resourceId\": \"", &resource]);
        put(
            &mut out,
            &["\", \"operationName\": \"Sign-in activity\", \"operationVersion\": \"1.0\", \"category\": \""],
        );
        put(&mut out, &[category, "\", \"tenantId\": \"", self.tenant, "\", \"resultType\": \"0\", "]);
        put(&mut out, &["\"resultSignature\": \"SUCCESS\", \"durationMs\": 0, "]);
        if !sign_in.address.is_empty() {
            put(&mut out, &["\"callerIpAddress\": \"", &sign_in.address, "\", "]);
        }
        put(&mut out, &["\"correlationId\": \"", &correlation, "\", \"Level\": 4, \"properties\": {"]);
        self.properties_of_sign_in(&mut out, sign_in, &correlation);
        put(&mut out, &["}}"]);
        let folder = format!("insights-logs-{}", category.to_lowercase());
        self.add_archived(form, &folder, (&format!("tenantId={}", self.tenant), delivered), out);
    }

    fn answered_sign_in(&mut self, sign_in: &SignIn<'_>) {
        let who = sign_in.who;
        let (_, _, word) = kind(who);
        let correlation = self.random.guid();
        let mut out = String::with_capacity(2_000);
        out.push('{');
        self.properties_of_sign_in(&mut out, sign_in, &correlation);
        put(&mut out, &[",\"signInEventTypes\":[\"", word, "\"]"]);
        if who.is_managed() {
            // Microsoft Graph alone names the resource.
            who.appears_with_claims();
            let kind = if who.nature == Nature::System { "systemAssigned" } else { "userAssigned" };
            put(&mut out, &[",\"managedServiceIdentity\":{\"msiType\":\"", kind, "\",\"associatedResourceId\":\""]);
            put(&mut out, &[&who.mirid(), "\",\"federatedTokenId\":null,\"federatedTokenIssuer\":null}"]);
        }
        out.push('}');
        self.add_page("sign-ins", sign_in.at, &out);
    }

    fn tabled_sign_in(&mut self, sign_in: &SignIn<'_>) {
        let who = sign_in.who;
        let (category, table, _) = kind(who);
        let (service, name) = sign_in.audience.service();
        let delivered = sign_in.at + 70 * SECOND;
        let mut out = String::with_capacity(2_000);
        put(
            &mut out,
            &["{\"TenantId\":\"", self.log_workspace, "\",\"SourceSystem\":\"Azure AD\",\"TimeGenerated\":\""],
        );
        put(&mut out, &[&time(delivered, 3), "Z\",\"CreatedDateTime\":\"", &time(sign_in.at, 3)]);
        put(
            &mut out,
            &["Z\",\"OperationName\":\"Sign-in activity\",\"OperationVersion\":\"1.0\",\"Category\":\"", category],
        );
        put(&mut out, &["\",\"ResultType\":\"0\",\"ResultSignature\":\"SUCCESS\",\"ResultDescription\":\"\""]);
        put(
            &mut out,
            &[",\"DurationMs\":0,\"CorrelationId\":\"", &self.random.guid(), "\",\"Id\":\"", &self.random.guid()],
        );
        put(&mut out, &["\",\"AppId\":\"", &who.app_id, "\",\"IPAddress\":\"", &sign_in.address]);
        put(&mut out, &["\",\"ResourceDisplayName\":\"", name, "\",\"ResourceIdentity\":\"", service]);
        put(&mut out, &["\",\"UniqueTokenIdentifier\":\"", &self.token(), "\",\"Type\":\"", table, "\""]);
        if who.nature == Nature::User {
            put(&mut out, &[",\"UserPrincipalName\":\"", &who.name, "\",\"UserId\":\"", &who.id, "\""]);
        } else {
            put(&mut out, &[",\"ServicePrincipalId\":\"", &who.id, "\",\"ServicePrincipalName\":\"", &who.name]);
            put(&mut out, &["\",\"FederatedCredentialId\":\"", &sign_in.federated_credential]);
            put(&mut out, &["\",\"ClientCredentialType\":\"", credential(who), "\""]);
        }
        out.push('}');
        self.add_row(table, delivered, out);
    }

    /// What archive and Graph share.
    fn properties_of_sign_in(&mut self, out: &mut String, sign_in: &SignIn<'_>, correlation: &str) {
        let who = sign_in.who;
        let (service, name) = sign_in.audience.service();
        put(
            out,
            &["\"id\":\"", &self.random.guid(), "\",\"createdDateTime\":\"", &time(sign_in.at, 6), "Z\",\"appId\":\""],
        );
        put(out, &[&who.app_id, "\",\"ipAddress\":\"", &sign_in.address, "\",\"status\":{\"errorCode\":0}"]);
        put(out, &[",\"correlationId\":\"", correlation, "\",\"conditionalAccessStatus\":\"notApplied\""]);
        put(out, &[",\"tokenIssuerType\":\"AzureAD\",\"clientCredentialType\":\"", credential(who)]);
        put(out, &["\",\"riskState\":\"none\",\"resourceDisplayName\":\"", name, "\",\"resourceId\":\"", service]);
        put(out, &["\",\"uniqueTokenIdentifier\":\"", &self.token(), "\",\"incomingTokenType\":\"none\""]);
        if who.nature == Nature::User {
            put(out, &[",\"isInteractive\":true,\"userPrincipalName\":\"", &who.name, "\",\"userDisplayName\":\""]);
            put(out, &[&who.name, "\",\"userId\":\"", &who.id, "\",\"servicePrincipalId\":\"\""]);
        } else {
            put(out, &[",\"isInteractive\":false,\"userId\":null,\"servicePrincipalName\":\"", &who.name]);
            put(out, &["\",\"servicePrincipalId\":\"", &who.id, "\",\"federatedCredentialId\":\""]);
            put(out, &[&sign_in.federated_credential, "\""]);
            if who.nature == Nature::Secret {
                put(out, &[",\"servicePrincipalCredentialKeyId\":\"5ec00000-0000-4000-8000-000000000001\""]);
            }
        }
    }
}
