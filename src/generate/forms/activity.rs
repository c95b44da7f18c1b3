//! Activity Log records: a call begins, is accepted, ends.

use super::{Form, TOKEN_LIFE, Writer};
use crate::generate::event::{Call, Outcome};
use crate::generate::identities::{Nature, Principal};
use crate::generate::text::{MINUTE, SECOND, dashless, epoch, put, put_escaped, time};

/// Role that the evidence of every call names.
const CONTRIBUTOR: &str = "b24988ac618042a0ab8820f7382dd24c";

/// Operations that take longer than their answer.
const SLOW: [&str; 3] = ["/virtualMachines/write", "/networkInterfaces/write", "/deployments/write"];

/// One record of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Accept,
    Success,
    Failure,
}

impl Phase {
    fn result_type(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Accept => "Accept",
            Self::Success => "Success",
            Self::Failure => "Failure",
        }
    }

    fn signature(self, outcome: Outcome) -> &'static str {
        match self {
            Self::Start => "Started.",
            Self::Accept => "Accepted.Accepted",
            Self::Success if outcome == Outcome::Created => "Succeeded.Created",
            Self::Success => "Succeeded.OK",
            Self::Failure => "Failed.Forbidden",
        }
    }

    /// Status and event name of the REST form.
    fn status(self) -> (&'static str, &'static str) {
        match self {
            Self::Start => ("Started", "BeginRequest"),
            Self::Accept => ("Accepted", "EndRequest"),
            Self::Success => ("Succeeded", "EndRequest"),
            Self::Failure => ("Failed", "EndRequest"),
        }
    }

    fn status_code(self, outcome: Outcome) -> &'static str {
        match self {
            Self::Start => "",
            Self::Accept => "Accepted",
            Self::Success if outcome == Outcome::Created => "Created",
            Self::Success => "OK",
            Self::Failure => "Forbidden",
        }
    }

    fn level(self) -> &'static str {
        if self == Self::Failure { "Error" } else { "Informational" }
    }
}

/// What the records of a call share.
struct Shared {
    subscription: String,
    correlation: String,
    authorization: String,
    claims: String,
}

impl Writer<'_> {
    /// Writes a call: two records, three where it takes time.
    pub(super) fn call(&mut self, call: &Call<'_>, form: Form) {
        call.who.appears_with_claims();
        let shared = Shared {
            subscription: call.target.split('/').nth(2).unwrap_or_default().to_owned(),
            correlation: self.random.guid(),
            authorization: authorization(call, &dashless(&self.random.guid())),
            claims: claims(call.who, call.at, (self.tenant, &self.token()), call),
        };
        let last = match call.outcome {
            Outcome::Done | Outcome::Created => Phase::Success,
            Outcome::Forbidden | Outcome::DenyAssignment => Phase::Failure,
        };
        let mut phases = vec![(Phase::Start, 0)];
        if SLOW.iter().any(|slow| call.operation.ends_with(slow)) {
            phases.push((Phase::Accept, 1_300_000));
        }
        phases.push((last, 2 * SECOND + self.random.between(0, SECOND)));
        for (phase, after) in phases {
            match form {
                Form::Archive | Form::EventHub => self.archived_call(call, &shared, (phase, after), form),
                Form::Rest => self.answered_call(call, &shared, (phase, after)),
                Form::LogAnalytics => self.tabled_call(call, &shared, (phase, after)),
            }
        }
    }

    fn archived_call(&mut self, call: &Call<'_>, shared: &Shared, (phase, after): (Phase, i64), form: Form) {
        let at = call.at + after;
        let mut out = String::with_capacity(3_000);
        put(&mut out, &["{ \"time\": \"", &time(at, 7), "Z\", \"resourceId\": \"", &call.target.to_uppercase()]);
        put(&mut out, &["\", \"operationName\": \"", &call.operation.to_uppercase()]);
        put(&mut out, &["\", \"category\": \"Administrative\", \"resultType\": \"", phase.result_type()]);
        put(&mut out, &["\", \"resultSignature\": \"", phase.signature(call.outcome), "\", \"durationMs\": \""]);
        put(&mut out, &[&(after / 1_000).to_string(), "\", \"callerIpAddress\": \"", &call.address]);
        put(&mut out, &["\", \"correlationId\": \"", &shared.correlation]);
        put(
            &mut out,
            &["\", \"identity\": {\"authorization\":", &shared.authorization, ",\"claims\":", &shared.claims],
        );
        put(&mut out, &["}, \"level\": \"", phase.level(), "\", \"properties\": "]);
        out.push_str(&self.properties(call, shared, phase));
        put(&mut out, &[", \"tenantId\": \"", self.tenant, "\"}"]);
        let resource = format!("/SUBSCRIPTIONS/{}", shared.subscription.to_uppercase());
        self.add_archived(form, "insights-activity-logs", (&resource, at), out);
    }

    fn answered_call(&mut self, call: &Call<'_>, shared: &Shared, (phase, after): (Phase, i64)) {
        let at = call.at + after;
        let (status, name) = phase.status();
        let localized = |value: &str| format!("{{\"value\":\"{value}\",\"localizedValue\":\"{value}\"}}");
        let event = self.random.guid();
        let caller = if call.who.nature == Nature::User { &call.who.name } else { &call.who.id };
        let group = call.target.split('/').nth(4).unwrap_or_default();
        let kind = call.operation.rsplit_once('/').map_or(call.operation.as_str(), |(kind, _)| kind);
        let provider = call.operation.split('/').next().unwrap_or_default();
        let mut out = String::with_capacity(3_000);
        put(&mut out, &["{\"authorization\":{\"scope\":\"", &call.target, "\",\"action\":\"", &call.operation]);
        put(&mut out, &["\"},\"caller\":\"", caller, "\",\"channels\":\"Operation\",\"claims\":", &shared.claims]);
        put(
            &mut out,
            &[",\"correlationId\":\"", &shared.correlation, "\",\"description\":\"\",\"eventDataId\":\"", &event],
        );
        put(&mut out, &["\",\"eventName\":", &localized(name), ",\"category\":", &localized("Administrative")]);
        put(
            &mut out,
            &[",\"httpRequest\":{\"clientRequestId\":\"", &event, "\",\"clientIpAddress\":\"", &call.address],
        );
        put(&mut out, &["\",\"method\":\"PUT\"},\"id\":\"", &call.target, "/events/", &event]);
        put(&mut out, &["\",\"level\":\"", phase.level(), "\",\"resourceGroupName\":\"", group]);
        put(&mut out, &["\",\"resourceProviderName\":", &localized(provider), ",\"resourceId\":\"", &call.target]);
        put(&mut out, &["\",\"resourceType\":", &localized(kind), ",\"operationId\":\"", &shared.correlation]);
        put(&mut out, &["\",\"operationName\":", &localized(&call.operation), ",\"properties\":"]);
        out.push_str(&self.properties(call, shared, phase));
        put(
            &mut out,
            &[",\"status\":", &localized(status), ",\"subStatus\":", &localized(phase.status_code(call.outcome))],
        );
        put(&mut out, &[",\"eventTimestamp\":\"", &time(at, 7), "Z\",\"submissionTimestamp\":\""]);
        put(&mut out, &[&time(at + MINUTE, 7), "Z\",\"subscriptionId\":\"", &shared.subscription]);
        put(&mut out, &["\",\"tenantId\":\"", self.tenant, "\"}"]);
        self.add_page("activity-log", at, &out);
    }

    fn tabled_call(&mut self, call: &Call<'_>, shared: &Shared, (phase, after): (Phase, i64)) {
        let at = call.at + after;
        let caller = if call.who.nature == Nature::User { &call.who.name } else { &call.who.id };
        let properties = self.properties(call, shared, phase);
        let mut out = String::with_capacity(6_000);
        put(&mut out, &["{\"TenantId\":\"", self.log_workspace, "\",\"SourceSystem\":\"Azure\",\"TimeGenerated\":\""]);
        put(&mut out, &[&time(at, 3), "Z\",\"CallerIpAddress\":\"", &call.address]);
        put(&mut out, &["\",\"CategoryValue\":\"Administrative\",\"CorrelationId\":\"", &shared.correlation]);
        out.push_str("\",\"Authorization\":\"");
        put_escaped(&mut out, &shared.authorization);
        put(&mut out, &["\",\"Authorization_d\":", &shared.authorization, ",\"Claims\":\""]);
        put_escaped(&mut out, &shared.claims);
        put(&mut out, &["\",\"Claims_d\":", &shared.claims, ",\"Level\":\"", phase.level()]);
        put(&mut out, &["\",\"OperationNameValue\":\"", &call.operation.to_uppercase(), "\",\"Properties\":\""]);
        put_escaped(&mut out, &properties);
        put(&mut out, &["\",\"Properties_d\":", &properties, ",\"Caller\":\"", caller]);
        put(&mut out, &["\",\"EventDataId\":\"", &self.random.guid(), "\",\"OperationId\":\"", &shared.correlation]);
        let status = if phase == Phase::Accept { "Accept" } else { phase.result_type() };
        put(&mut out, &["\",\"ActivityStatusValue\":\"", status, "\",\"ActivitySubstatusValue\":\""]);
        put(&mut out, &[phase.status_code(call.outcome), "\",\"SubscriptionId\":\"", &shared.subscription]);
        put(&mut out, &["\",\"Type\":\"AzureActivity\",\"_ResourceId\":\"", &call.target.to_lowercase(), "\"}"]);
        self.add_row("AzureActivity", at, out);
    }

    fn properties(&self, call: &Call<'_>, shared: &Shared, phase: Phase) -> String {
        let mut out = String::with_capacity(800);
        out.push('{');
        if phase == Phase::Start {
            if !call.body.is_empty() {
                out.push_str("\"requestbody\":\"");
                put_escaped(&mut out, &call.body);
                out.push_str("\",");
            }
        } else {
            put(&mut out, &["\"statusCode\":\"", phase.status_code(call.outcome), "\",\"serviceRequestId\":null,"]);
        }
        if phase == Phase::Failure {
            let code = match call.outcome {
                Outcome::DenyAssignment => "DenyAssignmentAuthorizationFailed",
                Outcome::Done | Outcome::Created | Outcome::Forbidden => "AuthorizationFailed",
            };
            put(&mut out, &["\"statusMessage\":\"{\\\"error\\\":{\\\"code\\\":\\\"", code]);
            put(&mut out, &["\\\",\\\"message\\\":\\\"The client may not act on ", &call.target, ".\\\"}}\","]);
        }
        put(&mut out, &["\"eventCategory\":\"Administrative\",\"entity\":\"", &call.target, "\",\"message\":\""]);
        put(&mut out, &[&call.operation, "\",\"hierarchy\":\"", self.tenant, "/", &shared.subscription, "\"}"]);
        out
    }
}

fn authorization(call: &Call<'_>, assignment: &str) -> String {
    let principal_type = if call.who.nature == Nature::User { "User" } else { "ServicePrincipal" };
    let subscription = call.target.split('/').nth(2).unwrap_or_default();
    let mut out = String::with_capacity(600);
    put(&mut out, &["{\"scope\":\"", &call.target, "\",\"action\":\"", &call.operation]);
    put(
        &mut out,
        &["\",\"evidence\":{\"role\":\"Contributor\",\"roleAssignmentScope\":\"/subscriptions/", subscription],
    );
    put(&mut out, &["\",\"roleAssignmentId\":\"", assignment, "\",\"roleDefinitionId\":\"", CONTRIBUTOR]);
    put(
        &mut out,
        &["\",\"principalId\":\"", &dashless(&call.who.id), "\",\"principalType\":\"", principal_type, "\"}}"],
    );
    out
}

/// Claim names that are addresses.
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

fn claims(who: &Principal, at: i64, (tenant, token): (&str, &str), call: &Call<'_>) -> String {
    let issued = at - 5 * MINUTE;
    let mut out = String::with_capacity(1_200);
    put(&mut out, &["{\"aud\":\"https://management.core.windows.net/\",\"iss\":\"https://sts.windows.net/", tenant]);
    put(&mut out, &["/\",\"iat\":\"", &epoch(issued), "\",\"nbf\":\"", &epoch(issued), "\",\"exp\":\""]);
    put(&mut out, &[&epoch(issued + TOKEN_LIFE), "\",\"appid\":\"", &who.app_id, "\",\"appidacr\":\""]);
    let (acr, kind) = match who.nature {
        Nature::User => ("0", "user"),
        Nature::Secret => ("1", "app"),
        Nature::System | Nature::Assigned | Nature::Federated | Nature::FirstParty => ("2", "app"),
    };
    put(&mut out, &[acr, "\",\"idtyp\":\"", kind, "\",\"", OBJECT_ID, "\":\"", &who.id, "\",\"", TENANT_ID, "\":\""]);
    put(
        &mut out,
        &[tenant, "\",\"", IDENTITY, "nameidentifier\":\"", &who.id, "\",\"uti\":\"", token, "\",\"ver\":\"1.0\""],
    );
    if who.nature == Nature::User {
        put(&mut out, &[",\"ipaddr\":\"", &call.address, "\",\"name\":\"", &who.name]);
        put(&mut out, &["\",\"http://schemas.microsoft.com/identity/claims/scope\":\"user_impersonation\",\""]);
        put(&mut out, &[IDENTITY, "name\":\"", &who.name, "\",\"", IDENTITY, "upn\":\"", &who.name, "\""]);
    }
    if who.is_managed() {
        put(&mut out, &[",\"xms_idrel\":\"7 32\",\"xms_mirid\":\"", &who.mirid(), "\""]);
        if !call.machine.is_empty() {
            put(&mut out, &[",\"xms_az_rid\":\"", &call.machine, "\""]);
        }
    }
    out.push_str(",\"xms_tcdt\":\"1577836800\"}");
    out
}
