//! Databricks diagnostic records.

use super::{Form, Writer};
use crate::generate::event::Action;
use crate::generate::text::{SECOND, put, put_escaped, time};

impl Writer<'_> {
    /// Writes an action.
    pub(super) fn action(&mut self, action: &Action<'_>, form: Form) {
        let at = action.at - action.at.rem_euclid(SECOND);
        match form {
            Form::Archive | Form::EventHub | Form::Rest => self.archived_action(action, at, form),
            Form::LogAnalytics => self.tabled_action(action, at),
        }
    }

    fn archived_action(&mut self, action: &Action<'_>, at: i64, form: Form) {
        let resource = action.workspace.resource.id.to_uppercase();
        let mut out = String::with_capacity(1_500);
        put(&mut out, &["{ \"resourceId\": \"", &resource, "\", \"operationVersion\": \"1.0.0\", \"identity\": "]);
        put(&mut out, &["\"{\\\"email\\\":\\\"", action.who, "\\\",\\\"subjectName\\\":null}\", \"operationName\": "]);
        put(&mut out, &["\"Microsoft.Databricks/", action.service, "/", action.name, "\", \"time\": \"", &time(at, 0)]);
        put(&mut out, &["Z\", \"category\": \"", action.service, "\", \"properties\": {\"sourceIPAddress\":"]);
        put(
            &mut out,
            &["\"10.139.64.4:0\",\"logId\":\"", &self.random.guid(), "\",\"serviceName\":\"", action.service],
        );
        put(&mut out, &["\",\"userAgent\":\"Databricks-Runtime\",\"response\":\"{\\\"statusCode\\\":200}\","]);
        put(&mut out, &["\"sessionId\":null,\"actionName\":\"", action.name, "\",\"requestId\":\""]);
        put(&mut out, &[&self.random.guid(), "\",\"requestParams\":\""]);
        put_escaped(&mut out, &action.parameters);
        put(&mut out, &["\"}, \"Host\": \"", &action.workspace.number, "-driver\"}"]);
        let folder = format!("insights-logs-{}", action.service.to_lowercase());
        self.add_archived(form, &folder, (&resource, at), out);
    }

    fn tabled_action(&mut self, action: &Action<'_>, at: i64) {
        let mut name: Vec<char> = action.service.chars().collect();
        if let Some(first) = name.first_mut() {
            first.make_ascii_uppercase();
        }
        let table = format!("Databricks{}", name.into_iter().collect::<String>());
        let mut out = String::with_capacity(1_500);
        put(&mut out, &["{\"TenantId\":\"", self.log_workspace, "\",\"TimeGenerated\":\"", &time(at, 0)]);
        put(&mut out, &["Z\",\"OperationName\":\"Microsoft.Databricks/", action.service, "/", action.name]);
        put(&mut out, &["\",\"OperationVersion\":\"1.0.0\",\"Category\":\"", action.service, "\",\"Identity\":"]);
        put(&mut out, &["\"{\\\"email\\\":\\\"", action.who, "\\\",\\\"subjectName\\\":null}\",\"SourceIPAddress\":"]);
        put(
            &mut out,
            &["\"10.139.64.4:0\",\"LogId\":\"", &self.random.guid(), "\",\"ServiceName\":\"", action.service],
        );
        put(&mut out, &["\",\"UserAgent\":\"Databricks-Runtime\",\"SessionId\":\"\",\"ActionName\":\"", action.name]);
        put(&mut out, &["\",\"RequestId\":\"", &self.random.guid(), "\",\"RequestParams\":\""]);
        put_escaped(&mut out, &action.parameters);
        put(&mut out, &["\",\"Response\":\"{\\\"statusCode\\\":200}\",\"SourceSystem\":\"Azure\",\"Type\":\"", &table]);
        put(&mut out, &["\",\"_ResourceId\":\"", &action.workspace.resource.id.to_lowercase(), "\"}"]);
        self.add_row(&table, at, out);
    }
}
