//! Storage logs.

use super::{Form, SAS_LIFE, Writer};
use crate::generate::event::{Access, Outcome, Request};
use crate::generate::identities::Nature;
use crate::generate::text::{MINUTE, put, put_escaped, time};

/// Built-in role Storage Blob Data Contributor.
const DATA_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

/// Category of an operation.
fn category(operation: &str) -> &'static str {
    if operation.starts_with("Delete") {
        "StorageDelete"
    } else if ["Get", "List", "Read", "Peek"].iter().any(|verb| operation.starts_with(verb)) {
        "StorageRead"
    } else {
        "StorageWrite"
    }
}

/// Which service of the account answers: table of logs, host.
fn service(operation: &str) -> (&'static str, &'static str, &'static str) {
    if operation.contains("Message") || operation.contains("Queue") {
        ("queue", "queueServices", "StorageQueueLogs")
    } else {
        ("blob", "blobServices", "StorageBlobLogs")
    }
}

/// Parts of a record that depend on who asked.
struct Asked {
    kind: &'static str,
    hash: String,
    object_id: String,
    app_id: String,
    /// Of people only.
    user: String,
    query: String,
}

impl Writer<'_> {
    /// Writes a request.
    pub(super) fn request(&mut self, request: &Request<'_>, form: Form) {
        let asked = self.asked(request);
        match form {
            Form::Archive | Form::EventHub | Form::Rest => self.archived_request(request, &asked, form),
            Form::LogAnalytics => self.tabled_request(request, &asked),
        }
    }

    fn asked(&self, request: &Request<'_>) -> Asked {
        let nobody = |kind, hash: &str| Asked {
            kind,
            hash: hash.to_owned(),
            object_id: String::new(),
            app_id: String::new(),
            user: String::new(),
            query: String::new(),
        };
        match &request.access {
            Access::AccountKey => nobody("AccountKey", "key1(5AC7D6B1E3)"),
            Access::Anonymous => nobody("Anonymous", ""),
            Access::Token(who) => {
                who.appears();
                let mut asked = nobody("OAuth", "");
                asked.object_id.clone_from(&who.id);
                asked.app_id.clone_from(&who.app_id);
                if who.nature == Nature::User {
                    asked.user.clone_from(&who.name);
                }
                asked
            }
            Access::DelegationSas(who, hash) => {
                who.appears();
                let mut asked = nobody("DelegationSAS", &format!("user-delegation({hash}),SasSignature({hash})"));
                let (from, until) = (encoded(request.at - 5 * MINUTE), encoded(request.at - 5 * MINUTE + SAS_LIFE));
                put(&mut asked.query, &["?sv=2023-11-03&spr=https&st=", &from, "&se=", &until, "&skoid=", &who.id]);
                put(&mut asked.query, &["&sktid=", self.tenant, "&skt=", &from, "&ske=", &until]);
                put(&mut asked.query, &["&sks=b&skv=2023-11-03&sr=d&sdd=3&sp=rl&sig=XXXXX"]);
                // Some records name the signer again, some leave it to the query.
                if hash.as_bytes().first().is_some_and(|byte| byte % 2 == 0) {
                    asked.object_id.clone_from(&who.id);
                } else {
                    asked.kind = "SAS";
                }
                asked
            }
        }
    }

    fn archived_request(&mut self, request: &Request<'_>, asked: &Asked, form: Form) {
        let (status, text) = status(request.outcome);
        let (host, services, _) = service(request.operation);
        let resource = format!("{}/{services}/default", request.account.id);
        let port = 30_000 + self.random.below(30_000);
        let mut out = String::with_capacity(2_400);
        put(&mut out, &["{ \"time\": \"", &time(request.at, 7), "Z\", \"resourceId\": \"", &resource]);
        put(&mut out, &["\", \"category\": \"", category(request.operation), "\", \"operationName\": \""]);
        put(&mut out, &[request.operation, "\", \"operationVersion\": \"2023-11-03\", \"schemaVersion\": \"1.0\", "]);
        put(&mut out, &["\"statusCode\": ", status, ", \"statusText\": \"", text, "\", \"durationMs\": "]);
        put(&mut out, &[&(4 + self.random.below(40)).to_string(), ", \"callerIpAddress\": \"", &request.address, ":"]);
        put(&mut out, &[&port.to_string(), "\", \"correlationId\": \"", &self.random.guid(), "\", \"identity\": "]);
        self.identity(&mut out, request, asked);
        put(&mut out, &[", \"location\": \"westeurope\", \"properties\": {\"accountName\":\"", &request.account.name]);
        put(&mut out, &["\",\"userAgentHeader\":\"", request.agent, "\",\"clientRequestId\":\"", &self.random.guid()]);
        put(&mut out, &["\",\"serviceType\":\"", host, "\",\"operationCount\":0,\"requestHeaderSize\":612,"]);
        put(&mut out, &["\"responseHeaderSize\":410,\"responseBodySize\":", &request.bytes.to_string()]);
        put(&mut out, &[",\"requestBodySize\":0,\"objectKey\":\"/", &request.account.name]);
        put(&mut out, &[if request.path.is_empty() { "" } else { "/" }]);
        put_escaped(&mut out, &request.path);
        put(&mut out, &["\",\"metricResponseType\":\"Success\",\"serverLatencyMs\":3,\"tlsVersion\":\"TLS 1.3\"}, "]);
        put(&mut out, &["\"uri\": \"", &uri(request, asked), "\", \"protocol\": \"HTTPS\", \"resourceType\": "]);
        put(&mut out, &["\"Microsoft.Storage/storageAccounts/", services, "\"}"]);
        let folder = format!("insights-logs-{}", category(request.operation).to_lowercase());
        self.add_archived(form, &folder, (&resource, request.at), out);
    }

    fn identity(&mut self, out: &mut String, request: &Request<'_>, asked: &Asked) {
        put(out, &["{\"type\":\"", asked.kind, "\""]);
        if !asked.hash.is_empty() {
            put(out, &[",\"tokenHash\":\"", &asked.hash, "\""]);
        }
        if asked.kind == "OAuth" {
            put(out, &[",\"authorization\":", &self.granted(request, asked)]);
            put(
                out,
                &[",\"requester\":{\"appId\":\"", &asked.app_id, "\",\"audience\":\"https://storage.azure.com/\","],
            );
            put(out, &["\"objectId\":\"", &asked.object_id, "\",\"tenantId\":\"", self.tenant]);
            put(out, &["\",\"tokenIssuer\":\"https://sts.windows.net/", self.tenant, "/\""]);
            if !asked.user.is_empty() {
                put(out, &[",\"upn\":\"", &asked.user, "\""]);
            }
            out.push('}');
        } else if !asked.object_id.is_empty() {
            put(out, &[",\"requester\":{\"objectId\":\"", &asked.object_id, "\",\"tenantId\":\"", self.tenant, "\"}"]);
        }
        out.push('}');
    }

    fn granted(&mut self, request: &Request<'_>, asked: &Asked) -> String {
        let kind = if asked.user.is_empty() { "ServicePrincipal" } else { "User" };
        let mut out = String::with_capacity(500);
        put(&mut out, &["[{\"action\":\"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read\","]);
        put(&mut out, &["\"principals\":[{\"id\":\"", &asked.object_id, "\",\"type\":\"", kind, "\"}],"]);
        match request.outcome {
            Outcome::Done | Outcome::Created => {
                put(&mut out, &["\"roleAssignmentId\":\"", &self.random.guid(), "\",\"roleDefinitionId\":\""]);
                put(
                    &mut out,
                    &[DATA_CONTRIBUTOR, "\",\"type\":\"RBAC\",\"result\":\"Granted\",\"reason\":\"Policy\"}]"],
                );
            }
            Outcome::Forbidden => {
                put(&mut out, &["\"type\":\"RBAC\",\"result\":\"Denied\",\"reason\":\"NotApplicable\"}]"]);
            }
            Outcome::DenyAssignment => {
                put(&mut out, &["\"denyAssignmentId\":\"", &self.random.guid(), "\",\"type\":\"RBAC\","]);
                put(&mut out, &["\"result\":\"Denied\",\"reason\":\"Policy\"}]"]);
            }
        }
        out
    }

    fn tabled_request(&mut self, request: &Request<'_>, asked: &Asked) {
        let (status, text) = status(request.outcome);
        let (host, services, table) = service(request.operation);
        let details = if asked.kind == "OAuth" { self.granted(request, asked) } else { "[]".to_owned() };
        let port = 30_000 + self.random.below(30_000);
        let mut out = String::with_capacity(2_400);
        put(&mut out, &["{\"TenantId\":\"", self.log_workspace, "\",\"TimeGenerated\":\"", &time(request.at, 7)]);
        put(&mut out, &["Z\",\"AccountName\":\"", &request.account.name, "\",\"Location\":\"westeurope\","]);
        put(
            &mut out,
            &["\"Protocol\":\"HTTPS\",\"OperationName\":\"", request.operation, "\",\"AuthenticationType\":\""],
        );
        put(
            &mut out,
            &[asked.kind, "\",\"StatusCode\":\"", status, "\",\"StatusText\":\"", text, "\",\"DurationMs\":7.0,"],
        );
        put(&mut out, &["\"Uri\":\"", &uri(request, asked), "\",\"CallerIpAddress\":\"", &request.address, ":"]);
        put(&mut out, &[&port.to_string(), "\",\"CorrelationId\":\"", &self.random.guid()]);
        put(&mut out, &["\",\"SchemaVersion\":\"1.0\",\"OperationVersion\":\"2023-11-03\",\"AuthenticationHash\":\""]);
        put(&mut out, &[&asked.hash, "\",\"RequesterObjectId\":\"", &asked.object_id, "\",\"RequesterTenantId\":\""]);
        put(&mut out, &[if asked.object_id.is_empty() { "" } else { self.tenant }, "\",\"RequesterAppId\":\""]);
        put(
            &mut out,
            &[
                &asked.app_id,
                "\",\"RequesterUpn\":\"",
                &asked.user,
                "\",\"AuthorizationDetails\":",
                &details,
                ",\"UserAgentHeader\":\"",
            ],
        );
        put(&mut out, &[request.agent, "\",\"ObjectKey\":\"/", &request.account.name]);
        put(&mut out, &[if request.path.is_empty() { "" } else { "/" }]);
        put_escaped(&mut out, &request.path);
        put(&mut out, &["\",\"OperationCount\":0,\"RequestBodySize\":0,\"ResponseBodySize\":"]);
        put(&mut out, &[&request.bytes.to_string(), ",\"ServiceType\":\"", host, "\",\"Category\":\""]);
        put(&mut out, &[category(request.operation), "\",\"Type\":\"", table, "\",\"_ResourceId\":\""]);
        put(&mut out, &[&request.account.id.to_lowercase(), "/", &services.to_lowercase(), "/default\"}"]);
        self.add_row(table, request.at, out);
    }
}

fn status(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Done | Outcome::Created => ("200", "Success"),
        Outcome::Forbidden | Outcome::DenyAssignment => ("403", "AuthorizationPermissionDenied"),
    }
}

fn uri(request: &Request<'_>, asked: &Asked) -> String {
    let (host, _, _) = service(request.operation);
    let mut out = String::with_capacity(400);
    put(&mut out, &["https://", &request.account.name, ".", host, ".core.windows.net:443/", &request.path]);
    if request.operation == "GetUserDelegationKey" {
        out.push_str("?restype=service&comp=userdelegationkey");
    }
    out.push_str(&asked.query);
    out
}

/// A time in a query string.
fn encoded(at: i64) -> String {
    format!("{}Z", time(at, 0).replace(':', "%3A"))
}
