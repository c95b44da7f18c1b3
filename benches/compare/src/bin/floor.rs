//! The floor of the comparison: what it costs to read the bytes, and to parse them with the fastest
//! JSON parsers of Rust into the fields that Airside needs, and nothing else.
//!
//! Nothing is classified, kept or joined: the fields' lengths are added up, so that they are found.
//! The kind of a log is known from its folder, which spares these parsers a look at each record.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use airside_compare::files::{Kind, LogFile, logs_of};
use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize as Derived, Serialize};

/// Bytes read at once: they stay in the second-level cache while they are parsed.
const CHUNK_BYTES: usize = 1 << 18;

/// What to do with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Read them and count line ends
    Read,
    /// Extract the fields with sonic-rs
    SonicRs,
    /// Extract the fields with simd-json
    SimdJson,
}

/// Reads an archive and prints as JSON what was read.
#[derive(Debug, Parser)]
struct Args {
    /// What to do with the bytes
    what: What,
    /// Folder of the archive
    archive: PathBuf,
    /// Threads to work with
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

/// What was read.
#[derive(Debug, Default, Serialize)]
struct Sum {
    bytes: u64,
    records: u64,
    /// Records that could not be parsed.
    failed: u64,
    /// Length of all fields together.
    checksum: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut logs = logs_of(&args.archive)?;
    // The largest first, so that no thread is left alone with one.
    logs.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    let next = AtomicUsize::new(0);
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut reader = Worker::new(args.what);
            while let Some(file) = logs.get(next.fetch_add(1, Ordering::Relaxed)) {
                reader.read(file).with_context(|| format!("cannot read {}", file.path.display()))?;
            }
            let mut sum = sum.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?;
            sum.bytes += reader.sum.bytes;
            sum.records += reader.sum.records;
            sum.failed += reader.sum.failed;
            sum.checksum = sum.checksum.wrapping_add(reader.sum.checksum);
            Ok(())
        };
        let threads: Vec<_> = (0..args.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    let sum = sum.into_inner().map_err(|_| anyhow::anyhow!("a thread failed"))?;
    println!("{}", serde_json::to_string(&sum)?);
    Ok(())
}

/// One thread's buffers and sum.
struct Worker {
    what: What,
    buffer: Vec<u8>,
    inflated: Vec<u8>,
    buffers: simd_json::Buffers,
    sum: Sum,
}

impl Worker {
    fn new(what: What) -> Self {
        let (inflated, buffers, sum) = Default::default();
        Self { what, buffer: vec![0; 2 * CHUNK_BYTES], inflated, buffers, sum }
    }

    fn read(&mut self, file: &LogFile) -> Result<()> {
        let kind = Kind::of_container(file.container());
        if file.path.extension().is_some_and(|end| end == "gz") {
            let mut inflated = std::mem::take(&mut self.inflated);
            gunzip(&fs::read(&file.path)?, &mut inflated)?;
            let read = self.read_from(inflated.as_slice(), kind);
            self.inflated = inflated;
            read
        } else {
            self.read_from(File::open(&file.path)?, kind)
        }
    }

    /// Reads chunk after chunk; the beginning of a record that a chunk ends in moves to the front.
    fn read_from(&mut self, mut input: impl Read, kind: Kind) -> Result<()> {
        let mut held = 0;
        loop {
            if self.buffer.len() - held < CHUNK_BYTES {
                self.buffer.resize(held + CHUNK_BYTES, 0);
            }
            let mut got = 0;
            while got < CHUNK_BYTES {
                match input.read(&mut self.buffer[held + got..held + CHUNK_BYTES])? {
                    0 => break,
                    length => got += length,
                }
            }
            self.sum.bytes += got as u64;
            let filled = held + got;
            let whole = match memchr::memrchr(b'\n', &self.buffer[..filled]) {
                Some(at) if got > 0 => at + 1,
                _ if got == 0 => filled,
                _ => 0,
            };
            self.records(whole, kind);
            self.buffer.copy_within(whole..filled, 0);
            held = filled - whole;
            if got == 0 {
                return Ok(());
            }
        }
    }

    /// Works on the records in the first `end` bytes of the buffer.
    fn records(&mut self, end: usize, kind: Kind) {
        if self.what == What::Read {
            self.sum.records += memchr::memchr_iter(b'\n', &self.buffer[..end]).count() as u64;
            return;
        }
        let mut start = 0;
        while start < end {
            let length = memchr::memchr(b'\n', &self.buffer[start..end]).unwrap_or(end - start);
            let line = &mut self.buffer[start..start + length];
            start += length + 1;
            if line.is_empty() {
                continue;
            }
            self.sum.records += 1;
            let sum = match self.what {
                What::SonicRs => by_kind(kind, &mut Sonic(line)),
                What::SimdJson => by_kind(kind, &mut Simd(line, &mut self.buffers)),
                What::Read => None,
            };
            match sum {
                Some(length) => self.sum.checksum = self.sum.checksum.wrapping_add(length),
                None => self.sum.failed += 1,
            }
        }
    }
}

/// Inflates a file of one gzip member, which ends with its length.
fn gunzip(stored: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
    let length = stored.last_chunk().context("no gzip file")?;
    bytes.resize(usize::try_from(u32::from_le_bytes(*length))?, 0);
    libdeflater::Decompressor::new().gzip_decompress(stored, bytes)?;
    Ok(())
}

/// A parser at the start of a record.
trait Parse {
    fn parse<'a, T: Derived<'a> + Length>(&'a mut self) -> Option<u64>;
}

struct Sonic<'l>(&'l mut [u8]);

impl Parse for Sonic<'_> {
    fn parse<'a, T: Derived<'a> + Length>(&'a mut self) -> Option<u64> {
        sonic_rs::from_slice::<T>(self.0).ok().map(|record| record.length())
    }
}

struct Simd<'l>(&'l mut [u8], &'l mut simd_json::Buffers);

impl Parse for Simd<'_> {
    fn parse<'a, T: Derived<'a> + Length>(&'a mut self) -> Option<u64> {
        simd_json::serde::from_slice_with_buffers::<T>(self.0, self.1).ok().map(|record| record.length())
    }
}

/// Adds up the fields of a record of this kind.
fn by_kind(kind: Kind, parser: &mut impl Parse) -> Option<u64> {
    match kind {
        Kind::Activity => parser.parse::<Activity<'_>>(),
        Kind::Audit => parser.parse::<Audit<'_>>(),
        Kind::Databricks => parser.parse::<Databricks<'_>>(),
        Kind::KeyVault => parser.parse::<KeyVault<'_>>(),
        Kind::Signin => parser.parse::<Signin<'_>>(),
        Kind::Sql => parser.parse::<Sql<'_>>(),
        Kind::Storage => parser.parse::<Storage<'_>>(),
    }
}

/// Something whose fields have a length.
trait Length {
    /// Length of its fields, in bytes.
    fn length(&self) -> u64;
}

/// A string, borrowed where it has no escapes, or any other value without members.
#[derive(Debug, Default)]
enum Scalar<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Number(f64),
}

impl Length for Scalar<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len() as u64,
            Self::Number(number) => number.to_bits() >> 60,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ScalarVisitor<'a> {
    type Value = Scalar<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value without members")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Number(f64::from(u8::from(value))))
    }

    #[expect(clippy::cast_precision_loss, reason = "a checksum needs no more")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a checksum needs no more")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::None)
    }
}

/// The first element of an array.
#[derive(Debug)]
struct First<T>(Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Length> Length for First<T> {
    fn length(&self) -> u64 {
        self.0.as_ref().map_or(0, Length::length)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor(PhantomData))
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = First<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let first = elements.next_element()?;
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

/// Structures of the fields that Airside needs, by the keys that the logs have for them.
macro_rules! fields {
    ($($name:ident { $($field:ident = $key:literal $part:ty,)+ })+) => {$(
        #[derive(Debug, Default, Derived)]
        #[serde(default)]
        struct $name<'a> {
            $(#[serde(rename = $key, borrow)] $field: $part,)+
        }

        impl Length for $name<'_> {
            fn length(&self) -> u64 {
                0 $(+ self.$field.length())+
            }
        }
    )+};
}

fields! {
    Activity {
        time = "time" Scalar<'a>,
        category = "category" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        result_type = "resultType" Scalar<'a>,
        result_signature = "resultSignature" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        caller_ip_address = "callerIpAddress" Scalar<'a>,
        tenant_id = "tenantId" Scalar<'a>,
        duration = "durationMs" Scalar<'a>,
        identity = "identity" ActivityIdentity<'a>,
        properties = "properties" ActivityProperties<'a>,
    }
    ActivityIdentity {
        authorization = "authorization" Authorization<'a>,
        claims = "claims" Claims<'a>,
    }
    Authorization {
        scope = "scope" Scalar<'a>,
        evidence = "evidence" Evidence<'a>,
    }
    Evidence {
        principal_id = "principalId" Scalar<'a>,
        principal_type = "principalType" Scalar<'a>,
    }
    Claims {
        object_id = "http://schemas.microsoft.com/identity/claims/objectidentifier" Scalar<'a>,
        app_id = "appid" Scalar<'a>,
        authentication = "appidacr" Scalar<'a>,
        kind = "idtyp" Scalar<'a>,
        user = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" Scalar<'a>,
        unique_name = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name" Scalar<'a>,
        name = "name" Scalar<'a>,
        scope = "http://schemas.microsoft.com/identity/claims/scope" Scalar<'a>,
        tenant_id = "http://schemas.microsoft.com/identity/claims/tenantid" Scalar<'a>,
        issuer = "iss" Scalar<'a>,
        audience = "aud" Scalar<'a>,
        token = "uti" Scalar<'a>,
        ip_address = "ipaddr" Scalar<'a>,
        managed_identity = "xms_mirid" Scalar<'a>,
        used_by = "xms_az_rid" Scalar<'a>,
    }
    ActivityProperties {
        category = "eventCategory" Scalar<'a>,
        hierarchy = "hierarchy" Scalar<'a>,
        request_body = "requestbody" Scalar<'a>,
        response_body = "responseBody" Scalar<'a>,
        status_code = "statusCode" Scalar<'a>,
    }
    Storage {
        time = "time" Scalar<'a>,
        category = "category" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        status_code = "statusCode" Scalar<'a>,
        status_text = "statusText" Scalar<'a>,
        uri = "uri" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        caller_ip_address = "callerIpAddress" Scalar<'a>,
        duration = "durationMs" Scalar<'a>,
        identity = "identity" StorageIdentity<'a>,
        properties = "properties" StorageProperties<'a>,
    }
    StorageIdentity {
        kind = "type" Scalar<'a>,
        token_hash = "tokenHash" Scalar<'a>,
        requester = "requester" Requester<'a>,
        authorization = "authorization" First<Grant<'a>>,
    }
    Requester {
        object_id = "objectId" Scalar<'a>,
        app_id = "appId" Scalar<'a>,
        tenant_id = "tenantId" Scalar<'a>,
        audience = "audience" Scalar<'a>,
        user = "upn" Scalar<'a>,
    }
    Grant {
        result = "result" Scalar<'a>,
        deny_assignment = "denyAssignmentId" Scalar<'a>,
        role = "roleDefinitionId" Scalar<'a>,
        assignment = "roleAssignmentId" Scalar<'a>,
        principals = "principals" First<GrantPrincipal<'a>>,
    }
    GrantPrincipal {
        id = "id" Scalar<'a>,
        kind = "type" Scalar<'a>,
    }
    StorageProperties {
        account = "accountName" Scalar<'a>,
        service = "serviceType" Scalar<'a>,
        object_key = "objectKey" Scalar<'a>,
        user_agent = "userAgentHeader" Scalar<'a>,
        operation_count = "operationCount" Scalar<'a>,
        response_type = "metricResponseType" Scalar<'a>,
        response_bytes = "responseBodySize" Scalar<'a>,
        request_bytes = "requestBodySize" Scalar<'a>,
    }
    KeyVault {
        time = "time" Scalar<'a>,
        category = "category" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        result_signature = "resultSignature" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        caller_ip_address = "callerIpAddress" Scalar<'a>,
        duration = "durationMs" Scalar<'a>,
        identity = "identity" KeyVaultIdentity<'a>,
        properties = "properties" KeyVaultProperties<'a>,
    }
    KeyVaultIdentity {
        claim = "claim" Claim<'a>,
    }
    Claim {
        object_id = "oid" Scalar<'a>,
        app_id = "appid" Scalar<'a>,
        authentication = "appidacr" Scalar<'a>,
        kind = "idtyp" Scalar<'a>,
        user = "upn" Scalar<'a>,
        scope = "scp" Scalar<'a>,
        managed_identity = "xms_mirid" Scalar<'a>,
        used_by = "xms_az_rid" Scalar<'a>,
        tenant_id = "tid" Scalar<'a>,
        issuer = "iss" Scalar<'a>,
        token = "uti" Scalar<'a>,
    }
    KeyVaultProperties {
        status_code = "httpStatusCode" Scalar<'a>,
        id = "id" Scalar<'a>,
        request_uri = "requestUri" Scalar<'a>,
        client = "clientInfo" Scalar<'a>,
        assignment = "appliedAssignmentId" Scalar<'a>,
    }
    Signin {
        time = "time" Scalar<'a>,
        category = "category" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        tenant_id = "tenantId" Scalar<'a>,
        result_type = "resultType" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        caller_ip_address = "callerIpAddress" Scalar<'a>,
        duration = "durationMs" Scalar<'a>,
        properties = "properties" SigninProperties<'a>,
    }
    SigninProperties {
        id = "id" Scalar<'a>,
        created = "createdDateTime" Scalar<'a>,
        status = "status" SigninStatus<'a>,
        user_id = "userId" Scalar<'a>,
        user = "userPrincipalName" Scalar<'a>,
        user_name = "userDisplayName" Scalar<'a>,
        service_principal_id = "servicePrincipalId" Scalar<'a>,
        service_principal_name = "servicePrincipalName" Scalar<'a>,
        credential = "clientCredentialType" Scalar<'a>,
        key_id = "servicePrincipalCredentialKeyId" Scalar<'a>,
        federated_credential = "federatedCredentialId" Scalar<'a>,
        app_id = "appId" Scalar<'a>,
        ip_address = "ipAddress" Scalar<'a>,
        user_agent = "userAgent" Scalar<'a>,
        resource_name = "resourceDisplayName" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        token = "uniqueTokenIdentifier" Scalar<'a>,
    }
    SigninStatus {
        error_code = "errorCode" Scalar<'a>,
    }
    Sql {
        time = "time" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        server = "LogicalServerName" Scalar<'a>,
        properties = "properties" SqlProperties<'a>,
    }
    SqlProperties {
        action = "action_id" Scalar<'a>,
        action_name = "action_name" Scalar<'a>,
        application = "application_name" Scalar<'a>,
        client_ip_address = "client_ip" Scalar<'a>,
        database = "database_name" Scalar<'a>,
        database_principal = "database_principal_name" Scalar<'a>,
        event_id = "event_id" Scalar<'a>,
        event_time = "event_time" Scalar<'a>,
        server_principal = "server_principal_name" Scalar<'a>,
        statement = "statement" Scalar<'a>,
        succeeded = "succeeded" Scalar<'a>,
    }
    Databricks {
        time = "time" Scalar<'a>,
        category = "category" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        resource_id = "resourceId" Scalar<'a>,
        identity = "identity" Scalar<'a>,
        properties = "properties" DatabricksProperties<'a>,
    }
    DatabricksProperties {
        address = "sourceIPAddress" Scalar<'a>,
        log_id = "logId" Scalar<'a>,
        service = "serviceName" Scalar<'a>,
        user_agent = "userAgent" Scalar<'a>,
        response = "response" Scalar<'a>,
        action = "actionName" Scalar<'a>,
        request_id = "requestId" Scalar<'a>,
        parameters = "requestParams" Scalar<'a>,
    }
    Audit {
        time = "time" Scalar<'a>,
        operation = "operationName" Scalar<'a>,
        tenant_id = "tenantId" Scalar<'a>,
        correlation_id = "correlationId" Scalar<'a>,
        caller_ip_address = "callerIpAddress" Scalar<'a>,
        properties = "properties" AuditProperties<'a>,
    }
    AuditProperties {
        id = "id" Scalar<'a>,
        result = "result" Scalar<'a>,
        initiated_by = "initiatedBy" InitiatedBy<'a>,
        targets = "targetResources" First<AuditTarget<'a>>,
    }
    InitiatedBy {
        user = "user" Initiator<'a>,
        app = "app" Initiator<'a>,
    }
    Initiator {
        id = "id" Scalar<'a>,
        user = "userPrincipalName" Scalar<'a>,
        service_principal_id = "servicePrincipalId" Scalar<'a>,
        app_id = "appId" Scalar<'a>,
        ip_address = "ipAddress" Scalar<'a>,
    }
    AuditTarget {
        id = "id" Scalar<'a>,
        name = "displayName" Scalar<'a>,
        kind = "type" Scalar<'a>,
    }
}
