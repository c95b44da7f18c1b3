//! Key Vault audit records.

use super::{Form, TOKEN_LIFE, Writer};
use crate::generate::event::{Outcome, VaultRequest};
use crate::generate::identities::Nature;
use crate::generate::text::{MINUTE, epoch, put, time};

impl Writer<'_> {
    /// Writes a request to a vault.
    pub(super) fn vault(&mut self, request: &VaultRequest<'_>, form: Form) {
        request.who.appears_with_claims();
        let claim = self.claim(request);
        match form {
            Form::Archive | Form::EventHub | Form::Rest => self.archived_vault(request, &claim, form),
            Form::LogAnalytics => self.tabled_vault(request, &claim),
        }
    }

    fn claim(&mut self, request: &VaultRequest<'_>) -> String {
        let who = request.who;
        let issued = epoch(request.at - 5 * MINUTE);
        let mut out = String::with_capacity(900);
        put(&mut out, &["{\"appid\":\"", &who.app_id, "\",\"aud\":\"https://vault.azure.net\",\"iss\":\""]);
        put(&mut out, &["https://sts.windows.net/", self.tenant, "/\",\"iat\":\"", &issued, "\",\"nbf\":\"", &issued]);
        put(&mut out, &["\",\"exp\":\"", &epoch(request.at + TOKEN_LIFE), "\",\"oid\":\"", &who.id, "\",\"tid\":\""]);
        put(&mut out, &[self.tenant, "\",\"uti\":\"", &self.token(), "\",\"xms_az_nwperimid\":[]"]);
        match who.nature {
            Nature::User => {
                put(&mut out, &[",\"idtyp\":\"user\",\"appidacr\":\"0\",\"scp\":\"user_impersonation\",\"upn\":\""]);
                put(&mut out, &[&who.name, "\",\"ipaddr\":\"", &request.address, "\""]);
            }
            Nature::Secret => out.push_str(",\"idtyp\":\"app\",\"appidacr\":\"1\""),
            Nature::System | Nature::Assigned | Nature::Federated | Nature::FirstParty => {
                out.push_str(",\"idtyp\":\"app\",\"appidacr\":\"2\"");
            }
        }
        if who.is_managed() {
            put(&mut out, &[",\"xms_mirid\":\"", &who.mirid(), "\""]);
            if !request.machine.is_empty() {
                put(&mut out, &[",\"xms_az_rid\":\"", &request.machine, "\""]);
            }
        }
        out.push('}');
        out
    }

    fn archived_vault(&mut self, request: &VaultRequest<'_>, claim: &str, form: Form) {
        let resource = request.vault.id.to_uppercase();
        let (status, signature) = status(request.outcome);
        let mut out = String::with_capacity(1_800);
        put(&mut out, &["{ \"time\": \"", &time(request.at, 7), "Z\", \"category\": \"AuditEvent\", "]);
        put(&mut out, &["\"operationName\": \"", request.operation, "\", \"resultType\": \"Success\", "]);
        put(&mut out, &["\"correlationId\": \"", &self.random.guid(), "\", \"callerIpAddress\": \"", &request.address]);
        put(&mut out, &["\", \"identity\": {\"claim\":", claim, "}, \"properties\": {\"id\":\"", &object(request)]);
        put(&mut out, &["\",\"clientInfo\":\"AzureSDK/1.0\",\"httpStatusCode\":", status, ",\"requestUri\":\""]);
        put(&mut out, &[&object(request), "?api-version=7.4\",\"isRbacAuthorized\":true,\"tlsVersion\":\"TLS1_3\"}, "]);
        put(&mut out, &["\"resourceId\": \"", &resource, "\", \"operationVersion\": \"7.4\", \"resultSignature\": \""]);
        put(&mut out, &[signature, "\", \"durationMs\": \"23\"}"]);
        self.add_archived(form, "insights-logs-auditevent", (&resource, request.at), out);
    }

    fn tabled_vault(&mut self, request: &VaultRequest<'_>, claim: &str) {
        let (status, signature) = status(request.outcome);
        let mut out = String::with_capacity(1_800);
        put(&mut out, &["{\"TenantId\":\"", self.log_workspace, "\",\"TimeGenerated\":\"", &time(request.at, 7)]);
        put(
            &mut out,
            &["Z\",\"OperationName\":\"", request.operation, "\",\"OperationVersion\":\"7.4\",\"Category\":"],
        );
        put(&mut out, &["\"AuditEvent\",\"ResultType\":\"Success\",\"ResultSignature\":\"", signature]);
        put(&mut out, &["\",\"ResultDescription\":\"\",\"CorrelationId\":\"", &self.random.guid()]);
        put(&mut out, &["\",\"CallerIpAddress\":\"", &request.address, "\",\"DurationMs\":23,\"Id\":\""]);
        put(&mut out, &[&object(request), "\",\"ClientInfo\":\"AzureSDK/1.0\",\"HttpStatusCode\":", status]);
        put(&mut out, &[",\"RequestUri\":\"", &object(request), "?api-version=7.4\",\"TlsVersion\":\"TLS1_3\","]);
        put(&mut out, &["\"IsRbacAuthorized\":true,\"Identity\":{\"claim\":", claim, "},\"Properties\":{},"]);
        put(&mut out, &["\"SourceSystem\":\"Azure\",\"Type\":\"AZKVAuditLogs\",\"_ResourceId\":\""]);
        put(&mut out, &[&request.vault.id.to_lowercase(), "\"}"]);
        self.add_row("AZKVAuditLogs", request.at, out);
    }
}

/// `resultType` says Success whatever happens; these tell.
fn status(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Done | Outcome::Created => ("200", "OK"),
        Outcome::Forbidden | Outcome::DenyAssignment => ("403", "Forbidden"),
    }
}

fn object(request: &VaultRequest<'_>) -> String {
    format!("https://{}.vault.azure.net/{}", request.vault.name, request.object)
}
