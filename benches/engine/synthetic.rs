//! A tenant made of lines: the four sources that archives mostly consist of, in the archive form,
//! with the sizes that real records have. Deterministic: the same number gives the same bytes.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

const TENANT: &str = "0a0a0a0a-1111-4222-8333-444444444444";
const SUBSCRIPTION: &str = "5b5b5b5b-1111-4222-8333-555555555555";

/// Numbers that look random and are the same in every run (xorshift64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of several.
    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let at = usize::try_from(self.below(items.len() as u64)).unwrap();
        items[at]
    }

    fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Object id of principal `number` of a family.
fn principal(family: char, number: u64) -> String {
    format!("{family}0000000-0000-4000-8000-{number:012}")
}

/// 200 users and applications, 20 workspaces' identities, 20 connectors: mostly the former.
fn actor(numbers: &mut Numbers) -> (String, Option<String>) {
    match numbers.below(100) {
        0..=5 => {
            let workspace = numbers.below(20);
            let mirid = format!(
                "/subscriptions/{SUBSCRIPTION}/resourcegroups/databricks-rg-{workspace}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dbmanagedidentity"
            );
            (principal('d', workspace), Some(mirid))
        }
        6..=20 => {
            let connector = numbers.below(20);
            let mirid = format!(
                "/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-data/providers/Microsoft.Databricks/accessConnectors/ac-{connector}"
            );
            (principal('a', connector), Some(mirid))
        }
        _ => (principal('b', numbers.below(200)), None),
    }
}

fn time(index: u64) -> String {
    // One event a second from 2026-01-01 on, over 28-day months: always a valid date.
    let (day, second) = (index / 86_400, index % 86_400);
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:07}Z",
        day / 28 % 12 + 1,
        day % 28 + 1,
        second / 3600,
        second / 60 % 60,
        second % 60,
        index % 10_000_000
    )
}

/// An Activity Log record, as its archive has it: about 2.4 KB.
pub(crate) fn activity(index: u64, numbers: &mut Numbers, out: &mut String) {
    const OPERATIONS: [(&str, &str); 6] = [
        ("MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE", "MICROSOFT.COMPUTE/VIRTUALMACHINES/VM"),
        ("MICROSOFT.NETWORK/NETWORKINTERFACES/WRITE", "MICROSOFT.NETWORK/NETWORKINTERFACES/NIC"),
        ("MICROSOFT.COMPUTE/DISKS/DELETE", "MICROSOFT.COMPUTE/DISKS/DISK"),
        ("MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE"),
        ("MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE", "MICROSOFT.RESOURCES/DEPLOYMENTS/D"),
        ("MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WRITE", "MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG"),
    ];
    let (operation, resource) = numbers.pick(&OPERATIONS);
    let (oid, mirid) = actor(numbers);
    let group = numbers.below(40);
    let name = numbers.below(500);
    let status = numbers.pick(&["Start", "Success", "Success", "Failure"]);
    let mirid = mirid.map_or(String::new(), |mirid| format!("\"xms_mirid\":\"{mirid}\","));
    let correlation = numbers.guid();
    let uti = numbers.next();
    writeln!(
        out,
        r#"{{ "time": "{time}", "resourceId": "/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/RG-{group}/PROVIDERS/{resource}-{name}", "operationName": "{operation}", "category": "Administrative", "resultType": "{status}", "resultSignature": "{status}.", "durationMs": "{duration}", "callerIpAddress": "203.0.113.{ip}", "correlationId": "{correlation}", "identity": {{"authorization":{{"scope":"/subscriptions/{subscription}/resourceGroups/rg-{group}/providers/{resource}-{name}","action":"{operation}","evidence":{{"role":"Contributor","roleAssignmentScope":"/subscriptions/{subscription}","roleAssignmentId":"0123456789abcdef0123456789abcdef","roleDefinitionId":"b24988ac618042a0ab8820f7382dd24c","principalId":"{dashless}","principalType":"ServicePrincipal"}}}},"claims":{{"aud":"https://management.core.windows.net/","iss":"https://sts.windows.net/{tenant}/","iat":"1767225600","nbf":"1767225600","exp":"1767312000","aio":"E2NgYFhzLuHCn9cPFdbnG8bZpK8AAA==","appid":"{oid}","appidacr":"2","http://schemas.microsoft.com/identity/claims/identityprovider":"https://sts.windows.net/{tenant}/","idtyp":"app","http://schemas.microsoft.com/identity/claims/objectidentifier":"{oid}","rh":"1.AAAA","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier":"{oid}","http://schemas.microsoft.com/identity/claims/tenantid":"{tenant}","uti":"{uti:x}","ver":"1.0",{mirid}"xms_tcdt":"1500000000"}}}}, "level": "Information", "properties": {{"statusCode":"OK","serviceRequestId":"{request}","eventCategory":"Administrative","entity":"/subscriptions/{subscription}/resourceGroups/rg-{group}/providers/{resource}-{name}","message":"{operation}","hierarchy":"{tenant}/mg-root/{subscription}"}}, "tenantId": "{tenant}"}}"#,
        time = time(index),
        subscription = SUBSCRIPTION,
        duration = numbers.below(5000),
        ip = numbers.below(250),
        dashless = oid.replace('-', ""),
        tenant = TENANT,
        request = numbers.guid(),
    )
    .unwrap();
}

/// A managed identity sign-in: about 1.6 KB.
pub(crate) fn signin(index: u64, numbers: &mut Numbers, out: &mut String) {
    const AUDIENCES: [(&str, &str); 4] = [
        ("Azure Storage", "e406a681-f3d4-42a8-90b6-c2b029497af1"),
        ("Azure Monitor Control Service", "e933bd07-d2ee-4f1d-933c-3752b819567b"),
        ("Azure Resource Manager", "797f4846-ba00-4fd7-ba43-dac1f8f63013"),
        ("Azure Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"),
    ];
    let (name, audience) = numbers.pick(&AUDIENCES);
    let (oid, _) = actor(numbers);
    let correlation = numbers.guid();
    let created = time(index);
    writeln!(
        out,
        r#"{{ "time": "{created}", "resourceId": "/tenants/{TENANT}/providers/Microsoft.aadiam", "operationName": "Sign-in activity", "operationVersion": "1.0", "category": "ManagedIdentitySignInLogs", "tenantId": "{TENANT}", "resultType": "0", "resultSignature": "SUCCESS", "durationMs": 0, "correlationId": "{correlation}", "Level": 4, "properties": {{"id":"{id}","createdDateTime":"{created}","userId":null,"appId":"{oid}","ipAddress":"","status":{{"errorCode":0}},"location":{{"city":"","state":"","countryOrRegion":"","geoCoordinates":{{"latitude":0.0,"longitude":0.0}}}},"correlationId":"{correlation}","conditionalAccessStatus":"notApplied","appliedConditionalAccessPolicies":[],"isInteractive":false,"tokenIssuerType":"AzureAD","authenticationProcessingDetails":[],"clientCredentialType":"none","processingTimeInMilliseconds":0,"riskDetail":"none","riskLevelAggregated":"low","riskLevelDuringSignIn":"low","riskState":"none","resourceDisplayName":"{name}","resourceId":"{audience}","servicePrincipalName":"sp-{short}","servicePrincipalId":"{oid}","federatedCredentialId":"","flaggedForReview":false,"isTenantRestricted":false,"crossTenantAccessType":"none","uniqueTokenIdentifier":"{uti:x}","incomingTokenType":"none","authenticationProtocol":"none","appServicePrincipalId":null,"resourceServicePrincipalId":"{resource}","signInTokenProtectionStatus":"none","originalTransferMethod":"none","isThroughGlobalSecureAccess":false,"conditionalAccessAudiences":[]}}}}"#,
        id = numbers.guid(),
        short = &oid[30..],
        uti = numbers.next(),
        resource = numbers.guid(),
    )
    .unwrap();
}

/// A storage read: about 1.5 KB; two of three by OAuth, one by a user-delegation SAS.
pub(crate) fn storage(index: u64, numbers: &mut Numbers, out: &mut String) {
    let (oid, _) = actor(numbers);
    let account = numbers.below(30);
    let (container, file) = (numbers.below(8), numbers.below(100_000));
    let path = format!("/lake{account}/bronze{container}/table/part-{file:08}.parquet");
    let delegated = numbers.below(3) == 0;
    let query = if delegated { format!("skoid={oid}&sktid={TENANT}&sks=b&sig=XXXXX") } else { "timeout=90".to_owned() };
    let identity = if delegated {
        r#"{"type":"DelegationSas","tokenHash":"system-1(0),SasSignature(0)"}"#.to_owned()
    } else {
        format!(
            r#"{{"authorization":[{{"action":"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read","principals":[{{"id":"{oid}","type":"ServicePrincipal"}}],"roleAssignmentId":"{role}","roleDefinitionId":"ba92f5b4-2d11-453d-a403-e96b0029c9fe","denyAssignmentId":"","type":"RBAC","result":"Granted","reason":""}}],"requester":{{"appId":"{oid}","audience":"https://storage.azure.com/","objectId":"{oid}","tenantId":"{TENANT}","tokenIssuer":"https://sts.windows.net/{TENANT}/"}},"type":"OAuth","tokenHash":"{hash:016x}"}}"#,
            role = numbers.guid(),
            hash = numbers.next(),
        )
    };
    writeln!(
        out,
        r#"{{ "time": "{time}", "resourceId": "/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/lake{account}/blobServices/default", "category": "StorageRead", "operationName": "GetBlob", "operationVersion": "2022-11-02", "schemaVersion": "1.0", "statusCode": 206, "statusText": "Success", "durationMs": 8, "callerIpAddress": "10.139.{a}.{b}:38072", "correlationId": "{correlation}", "identity": {identity}, "location": "westeurope", "properties": {{"accountName":"lake{account}","userAgentHeader":"Azure Blob FS/4.2 (Java; Linux) Databricks","serviceType":"blob","objectKey":"{path}","lastModifiedTime":"2026/01/01 00:00:00.0000000","metricResponseType":"Success","serverLatencyMs":8,"operationCount":0,"requestHeaderSize":393,"requestBodySize":0,"responseHeaderSize":146,"responseBodySize":{size},"tlsVersion":"TLS 1.3"}}, "uri": "https://lake{account}.dfs.core.windows.net:443{path}?{query}", "protocol": "HTTPS", "resourceType": "Microsoft.Storage/storageAccounts/blobServices" }}"#,
        time = time(index),
        a = numbers.below(250),
        b = numbers.below(250),
        correlation = numbers.guid(),
        size = numbers.below(4 << 20),
    )
    .unwrap();
}

/// A Key Vault record: about 1.1 KB.
pub(crate) fn key_vault(index: u64, numbers: &mut Numbers, out: &mut String) {
    let (oid, _) = actor(numbers);
    let vault = numbers.below(10);
    let secret = numbers.below(40);
    let operation = numbers.pick(&["SecretGet", "KeyUnwrap", "SecretList"]);
    writeln!(
        out,
        r#"{{ "time": "{time}", "category": "AuditEvent", "operationName": "{operation}", "resultType": "Success", "correlationId": "{correlation}", "callerIpAddress": "203.0.113.{ip}", "identity": {{"claim":{{"oid":"{oid}","appid":"{oid}","appidacr":"2","iss":"https://sts.windows.net/{TENANT}/","idtyp":"app","uti":"x","iat":"1767225600","exp":"1767312000","aud":"https://vault.azure.net","nbf":"1767225600"}}}}, "properties": {{"id":"https://kv-{vault}.vault.azure.net/secrets/s{secret}","clientInfo":"azsdk-python","httpStatusCode":200,"requestUri":"https://kv-{vault}.vault.azure.net/secrets/s{secret}/?api-version=7.4","isRbacAuthorized":true,"tlsVersion":"TLS1_3"}}, "resourceId": "/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/RG-DATA/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-{vault}", "operationVersion": "7.4", "resultSignature": "OK", "durationMs": "41"}}"#,
        time = time(index),
        correlation = numbers.guid(),
        ip = numbers.below(250),
        subscription = SUBSCRIPTION.to_uppercase(),
    )
    .unwrap();
}

/// Writes one record, the `index`th, as a line.
pub(crate) type Writer = fn(u64, &mut Numbers, &mut String);

/// Writes a folder of `events` events, an hour's file a source, and returns its size in bytes.
pub(crate) fn write_tenant(folder: &Path, events: u64) -> u64 {
    let mut numbers = Numbers::new(0x5eed);
    let mut bytes = 0;
    let mut line = String::new();
    let sources: [(&str, Writer, u64); 4] =
        [("storage", storage, 60), ("activity", activity, 25), ("signin", signin, 10), ("keyvault", key_vault, 5)];
    for (name, write, percent) in sources {
        let share = events * percent / 100;
        for part in 0..4 {
            let file = fs::File::create(folder.join(format!("{name}-{part}.json"))).unwrap();
            let mut file = BufWriter::new(file);
            for index in (part * share / 4)..((part + 1) * share / 4) {
                line.clear();
                write(index * 100 / percent, &mut numbers, &mut line);
                file.write_all(line.as_bytes()).unwrap();
                bytes += line.len() as u64;
            }
            file.flush().unwrap();
        }
    }
    bytes
}
