//! Azure SQL audit records.

use super::{Form, Writer};
use crate::generate::event::Statement;
use crate::generate::text::{put, put_escaped, time};

impl Writer<'_> {
    /// Writes a login or a statement.
    pub(super) fn statement(&mut self, statement: &Statement<'_>, form: Form) {
        statement.who.appears();
        let (id, name) = match statement.text {
            "" => ("DBAS", "DATABASE AUTHENTICATION SUCCEEDED"),
            _ => ("BCM ", "BATCH COMPLETED"),
        };
        let server = statement.database.name.split('/').next().unwrap_or_default();
        // A database knows principals by their client id.
        let principal = format!("{}@{}", statement.who.app_id, self.tenant);
        let at = format!("{}Z", time(statement.at, 7));
        let mut out = String::with_capacity(1_500);
        if form == Form::LogAnalytics {
            put(
                &mut out,
                &["{\"TenantId\":\"", self.log_workspace, "\",\"TimeGenerated\":\"", &at, "\",\"Category\":"],
            );
            put(&mut out, &["\"SQLSecurityAuditEvents\",\"OperationName\":\"AuditEvent\",\"LogicalServerName\":\""]);
            put(&mut out, &[server, "\",\"ActionId\":\"", id, "\",\"ActionName\":\"", name, "\",\"ClientIp\":\""]);
            put(&mut out, &[&statement.address, "\",\"DatabaseName\":\"dw\",\"DatabasePrincipalName\":\""]);
            put(&mut out, &[&statement.who.name, "\",\"EventId\":\"", &self.random.guid(), "\",\"EventTime\":\"", &at]);
            put(&mut out, &["\",\"ServerPrincipalName\":\"", &principal, "\",\"Statement\":\""]);
            put_escaped(&mut out, statement.text);
            put(&mut out, &["\",\"Succeeded\":\"true\",\"Type\":\"SQLSecurityAuditEvents\",\"_ResourceId\":\""]);
            put(&mut out, &[&statement.database.id.to_lowercase(), "\"}"]);
            self.add_row("SQLSecurityAuditEvents", statement.at, out);
            return;
        }
        let resource = statement.database.id.to_uppercase();
        put(&mut out, &["{ \"LogicalServerName\": \"", server, "\", \"time\": \"", &at, "\", \"resourceId\": \""]);
        put(
            &mut out,
            &[&resource, "\", \"category\": \"SQLSecurityAuditEvents\", \"operationName\": \"AuditEvent\", "],
        );
        put(&mut out, &["\"properties\": {\"action_id\":\"", id, "\",\"action_name\":\"", name]);
        put(
            &mut out,
            &["\",\"application_name\":\"Microsoft JDBC Driver\",\"audit_schema_version\":1,\"client_ip\":\""],
        );
        put(&mut out, &[&statement.address, "\",\"database_name\":\"dw\",\"database_principal_name\":\""]);
        put(&mut out, &[&statement.who.name, "\",\"duration_milliseconds\":17,\"event_id\":\"", &self.random.guid()]);
        put(&mut out, &["\",\"event_time\":\"", &at, "\",\"sequence_number\":1,\"server_principal_name\":\""]);
        put(&mut out, &[&principal, "\",\"session_id\":71,\"statement\":\""]);
        put_escaped(&mut out, statement.text);
        put(&mut out, &["\",\"succeeded\":\"true\",\"transaction_id\":0}}"]);
        self.add_archived(form, "insights-logs-sqlsecurityauditevents", (&resource, statement.at), out);
    }
}
