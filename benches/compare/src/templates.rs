//! Honest records of bystanders, to be told again about others, at other times, with other ids.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::files::{Kind, LogFile};
use crate::random::Random;
use crate::text::{DAY, SECOND, put_time, time_at};

/// Bystanders that each bystander of the tenant is told again as. More than the service principals
/// of most tenants.
const PERSONAS: u64 = 500;

/// Storage accounts and vaults that the one of the tenant's applications is told again as.
const ACCOUNTS: usize = 4;
const VAULTS: usize = 2;

/// The account and the vault of applications, by the names that `airside generate` gives them.
const APP_ACCOUNT: &str = "stappcontoso";
const APP_VAULT: &str = "kv-app-contoso";

/// Most records of a series that are kept to be told again.
const TEMPLATES: usize = 400;

/// The tenant's own account of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Truth {
    /// Entra tenant.
    pub tenant_id: String,
    /// What must be found.
    pub incidents: Vec<Incident>,
    /// Everybody.
    pub principals: Vec<Principal>,
}

/// An incident.
#[derive(Debug, Clone, Deserialize)]
pub struct Incident {
    /// Everybody who takes part.
    pub involved: Vec<String>,
}

/// Somebody.
#[derive(Debug, Clone, Deserialize)]
pub struct Principal {
    /// Object id.
    pub principal_id: String,
    /// Client id.
    pub app_id: String,
    /// Name.
    pub name: String,
    /// `dbmi`, `adac` or `other`.
    pub stream: String,
    /// Kind within the stream.
    pub kind: String,
}

impl Principal {
    /// People sign in through applications that others use, too.
    fn has_own_application(&self) -> bool {
        self.kind != "user"
    }
}

/// Texts by which a record names one of these principals.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<memchr::memmem::Finder<'static>>);

impl Names {
    /// Of all principals that the condition holds for.
    pub fn of(truth: &Truth, is_meant: impl Fn(&Principal) -> bool) -> Self {
        let mut names = Vec::new();
        for principal in truth.principals.iter().filter(|principal| is_meant(principal)) {
            names.push(principal.principal_id.clone());
            names.push(principal.principal_id.replace('-', ""));
            if principal.has_own_application() {
                names.push(principal.app_id.clone());
            }
        }
        Self(names.iter().map(|name| memchr::memmem::Finder::new(name).into_owned()).collect())
    }

    /// Whether a record names any of them.
    pub fn any_in(&self, record: &[u8]) -> bool {
        self.0.iter().any(|name| name.find(record).is_some())
    }
}

impl Truth {
    /// Reads `truth.json` of a tenant.
    ///
    /// # Errors
    ///
    /// A folder that `airside generate` did not write.
    pub fn read(tenant: &Path) -> Result<Self> {
        let path = tenant.join("truth.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))
    }
}

/// Records of one resource, hour after hour.
#[derive(Debug)]
pub struct Series {
    /// The log.
    pub kind: Kind,
    /// Path of the folders of its hours, up to `/y=`.
    pub folder: String,
    /// Share of the records told again, relative to that of the other series.
    pub weight: f64,
    templates: Vec<Template>,
}

/// Records that belong together: one, or those of one operation.
#[derive(Debug)]
struct Template {
    /// Ids of the event, to be made anew.
    fresh: usize,
    records: Vec<Vec<Piece>>,
}

/// A piece of a record's text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// An id of the event, by its number within the template.
    Fresh(usize),
    /// A token's identifier.
    Token,
    /// An object or client id of a principal.
    Id {
        of: String,
        dashes: bool,
    },
    /// A principal's name.
    Name(String),
    /// A time, so long after the first time of the template.
    Time {
        after: i64,
        digits: usize,
        colon: &'static str,
    },
    /// Seconds since 1970, so long after the first time of the template.
    Epoch {
        after: i64,
    },
}

/// Members whose value identifies the event.
const EVENT_IDS: [&str; 7] =
    ["correlationId", "clientRequestId", "id", "logId", "requestId", "event_id", "roleAssignmentId"];

/// Members whose value identifies a token.
const TOKENS: [&str; 2] = ["uti", "uniqueTokenIdentifier"];

/// Members whose value is a time in seconds.
const EPOCHS: [&str; 3] = ["iat", "nbf", "exp"];

/// A record of the Entra audit log, which `airside generate` does not write. Its place in time is
/// anywhere: all times follow the template's.
const AUDIT: &str = r#"{ "time": "2026-05-04T07:00:00.5000000Z", "resourceId": "/tenants/TENANT/providers/Microsoft.aadiam", "operationName": "Update user", "operationVersion": "1.0", "category": "AuditLogs", "tenantId": "TENANT", "resultSignature": "None", "durationMs": 0, "callerIpAddress": "198.51.100.21", "correlationId": "00000000-0000-4000-8000-000000000001", "identity": "Contoso Helpdesk", "Level": 4, "properties": {"tenantId":"TENANT","id":"00000000-0000-4000-8000-000000000002","category":"UserManagement","correlationId":"00000000-0000-4000-8000-000000000001","result":"success","resultReason":"","activityDisplayName":"Update user","activityDateTime":"2026-05-04T07:00:00.5+00:00","loggedByService":"Core Directory","operationType":"Update","userAgent":null,"initiatedBy":{"user":{"id":"USER","displayName":null,"userPrincipalName":"NAME","ipAddress":"198.51.100.21","roles":[]}},"targetResources":[{"id":"USER","displayName":"NAME","type":"User","modifiedProperties":[{"displayName":"Department","oldValue":"[]","newValue":"[\"Finance\"]"}],"administrativeUnits":[]}]}}"#;

/// Finds what can be told again: records of bystanders who take part in no incident, about resources
/// that are nobody's governed data.
///
/// # Errors
///
/// A file that cannot be read, or a tenant without bystanders.
pub fn series_of(truth: &Truth, logs: &[LogFile]) -> Result<Vec<Series>> {
    let takes_part =
        |who: &Principal| truth.incidents.iter().any(|incident| incident.involved.contains(&who.principal_id));
    let honest = |who: &Principal| who.stream == "other" && !takes_part(who) && who.name != "dbmanagedidentity";
    let bystanders: Vec<&Principal> = truth.principals.iter().filter(|who| honest(who)).collect();
    let named = Names::of(truth, honest);
    let others = Names::of(truth, |who| !honest(who));

    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in logs {
        let (Some(folder), kind) = (file.name.split("/y=").next(), Kind::of_container(file.container())) else {
            continue;
        };
        let known = found.entry(folder.to_owned()).or_default();
        if !is_of_applications(kind, folder) || known.len() >= TEMPLATES {
            continue;
        }
        let text = fs::read_to_string(&file.path).with_context(|| format!("cannot read {}", file.path.display()))?;
        let by_bystander = |line: &&str| kind == Kind::Databricks || named.any_in(line.as_bytes());
        let lines = text.lines().filter(by_bystander).filter(|line| !others.any_in(line.as_bytes()));
        known.extend(lines.filter(|line| is_harmless(kind, line)).map(str::to_owned));
    }
    found.retain(|_, lines| !lines.is_empty());
    add_made_up(truth, &bystanders, &mut found);

    let cast = Cast::new(&bystanders);
    let series: Vec<Series> = found.iter().flat_map(|(folder, lines)| cast.series(folder, lines)).collect();
    anyhow::ensure!(!series.is_empty(), "there are no bystanders in the tenant");
    Ok(series)
}

/// Storage deletions and directory changes of bystanders are not in the tenant.
fn add_made_up(truth: &Truth, bystanders: &[&Principal], found: &mut BTreeMap<String, Vec<String>>) {
    let writes: Vec<(String, Vec<String>)> = found
        .iter()
        .filter(|(folder, _)| folder.starts_with("insights-logs-storagewrite/"))
        .map(|(folder, lines)| (folder.clone(), lines.clone()))
        .collect();
    for (folder, lines) in writes {
        let deletions = lines.iter().map(|line| line.replace("StorageWrite", "StorageDelete")).collect();
        found.insert(folder.replace("storagewrite", "storagedelete"), deletions);
    }
    if let Some(user) = bystanders.iter().find(|who| who.kind == "user") {
        let line =
            AUDIT.replace("TENANT", &truth.tenant_id).replace("USER", &user.principal_id).replace("NAME", &user.name);
        found.insert(format!("insights-logs-auditlogs/tenantId={}", truth.tenant_id), vec![line]);
    }
}

fn is_of_applications(kind: Kind, folder: &str) -> bool {
    match kind {
        Kind::Activity | Kind::Signin => true,
        Kind::Storage => folder.contains(APP_ACCOUNT),
        Kind::KeyVault => folder.to_lowercase().contains(APP_VAULT),
        // What people do in notebooks means nothing to any rule.
        Kind::Databricks => folder.starts_with("insights-logs-notebook"),
        Kind::Audit | Kind::Sql => false,
    }
}

fn is_harmless(kind: Kind, line: &str) -> bool {
    let operations = ["MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE", "MICROSOFT.WEB/SITES/RESTART/ACTION"];
    kind != Kind::Activity || operations.iter().any(|operation| line.contains(operation))
}

/// Share of the bytes that go to each container, relative to the others.
fn weight(folder: &str) -> f64 {
    match folder.split('/').next().unwrap_or_default() {
        "insights-activity-logs" => 22.0,
        "insights-logs-storageread" => 36.0,
        "insights-logs-storagewrite" => 11.0,
        "insights-logs-storagedelete" => 3.0,
        "insights-logs-managedidentitysigninlogs" | "insights-logs-auditevent" => 8.0,
        "insights-logs-signinlogs" | "insights-logs-serviceprincipalsigninlogs" => 4.0,
        "insights-logs-auditlogs" => 1.0,
        _ => 0.7,
    }
}

/// The bystanders, by what records call them.
struct Cast {
    ids: Vec<(String, String)>,
    /// The longest first: some names begin with others.
    names: Vec<String>,
}

impl Cast {
    fn new(bystanders: &[&Principal]) -> Self {
        let mut ids = Vec::new();
        for who in bystanders {
            ids.push((who.principal_id.clone(), who.principal_id.replace('-', "")));
            if who.has_own_application() {
                ids.push((who.app_id.clone(), who.app_id.replace('-', "")));
            }
        }
        let mut names: Vec<String> = bystanders.iter().map(|who| who.name.clone()).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { ids, names }
    }

    /// The series of a folder, once for each resource that it is told again as.
    fn series(&self, folder: &str, lines: &[String]) -> Vec<Series> {
        let kind = Kind::of_container(folder.split('/').next().unwrap_or_default());
        let (name, copies) = match kind {
            Kind::Storage => (APP_ACCOUNT, ACCOUNTS),
            Kind::KeyVault => (APP_VAULT, VAULTS),
            _ => ("", 1),
        };
        (0..copies)
            .map(|copy| {
                let renamed = |text: &str| match copy {
                    0 => text.to_owned(),
                    _ => text
                        .replace(name, &format!("{name}{copy:02}"))
                        .replace(&name.to_uppercase(), &format!("{}{copy:02}", name.to_uppercase())),
                };
                let lines: Vec<String> = lines.iter().map(|line| renamed(line)).collect();
                #[expect(clippy::cast_precision_loss, reason = "there are a handful")]
                let weight = weight(folder) / copies as f64;
                Series { kind, folder: renamed(folder), weight, templates: self.templates(kind, &lines) }
            })
            .collect()
    }

    fn templates(&self, kind: Kind, lines: &[String]) -> Vec<Template> {
        let mut groups: Vec<Vec<&str>> = Vec::new();
        let mut by_operation: BTreeMap<&str, usize> = BTreeMap::new();
        for line in lines {
            let group = if kind == Kind::Activity { value_of(line, "correlationId") } else { None };
            if let Some(index) = group.and_then(|group| by_operation.get(group)) {
                groups[*index].push(line);
                continue;
            }
            if let Some(group) = group {
                by_operation.insert(group, groups.len());
            }
            groups.push(vec![line]);
        }
        groups.iter().filter_map(|group| self.template(group)).collect()
    }

    fn template(&self, lines: &[&str]) -> Option<Template> {
        let (at, ..) = time_at(value_of(lines.first()?, "time")?)?;
        let mut fresh: Vec<String> = Vec::new();
        for line in lines {
            for id in EVENT_IDS.iter().flat_map(|key| values_of(line, key)) {
                let is_principal = self.ids.iter().any(|(dashed, _)| dashed == id);
                if id.len() == 36 && !is_principal && !fresh.iter().any(|known| known == id) {
                    fresh.push(id.to_owned());
                }
            }
        }
        Some(Template { fresh: fresh.len(), records: lines.iter().map(|line| self.pieces(line, at, &fresh)).collect() })
    }

    fn pieces(&self, line: &str, at: i64, fresh: &[String]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            if let Some((piece, length)) = self.piece(&literal, rest, at, fresh) {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(piece);
                rest = &rest[length..];
            } else {
                literal.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        pieces.push(Piece::Literal(literal));
        pieces
    }

    /// What begins here that changes; `before` is the text in front of it.
    fn piece(&self, before: &str, rest: &str, at: i64, fresh: &[String]) -> Option<(Piece, usize)> {
        if let Some(index) = fresh.iter().position(|id| rest.starts_with(id.as_str())) {
            return Some((Piece::Fresh(index), fresh[index].len()));
        }
        for (dashed, plain) in &self.ids {
            for (text, dashes) in [(dashed, true), (plain, false)] {
                if rest.starts_with(text.as_str()) {
                    return Some((Piece::Id { of: dashed.clone(), dashes }, text.len()));
                }
            }
        }
        if let Some(name) = self.names.iter().find(|name| rest.starts_with(name.as_str())) {
            return Some((Piece::Name(name.clone()), name.len()));
        }
        if let Some((time, digits, colon, length)) = time_at(rest) {
            let after = time - at;
            return (after.abs() < 3 * DAY).then_some((Piece::Time { after, digits, colon }, length));
        }
        let follows = |keys: &[&str]| keys.iter().any(|key| before.ends_with(&format!("\"{key}\":\"")));
        let length = rest.find('"')?;
        if follows(&TOKENS) {
            return Some((Piece::Token, length));
        }
        if follows(&EPOCHS) {
            let seconds: i64 = rest[..length].parse().ok()?;
            return Some((Piece::Epoch { after: seconds * SECOND - at }, length));
        }
        None
    }
}

/// The text of a string member, wherever in the record it stands first.
fn value_of<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    values_of(line, key).next()
}

fn values_of<'t>(line: &'t str, key: &str) -> impl Iterator<Item = &'t str> {
    let quoted = format!("\"{key}\":");
    let starts: Vec<usize> = line.match_indices(&quoted).map(|(at, _)| at + quoted.len()).collect();
    starts.into_iter().filter_map(move |start| line[start..].trim_start().strip_prefix('"')?.split('"').next())
}

/// A record that was told again, and where its log is.
pub type Told = Map<String, Value>;

impl Series {
    /// Tells something again that begins at `at`: the records of one event or operation.
    ///
    /// # Errors
    ///
    /// Text that is not JSON any more, which would be a mistake here.
    pub fn tell(&self, at: i64, random: &mut Random) -> Result<Vec<Told>> {
        let template = &self.templates[random.index(self.templates.len())];
        let persona = Persona(random.below(PERSONAS));
        let fresh: Vec<String> = (0..template.fresh).map(|_| random.guid()).collect();
        let token = format!("{:022}", random.number());
        let mut detail = Detail::new(self.kind, &self.folder, persona, random);
        let mut told = Vec::with_capacity(template.records.len());
        for pieces in &template.records {
            let mut text = String::with_capacity(2_600);
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => text.push_str(literal),
                    Piece::Fresh(index) => text.push_str(&fresh[*index]),
                    Piece::Token => text.push_str(&token),
                    Piece::Id { of, dashes } => {
                        let id = persona.id(of);
                        text.push_str(&if *dashes { id } else { id.replace('-', "") });
                    }
                    Piece::Name(name) => text.push_str(&persona.name(name)),
                    Piece::Time { after, digits, colon } => put_time(&mut text, at + after, *digits, colon),
                    Piece::Epoch { after } => text.push_str(&((at + after) / SECOND).to_string()),
                }
            }
            let mut record: Told =
                serde_json::from_str(&text).with_context(|| format!("told again wrongly: {text}"))?;
            detail.set(&mut record, random);
            told.push(record);
        }
        Ok(told)
    }
}

/// Somebody else of the same kind as a bystander.
#[derive(Debug, Clone, Copy)]
struct Persona(u64);

impl Persona {
    /// The first of them is the bystander.
    fn id(self, of: &str) -> String {
        if self.0 == 0 {
            return of.to_owned();
        }
        Random::named(self.0, of).guid()
    }

    fn name(self, of: &str) -> String {
        match (self.0, of.split_once('@')) {
            (0, _) => of.to_owned(),
            (number, Some((local, domain))) => format!("{local}.{number:04}@{domain}"),
            (number, None) => format!("{of}-{number:04}"),
        }
    }

    fn address(self, random: &mut Random) -> String {
        match self.0 % 3 {
            0 => format!("198.51.100.{}", 1 + random.below(250)),
            1 => format!("10.{}.{}.{}", 200 + self.0 % 50, random.below(200), 1 + random.below(250)),
            _ => format!("203.0.113.{}", 1 + random.below(250)),
        }
    }
}

/// Operations of Azure Resource Manager on resources that are nobody's data: operation, type and
/// name of what it acts on.
const CALLS: &[(&str, &str)] = &[
    ("Microsoft.Compute/virtualMachines/write", "Microsoft.Compute/virtualMachines/vm-app-"),
    ("Microsoft.Compute/virtualMachines/start/action", "Microsoft.Compute/virtualMachines/vm-app-"),
    ("Microsoft.Compute/virtualMachines/deallocate/action", "Microsoft.Compute/virtualMachines/vm-app-"),
    ("Microsoft.Compute/virtualMachineScaleSets/write", "Microsoft.Compute/virtualMachineScaleSets/vmss-app-"),
    ("Microsoft.Compute/disks/write", "Microsoft.Compute/disks/disk-app-"),
    ("Microsoft.ContainerService/managedClusters/write", "Microsoft.ContainerService/managedClusters/aks-app-"),
    ("Microsoft.Insights/autoscaleSettings/write", "Microsoft.Insights/autoscaleSettings/scale-app-"),
    ("Microsoft.Insights/metricAlerts/write", "Microsoft.Insights/metricAlerts/alert-app-"),
    ("Microsoft.Network/loadBalancers/write", "Microsoft.Network/loadBalancers/lb-app-"),
    ("Microsoft.Network/networkInterfaces/write", "Microsoft.Network/networkInterfaces/nic-app-"),
    ("Microsoft.Resources/deployments/write", "Microsoft.Resources/deployments/app-"),
    ("Microsoft.Resources/tags/write", "Microsoft.Web/sites/app-"),
    ("Microsoft.Web/serverfarms/write", "Microsoft.Web/serverfarms/plan-app-"),
    ("Microsoft.Web/sites/config/write", "Microsoft.Web/sites/app-"),
    ("Microsoft.Web/sites/restart/action", "Microsoft.Web/sites/app-"),
    ("Microsoft.Web/sites/write", "Microsoft.Web/sites/app-"),
];

/// Storage operations, by container.
const READS: &[&str] =
    &["GetBlob", "GetBlobProperties", "ListBlobs", "ReadFile", "GetPathStatus", "GetContainerProperties"];
const WRITES: &[&str] = &["PutBlob", "PutBlock", "PutBlockList", "AppendFile", "FlushFile", "SetBlobMetadata"];
const DELETES: &[&str] = &["DeleteBlob", "DeleteFile"];

/// User agents.
const AGENTS: &[&str] = &[
    "azsdk-python-storage-blob/12.19.1 Python/3.11.7 (Linux-5.15.0-azurelinux-x86_64)",
    "AzCopy/10.24.0 Azure-Storage/0.15 (go1.19.13; linux)",
    "Azure-Storage/9.3.2 (.NET CLR 4.0.30319.42000; Win32NT 10.0.17763.0)",
    "azsdk-net-Storage.Blobs/12.18.0 (.NET 6.0.27; Microsoft Windows 10.0.14393)",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.4",
];

/// What differs from record to record besides ids and times; the same for all records of one operation.
struct Detail<'f> {
    kind: Kind,
    folder: &'f str,
    address: String,
    call: (&'static str, String),
    number: u64,
}

impl<'f> Detail<'f> {
    fn new(kind: Kind, folder: &'f str, persona: Persona, random: &mut Random) -> Self {
        let (operation, target) = CALLS[random.index(CALLS.len())];
        let number = random.below(1_000_000);
        let target = format!("/resourceGroups/rg-app-{:03}/providers/{target}{:04}", number % 150, number % 7_001);
        Self { kind, folder, address: persona.address(random), call: (operation, target), number }
    }

    fn set(&mut self, record: &mut Told, random: &mut Random) {
        for (path, key) in [(None, "callerIpAddress"), (Some("properties"), "ipAddress")] {
            let members = match path {
                None => Some(&mut *record),
                Some(path) => record.get_mut(path).and_then(Value::as_object_mut),
            };
            if let Some(Value::String(text)) =
                members.and_then(|members| members.get_mut(key)).filter(|text| *text != "")
            {
                *text = if text.contains(':') {
                    format!("{}:{}", self.address, 30_000 + random.below(30_000))
                } else {
                    self.address.clone()
                };
            }
        }
        match self.kind {
            Kind::Activity => self.set_call(record),
            Kind::Storage => self.set_request(record, random),
            Kind::KeyVault => {
                for key in ["id", "requestUri"] {
                    if let Some(Value::String(text)) =
                        record.get_mut("properties").and_then(|members| members.get_mut(key))
                    {
                        *text =
                            text.replace("secrets/connection", &format!("secrets/connection-{}", self.number % 2_003));
                    }
                }
            }
            Kind::Audit | Kind::Databricks | Kind::Signin | Kind::Sql => {}
        }
    }

    fn set_call(&self, record: &mut Told) {
        let (operation, target) = &self.call;
        let target = match record.get("resourceId").and_then(Value::as_str).and_then(|id| id.split('/').nth(2)) {
            Some(subscription) => format!("/subscriptions/{}{target}", subscription.to_lowercase()),
            None => target.clone(),
        };
        record["resourceId"] = target.to_uppercase().into();
        record["operationName"] = operation.to_uppercase().into();
        for (path, key, text) in [
            (&["identity", "authorization"][..], "scope", target.as_str()),
            (&["identity", "authorization"], "action", operation),
            (&["properties"], "entity", &target),
            (&["properties"], "message", operation),
        ] {
            let members = path.iter().try_fold(&mut *record, |members, key| members.get_mut(*key)?.as_object_mut());
            if let Some(value) = members.and_then(|members| members.get_mut(key)) {
                *value = text.into();
            }
        }
    }

    fn set_request(&self, record: &mut Told, random: &mut Random) {
        let operations = match self.folder.split('/').next() {
            Some("insights-logs-storageread") => READS,
            Some("insights-logs-storagedelete") => DELETES,
            _ => WRITES,
        };
        record["operationName"] = operations[random.index(operations.len())].into();
        record["durationMs"] = (1 + random.below(90)).into();
        let part = format!("/day-{:02}/part-{:05}.parquet", self.number % 31, self.number / 31);
        if let Some(Value::String(uri)) = record.get_mut("uri") {
            uri.push_str(&part);
        }
        if let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut) {
            if let Some(Value::String(path)) = properties.get_mut("objectKey") {
                path.push_str(&part);
            }
            properties.insert("responseBodySize".to_owned(), random.below(9_000_000).into());
            properties.insert("userAgentHeader".to_owned(), AGENTS[random.index(AGENTS.len())].into());
        }
        // Applications have keys as often as identities.
        if random.per_mille(250) {
            let identity = if random.per_mille(500) {
                serde_json::json!({"type": "AccountKey", "tokenHash": "key1(5AC7D6B1E3)"})
            } else {
                let hash = format!("key1({:016X}),SasSignature(5AC7D6B1E3)", random.number());
                serde_json::json!({"type": "SAS", "tokenHash": hash})
            };
            record["identity"] = identity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast() -> Cast {
        let who = |id: &str, name: &str| Principal {
            principal_id: id.to_owned(),
            app_id: id.replace('a', "b"),
            name: name.to_owned(),
            stream: "other".to_owned(),
            kind: "other_mi".to_owned(),
        };
        let (one, two) = (
            who("aaaaaaaa-0000-4000-8000-000000000001", "func"),
            who("aaaaaaaa-0000-4000-8000-000000000002", "func-access"),
        );
        Cast::new(&[&one, &two])
    }

    #[test]
    fn a_record_is_told_again_with_other_ids_at_another_time() {
        let line = "{ \"time\": \"2026-05-04T08:00:00.1000000Z\", \"correlationId\": \"c0000000-0000-4000-8000-000000000001\", \
                    \"who\": \"aaaaaaaa-0000-4000-8000-000000000002 aaaaaaaa000040008000000000000002 func-access\", \
                    \"kept\": \"11111111-0000-4000-8000-000000000001\", \"properties\": {\"iat\":\"1777881300\",\"uti\":\"abc\"}}";
        let template = cast().template(&[line]).unwrap();
        let series = Series { kind: Kind::Signin, folder: String::new(), weight: 1.0, templates: vec![template] };
        let mut random = Random::new(3);

        let told = series.tell(1_777_881_600_000_000 + DAY, &mut random).unwrap().remove(0);

        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        assert_eq!(text("time"), "2026-05-05T08:00:00.0000000Z");
        assert_ne!(text("correlationId"), "c0000000-0000-4000-8000-000000000001");
        assert_eq!(text("kept"), "11111111-0000-4000-8000-000000000001");
        let who: Vec<String> = text("who").split(' ').map(str::to_owned).collect();
        assert_eq!(who[0].replace('-', ""), who[1]);
        assert!(who[2].starts_with("func-access-"), "{}", who[2]);
        assert_eq!(told["properties"]["iat"], "1777967699");
        assert_ne!(told["properties"]["uti"], "abc");
    }
}
