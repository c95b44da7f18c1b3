//! One hand-written record a form pins the uid of its event. The expected hashes were computed
//! apart from this crate, with Python's `blake3` over the fields that `event::uid` documents.

use crate::support::{read_text, uids};

/// Success of a key listing at 2026-05-04T10:15:30.123Z.
const ACTIVITY: &str = "0a7e9f86b15c94e608cd321d04ea84f4";
/// The sign-in with id `aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee`.
const SIGNIN: &str = "0a9f4bbbd10fb85a3cf9c7584f3bbd10";
/// A blob read with operation count 0.
const STORAGE: &str = "da14f92308142654277f54c334fb54fc";
/// A secret read with status 200.
const KEY_VAULT: &str = "4450864de3bcd7dac0302bbb684c5540";
/// The SQL audit event `0f0f0f0f-1111-4222-8333-444444444444`.
const SQL: &str = "a2f5b401bd2b16dfe93394b4d6ce6a62";
/// The Databricks request `7e7e7e7e-1111-4222-8333-444444444444`.
const DATABRICKS: &str = "aaeb03507cd587a0147465853e53dc46";

fn assert_uid(expected: &str, forms: &[(&str, &str)]) {
    for (form, text) in forms {
        let loaded = read_text(text);
        assert_eq!(uids(&loaded), [expected], "{form}: {:?}", loaded.coverage);
    }
}

const ARCHIVE: &str = r#"{ "time": "2026-05-04T10:15:30.1234567Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG-LAKE/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKEPROD", "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "category": "Administrative", "resultType": "Success", "resultSignature": "Succeeded.OK", "durationMs": "20", "callerIpAddress": "203.0.113.9", "correlationId": "99999999-8888-4777-8666-555555555555", "identity": {"claims":{"appid":"c1c1c1c1-0000-4000-8000-000000000001"}}, "level": "Information", "properties": {} }"#;

#[test]
fn every_form_of_an_activity_event_has_the_same_uid() {
    assert_uid(
        ACTIVITY,
        &[
            ("archive", ARCHIVE),
            ("event hub", &format!("{{\"records\":[{ARCHIVE}]}}")),
            (
                "rest",
                r#"{"value":[{"caller":"c1c1c1c1-0000-4000-8000-000000000001","correlationId":"99999999-8888-4777-8666-555555555555","eventTimestamp":"2026-05-04T10:15:30.1234567Z","submissionTimestamp":"2026-05-04T10:17:00Z","operationName":{"value":"Microsoft.Storage/storageAccounts/listKeys/action","localizedValue":"List Storage Account Keys"},"operationId":"12121212-0000-4000-8000-000000000001","status":{"value":"Succeeded","localizedValue":"Succeeded"},"subStatus":{"value":"OK"},"category":{"value":"Administrative"},"resourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-lake/providers/Microsoft.Storage/storageAccounts/lakeprod","eventDataId":"34343434-0000-4000-8000-000000000001","claims":{}}]}"#,
            ),
            (
                "sdk",
                r#"{"caller":"c1c1c1c1-0000-4000-8000-000000000001","correlation_id":"99999999-8888-4777-8666-555555555555","event_timestamp":"2026-05-04T10:15:30.123456Z","operation_name":{"value":"Microsoft.Storage/storageAccounts/listKeys/action","localized_value":"List Storage Account Keys"},"operation_id":"12121212-0000-4000-8000-000000000001","status":{"value":"Succeeded","localized_value":"Succeeded"},"category":{"value":"Administrative"},"resource_id":"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-lake/providers/Microsoft.Storage/storageAccounts/lakeprod","event_data_id":"34343434-0000-4000-8000-000000000001","claims":{}}"#,
            ),
            (
                "table as JSON",
                r#"{"TimeGenerated":"2026-05-04T10:15:30.123Z","OperationNameValue":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","ActivityStatusValue":"Success","ActivitySubstatusValue":"OK","CategoryValue":"Administrative","Caller":"c1c1c1c1-0000-4000-8000-000000000001","CallerIpAddress":"203.0.113.9","CorrelationId":"99999999-8888-4777-8666-555555555555","Claims":"{\r\n  \"idtyp\": \"app\"\r\n}","Properties":"{}","_ResourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lakeprod","EventDataId":"34343434-0000-4000-8000-000000000001","Type":"AzureActivity"}"#,
            ),
            (
                "table as CSV",
                "\u{feff}$table,\"TimeGenerated [UTC]\",OperationNameValue,ActivityStatusValue,ActivitySubstatusValue,CategoryValue,Caller,CallerIpAddress,CorrelationId,Claims,\"_ResourceId\",OperationName,Type\r\nAzureActivity,\"5/4/2026, 10:15:30.123 AM\",MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION,Success,OK,Administrative,c1c1c1c1-0000-4000-8000-000000000001,203.0.113.9,99999999-8888-4777-8666-555555555555,\"{\r\n  \"\"idtyp\"\": \"\"app\"\"\r\n}\",/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lakeprod,,AzureActivity\r\n",
            ),
        ],
    );
}

#[test]
fn every_form_of_a_sign_in_has_the_same_uid() {
    assert_uid(
        SIGNIN,
        &[
            (
                "archive",
                r#"{ "time": "2026-05-04T10:17:30.0000000Z", "resourceId": "/tenants/0a0a0a0a-1111-4222-8333-444444444444/providers/Microsoft.aadiam", "operationName": "Sign-in activity", "operationVersion": "1.0", "category": "ManagedIdentitySignInLogs", "tenantId": "0a0a0a0a-1111-4222-8333-444444444444", "resultType": "0", "resultSignature": "SUCCESS", "durationMs": 0, "correlationId": "99999999-8888-4777-8666-555555555555", "Level": 4, "properties": {"id":"AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE","createdDateTime":"2026-05-04T10:15:30.123+00:00","appId":"c1c1c1c1-0000-4000-8000-000000000001","ipAddress":"","status":{"errorCode":0},"resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","servicePrincipalName":"x","servicePrincipalId":"d1d1d1d1-0000-4000-8000-000000000001"}}"#,
            ),
            (
                "graph",
                r#"{"@odata.context":"https://graph.microsoft.com/beta/$metadata#auditLogs/signIns","value":[{"id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","createdDateTime":"2026-05-04T10:15:30Z","correlationId":"99999999-8888-4777-8666-555555555555","appId":"c1c1c1c1-0000-4000-8000-000000000001","ipAddress":null,"status":{"errorCode":0,"failureReason":"Other."},"signInEventTypes":["managedIdentity"],"resourceDisplayName":"Azure Storage","resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","servicePrincipalName":"x","servicePrincipalId":"d1d1d1d1-0000-4000-8000-000000000001"}]}"#,
            ),
            (
                "table",
                r#"{"TimeGenerated":"2026-05-04T10:15:30.123Z","Id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","Category":"ManagedIdentitySignInLogs","OperationName":"Sign-in activity","AppId":"c1c1c1c1-0000-4000-8000-000000000001","IPAddress":"","ResultType":"0","ResourceDisplayName":"Azure Storage","ResourceIdentity":"e406a681-f3d4-42a8-90b6-c2b029497af1","ServicePrincipalName":"x","ServicePrincipalId":"d1d1d1d1-0000-4000-8000-000000000001","LocationDetails":"{}","TenantId":"77777777-0000-4000-8000-000000000001","Type":"AADManagedIdentitySignInLogs"}"#,
            ),
            (
                "portal CSV",
                "\u{feff}Date (UTC),Request ID,Correlation ID,Service principal ID,Service principal name,Credential key ID,Credential thumbprint,Application,Application ID ,App owner tenant ID,Resource,Resource ID ,Resource tenant ID,Resource owner tenant ID,Home tenant ID,Home tenant name,IP address,Location,Status,Sign-in error code,Failure reason,Conditional Access\r\n2026-05-04T10:15:30Z,aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee,99999999-8888-4777-8666-555555555555,d1d1d1d1-0000-4000-8000-000000000001,x,,,x,c1c1c1c1-0000-4000-8000-000000000001,,Azure Storage,e406a681-f3d4-42a8-90b6-c2b029497af1,,,,,,,Success,0,,Not applied\r\n",
            ),
        ],
    );
}

#[test]
fn both_forms_of_a_storage_record_have_the_same_uid() {
    assert_uid(
        STORAGE,
        &[
            (
                "archive",
                r#"{ "time": "2026-05-04T10:15:30.1234567Z", "resourceId": "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-lake/providers/Microsoft.Storage/storageAccounts/lakeprod/blobServices/default", "category": "StorageRead", "operationName": "GetBlob", "operationVersion": "2022-11-02", "schemaVersion": "1.0", "statusCode": 200, "statusText": "Success", "durationMs": 8, "callerIpAddress": "10.1.2.3:4711", "correlationId": "99999999-8888-4777-8666-555555555555", "identity": {"type":"OAuth","requester":{"objectId":"d1d1d1d1-0000-4000-8000-000000000001"}}, "location": "westeurope", "properties": {"accountName":"lakeprod","operationCount":0,"objectKey":"/lakeprod/bronze/a.parquet"}, "uri": "https://lakeprod.blob.core.windows.net:443/bronze/a.parquet", "protocol": "HTTPS", "resourceType": "Microsoft.Storage/storageAccounts/blobServices" }"#,
            ),
            (
                "table",
                r#"{"TimeGenerated":"2026-05-04T10:15:30.123Z","AccountName":"lakeprod","Category":"StorageRead","OperationName":"GetBlob","OperationCount":0,"StatusCode":"200","StatusText":"Success","CallerIpAddress":"10.1.2.3:4711","CorrelationId":"99999999-8888-4777-8666-555555555555","AuthenticationType":"OAuth","RequesterObjectId":"d1d1d1d1-0000-4000-8000-000000000001","ObjectKey":"/lakeprod/bronze/a.parquet","Uri":"https://lakeprod.blob.core.windows.net:443/bronze/a.parquet","_ResourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lakeprod","Type":"StorageBlobLogs"}"#,
            ),
        ],
    );
}

#[test]
fn every_form_of_a_key_vault_record_has_the_same_uid() {
    assert_uid(
        KEY_VAULT,
        &[
            (
                "archive",
                r#"{ "time": "2026-05-04T10:15:30.1234567Z", "category": "AuditEvent", "operationName": "SecretGet", "resultType": "Success", "correlationId": "99999999-8888-4777-8666-555555555555", "callerIpAddress": "203.0.113.10", "identity": {"claim":{"oid":"d1d1d1d1-0000-4000-8000-000000000001","idtyp":"app"}}, "properties": {"id":"https://kv-app.vault.azure.net/secrets/db","httpStatusCode":200,"requestUri":"https://kv-app.vault.azure.net/secrets/db?api-version=7.4"}, "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-APP", "operationVersion": "7.4", "resultSignature": "OK", "durationMs": "41"}"#,
            ),
            (
                "AzureDiagnostics",
                r#"{"TimeGenerated":"2026-05-04T10:15:30.123Z","ResourceProvider":"MICROSOFT.KEYVAULT","Category":"AuditEvent","OperationName":"SecretGet","ResultType":"Success","CorrelationId":"99999999-8888-4777-8666-555555555555","CallerIPAddress":"203.0.113.10","identity_claim_oid_g":"d1d1d1d1-0000-4000-8000-000000000001","httpStatusCode_d":200,"requestUri_s":"https://kv-app.vault.azure.net/secrets/db?api-version=7.4","id_s":"https://kv-app.vault.azure.net/secrets/db","ResourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-APP","Type":"AzureDiagnostics"}"#,
            ),
            (
                "AZKVAuditLogs",
                r#"{"TimeGenerated":"2026-05-04T10:15:30.123Z","OperationName":"SecretGet","ResultType":"Success","CorrelationId":"99999999-8888-4777-8666-555555555555","CallerIpAddress":"203.0.113.10","Identity":"{\"claim\":{\"oid\":\"d1d1d1d1-0000-4000-8000-000000000001\"}}","HttpStatusCode":200,"RequestUri":"https://kv-app.vault.azure.net/secrets/db?api-version=7.4","Id":"https://kv-app.vault.azure.net/secrets/db","_ResourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-app","Type":"AZKVAuditLogs"}"#,
            ),
        ],
    );
}

#[test]
fn every_form_of_a_sql_audit_record_has_the_same_uid() {
    assert_uid(
        SQL,
        &[
            (
                "event hub",
                r#"{"records":[{"time":"2026-05-04T10:15:31Z","resourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.SQL/SERVERS/SQL1/DATABASES/DW","category":"SQLSecurityAuditEvents","operationName":"AuditEvent","properties":{"event_time":"2026-05-04T10:15:30.123Z","event_id":"0F0F0F0F-1111-4222-8333-444444444444","action_id":"DBAS","action_name":"DATABASE AUTHENTICATION SUCCEEDED","succeeded":"true","server_principal_name":"c1c1c1c1-0000-4000-8000-000000000001@0a0a0a0a-1111-4222-8333-444444444444","database_name":"DW","client_ip":"10.1.2.3"}}]}"#,
            ),
            (
                "AzureDiagnostics",
                r#"{"TimeGenerated":"2026-05-04T10:15:31Z","Category":"SQLSecurityAuditEvents","ResourceProvider":"MICROSOFT.SQL","OperationName":"AuditEvent","event_time_t":"2026-05-04T10:15:30.123Z","event_id_g":"0f0f0f0f-1111-4222-8333-444444444444","action_id_s":"DBAS","action_name_s":"DATABASE AUTHENTICATION SUCCEEDED","succeeded_s":"true","server_principal_name_s":"c1c1c1c1-0000-4000-8000-000000000001@0a0a0a0a-1111-4222-8333-444444444444","database_name_s":"DW","client_ip_s":"10.1.2.3","Type":"AzureDiagnostics"}"#,
            ),
        ],
    );
}

#[test]
fn both_forms_of_a_databricks_record_have_the_same_uid() {
    assert_uid(
        DATABRICKS,
        &[
            (
                "archive",
                r#"{ "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG-DBX/PROVIDERS/MICROSOFT.DATABRICKS/WORKSPACES/WS-A", "operationVersion": "1.0.0", "identity": "{\"email\":\"ana@example.com\",\"subjectName\":null}", "operationName": "Microsoft.Databricks/secrets/getSecret", "time": "2026-05-04T10:15:30Z", "category": "secrets", "properties": {"sourceIPAddress":"10.1.2.3:0","logId":"6e6e6e6e-0000-4000-8000-000000000001","serviceName":"secrets","response":"{\"statusCode\":200}","actionName":"getSecret","requestId":"7e7e7e7e-1111-4222-8333-444444444444","requestParams":"{\"scope\":\"s\",\"key\":\"k\"}"}}"#,
            ),
            (
                "table",
                r#"{"TimeGenerated":"2026-05-04T10:15:30Z","ActionName":"getSecret","ServiceName":"secrets","Category":"secrets","Identity":"{\"email\":\"ana@example.com\"}","OperationName":"Microsoft.Databricks/secrets/getSecret","RequestId":"7e7e7e7e-1111-4222-8333-444444444444","LogId":"6e6e6e6e-0000-4000-8000-000000000001","RequestParams":"{\"scope\":\"s\",\"key\":\"k\"}","Response":"{\"statusCode\":200}","SourceIPAddress":"10.1.2.3:0","_ResourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg-dbx/providers/microsoft.databricks/workspaces/ws-a","Type":"DatabricksSecrets"}"#,
            ),
        ],
    );
}
