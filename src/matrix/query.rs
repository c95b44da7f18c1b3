//! The queries behind the matrix, each grouped until few rows are left, and their rows as structs.

use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;

use super::tally::{Seen, Tally};
use crate::error::RunError;
use crate::event::vocabulary::{Activity, AudienceKind, IdentityKind, LogSource, OpClass, Outcome};
use crate::sql::row;
pub(super) use crate::sql::row::Row;
use crate::time::UtcMicros;

/// The end of every SELECT list that counts events.
macro_rules! counts {
    () => {
        "count(*) AS events, min(time) AS first_seen, max(time) AS last_seen, \
         first_value(event_uid ORDER BY time, event_uid) AS first_uid, \
         last_value(event_uid ORDER BY time, event_uid) AS last_uid "
    };
}

/// What the two identities did. Targets of Databricks' own applications tell the workspace; those
/// of the others are not needed, and there may be many. What an inventory states nobody did.
const DEEDS: &str = concat!(
    "SELECT principal_id, CASE WHEN principal_id IS NULL THEN app_id END AS app_id, \
     CASE WHEN principal_id IS NULL AND app_id IS NULL THEN principal_name END AS name, stream, identity_kind, \
     source, op_class, activity, operation, audience_kind, target_type, outcome, own_scope, in_managed_rg, \
     is_dbfs_root, is_dbfs_root AND (own_scope OR workspace_rid IS NULL OR target_id IS NULL) AS own_root, \
     CASE WHEN identity_kind = 'first_party' AND resource_group IS NOT NULL \
       THEN '/subscriptions/' || subscription_id || '/resourcegroups/' || resource_group END AS target_group, \
     CASE WHEN identity_kind = 'first_party' AND target_type LIKE 'microsoft.databricks/workspaces%' \
       THEN target_id END AS target_id, ",
    counts!(),
    "FROM (SELECT * FROM dbmi UNION ALL SELECT * FROM adac) \
     WHERE phase = 'terminal' AND source <> 'inventory' \
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18"
);

/// Credentials that Unity Catalog issued in the name of a connector. A person asked for them.
const VENDED: &str = concat!(
    "SELECT principal_ref, outcome, ",
    counts!(),
    "FROM events WHERE op_class = 'uc_vend' AND phase = 'terminal' GROUP BY 1, 2"
);

/// Which logs were read, of which resources, and which part of them: reads of an account's blobs,
/// queues and tables are logged apart from writes, and each can be left off; some categories of the
/// Activity Log have no management. Its resources are many, and the log is a subscription's.
const LOGGED: &str = concat!(
    "SELECT source, subscription_id, \
     CASE WHEN source IN ('storage', 'keyvault', 'sql', 'databricks') THEN target_id END AS target_id, \
     CASE WHEN source <> 'storage' THEN NULL WHEN op_class = 'blob_list' THEN 'blob_read' \
       WHEN op_class IN ('blob_read', 'queue_read', 'table_read') THEN op_class END AS reads, \
     source <> 'activity' OR replace(lower(coalesce(category, '')), ' ', '') NOT IN \
       ('alert', 'autoscale', 'policy', 'recommendation', 'resourcehealth', 'security', 'servicehealth') \
       AS shows_work, ",
    counts!(),
    "FROM events WHERE source <> 'inventory' GROUP BY 1, 2, 3, 4, 5"
);

/// Roles given to the two identities, by logs and inventory.
const GRANTS: &str = "\
SELECT assignee_id, role_id, role_class, scope, role_assignment_id, source, time, event_uid \
FROM grants WHERE assignee_stream IN ('dbmi', 'adac') AND assignee_id IS NOT NULL AND phase = 'terminal'";

/// Role assignments that were removed.
const REVOKED: &str = "\
SELECT role_assignment_id, max(time) AS last_seen FROM events \
WHERE op_class = 'role_revoke' AND outcome = 'success' AND role_assignment_id IS NOT NULL AND phase = 'terminal' \
GROUP BY 1";

/// What decides whether a role was used, and where. Machines, disks and network interfaces come and
/// go by the thousand, so only their groups are told.
macro_rules! use_columns {
    () => {
        "e.principal_id, e.source, e.op_class, e.operation, \
         CASE WHEN e.source IN ('storage', 'keyvault') THEN e.role_id END AS role_id, \
         CASE WHEN e.source IN ('storage', 'keyvault') THEN e.role_assignment_id END AS role_assignment_id, \
         CASE WHEN e.resource_group IS NULL THEN '/subscriptions/' || e.subscription_id \
           ELSE '/subscriptions/' || e.subscription_id || '/resourcegroups/' || e.resource_group END AS target_group, \
         CASE WHEN coalesce(e.target_type, '') NOT LIKE 'microsoft.compute/%' \
           AND coalesce(e.target_type, '') NOT LIKE 'microsoft.network/networkinterfaces%' \
           THEN e.target_id END AS target_id, \
         CASE WHEN e.source = 'storage' THEN e.container END AS container, \
         e.is_dbfs_root AND (e.own_scope OR e.workspace_rid IS NULL OR e.target_id IS NULL) AS own_root, \
         count(*) AS events, min(e.time) AS first_seen, max(e.time) AS last_seen, \
         first_value(e.event_uid ORDER BY e.time, e.event_uid) AS first_uid, \
         last_value(e.event_uid ORDER BY e.time, e.event_uid) AS last_uid \
         FROM (SELECT * FROM dbmi UNION ALL SELECT * FROM adac) AS e "
    };
}

/// Only what worked, and is told by a log that shows the use of roles.
macro_rules! that_worked {
    () => {
        "e.phase = 'terminal' AND e.outcome = 'success' AND e.principal_id IS NOT NULL \
         AND e.source IN ('activity', 'storage', 'keyvault') "
    };
}

/// What was done while a grant was in force. What an inventory lists was there at its time; since
/// when, it does not say.
const USES: &str = concat!(
    "SELECT g.event_uid AS grant_uid, ",
    use_columns!(),
    "JOIN grants AS g ON g.assignee_id = e.principal_id AND (g.source = 'inventory' OR g.time <= e.time) WHERE ",
    that_worked!(),
    "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
);

/// What roles let in, as storage and Key Vault say it: of grants that no log tells of.
const LET_IN: &str = concat!(
    "SELECT CAST(NULL AS VARCHAR) AS grant_uid, ",
    use_columns!(),
    "WHERE e.role_id IS NOT NULL AND e.source IN ('storage', 'keyvault') AND ",
    that_worked!(),
    "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
);

/// Who acted: its object id, else its application, else its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) principal_id: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) name: Option<String>,
}

impl Who {
    /// The first of the three that is there.
    pub(super) fn new(principal_id: Option<&str>, app_id: Option<&str>, name: Option<&str>) -> Self {
        let only = |text: Option<&str>, others: [Option<&str>; 2]| {
            text.filter(|_| others.iter().all(Option::is_none)).map(str::to_owned)
        };
        Self {
            principal_id: principal_id.map(str::to_owned),
            app_id: only(app_id, [principal_id, None]),
            name: only(name, [principal_id, app_id]),
        }
    }
}

/// A group of events of one principal that are alike.
#[expect(clippy::struct_excessive_bools, reason = "they are columns of the event, each with a meaning of its own")]
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) who: Who,
    pub(super) kind: IdentityKind,
    pub(super) source: LogSource,
    pub(super) op_class: OpClass,
    pub(super) activity: Activity,
    pub(super) operation: String,
    pub(super) audience: AudienceKind,
    pub(super) target_type: String,
    pub(super) outcome: Outcome,
    pub(super) own_scope: bool,
    pub(super) in_managed_rg: bool,
    pub(super) is_dbfs_root: bool,
    pub(super) own_root: bool,
    /// Resource group of the target, for Databricks' own applications.
    pub(super) target_group: Option<String>,
    /// The target, where it is a workspace and the actor one of Databricks' own applications.
    pub(super) target_id: Option<String>,
    pub(super) tally: Tally,
}

/// Credentials issued in the name of a connector.
#[derive(Debug, Clone)]
pub(super) struct Vended {
    /// `None` where the record does not say for which.
    pub(super) connector: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) tally: Tally,
}

/// What was read of one log of one subscription or resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogRead {
    pub(super) source: LogSource,
    pub(super) subscription: Option<String>,
    /// The resource; of the Activity Log none.
    pub(super) target_id: Option<String>,
    /// Of storage: what was read there, where anything was.
    pub(super) reads: Option<OpClass>,
    /// Whether this part of the log is one in which the work of identities is told.
    pub(super) shows_work: bool,
    pub(super) tally: Tally,
}

/// A role given.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) assignee_id: String,
    pub(super) role_id: Option<String>,
    pub(super) role_class: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) assignment_id: Option<String>,
    pub(super) source: LogSource,
    pub(super) seen: Seen,
}

/// A role assignment removed.
#[derive(Debug, Clone)]
pub(super) struct Revoked {
    pub(super) assignment_id: String,
    pub(super) time: UtcMicros,
}

/// Successful operations of one principal that are alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Use {
    /// The grant that was in force; `None` where only the role that let the caller in is known.
    pub(super) grant_uid: Option<String>,
    pub(super) principal_id: String,
    pub(super) source: Option<LogSource>,
    pub(super) op_class: Option<OpClass>,
    pub(super) operation: String,
    /// The role that let the caller in, where the log says so.
    pub(super) role_id: Option<String>,
    pub(super) assignment_id: Option<String>,
    /// Resource group, else subscription, of the target.
    pub(super) target_group: Option<String>,
    pub(super) target_id: Option<String>,
    pub(super) container: Option<String>,
    /// The storage account is the acting workspace's own, or not known to be another's.
    pub(super) own_root: bool,
    pub(super) tally: Tally,
}

/// The results of all queries.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) deeds: Vec<Deed>,
    pub(super) vended: Vec<Vended>,
    pub(super) logged: Vec<LogRead>,
    pub(super) grants: Vec<Grant>,
    pub(super) revoked: Vec<Revoked>,
    /// By grant; one event stands under every grant to its principal.
    pub(super) uses: Vec<Use>,
    /// By the role that let the caller in.
    pub(super) let_in: Vec<Use>,
}

/// Asks everything.
///
/// # Errors
///
/// [`RunError::Internal`] where a query fails.
pub(super) async fn ask(ctx: &SessionContext) -> Result<Answers, RunError> {
    Ok(Answers {
        deeds: rows(ctx, DEEDS, deed).await?,
        vended: rows(ctx, VENDED, vended).await?,
        logged: rows(ctx, LOGGED, log_read).await?,
        grants: rows(ctx, GRANTS, grant).await?,
        revoked: rows(ctx, REVOKED, revoked).await?,
        uses: rows(ctx, USES, used).await?,
        let_in: rows(ctx, LET_IN, used).await?,
    })
}

fn deed(row: &Row<'_>) -> Result<Deed, ArrowError> {
    let text = |name| row.text(name);
    Ok(Deed {
        who: Who::new(text("principal_id")?.as_deref(), text("app_id")?.as_deref(), text("name")?.as_deref()),
        kind: text("identity_kind")?.and_then(|word| IdentityKind::from_word(&word)).unwrap_or(IdentityKind::Unknown),
        source: row.source()?,
        op_class: row.op_class()?,
        activity: text("activity")?.and_then(|word| Activity::from_word(&word)).unwrap_or(Activity::Use),
        operation: text("operation")?.unwrap_or_default(),
        audience: text("audience_kind")?.and_then(|word| AudienceKind::from_word(&word)).unwrap_or(AudienceKind::None),
        target_type: text("target_type")?.unwrap_or_default(),
        outcome: row.outcome()?,
        own_scope: row.flag("own_scope")?,
        in_managed_rg: row.flag("in_managed_rg")?,
        is_dbfs_root: row.flag("is_dbfs_root")?,
        own_root: row.flag("own_root")?,
        target_group: text("target_group")?,
        target_id: text("target_id")?,
        tally: row.tally()?,
    })
}

fn vended(row: &Row<'_>) -> Result<Vended, ArrowError> {
    Ok(Vended { connector: row.text("principal_ref")?, outcome: row.outcome()?, tally: row.tally()? })
}

fn log_read(row: &Row<'_>) -> Result<LogRead, ArrowError> {
    Ok(LogRead {
        source: row.source()?,
        subscription: row.text("subscription_id")?,
        target_id: row.text("target_id")?,
        reads: row.text("reads")?.and_then(|word| OpClass::from_word(&word)),
        shows_work: row.flag("shows_work")?,
        tally: row.tally()?,
    })
}

fn grant(row: &Row<'_>) -> Result<Grant, ArrowError> {
    Ok(Grant {
        assignee_id: row.text("assignee_id")?.unwrap_or_default(),
        role_id: row.text("role_id")?,
        role_class: row.text("role_class")?,
        scope: row.text("scope")?,
        assignment_id: row.text("role_assignment_id")?,
        source: row.source()?,
        seen: Seen { time: row.time("time")?, event_uid: row.text("event_uid")?.unwrap_or_default() },
    })
}

fn revoked(row: &Row<'_>) -> Result<Revoked, ArrowError> {
    let assignment_id = row.text("role_assignment_id")?.unwrap_or_default();
    Ok(Revoked { assignment_id, time: row.time("last_seen")? })
}

fn used(row: &Row<'_>) -> Result<Use, ArrowError> {
    Ok(Use {
        grant_uid: row.text("grant_uid")?,
        principal_id: row.text("principal_id")?.unwrap_or_default(),
        source: Some(row.source()?),
        op_class: Some(row.op_class()?),
        operation: row.text("operation")?.unwrap_or_default(),
        role_id: row.text("role_id")?,
        assignment_id: row.text("role_assignment_id")?,
        target_group: row.text("target_group")?,
        target_id: row.text("target_id")?,
        container: row.text("container")?,
        own_root: row.flag("own_root")?,
        tally: row.tally()?,
    })
}

/// Runs a query and makes each of its rows a `T`.
pub(super) async fn rows<T>(
    ctx: &SessionContext,
    sql: &str,
    make: fn(&Row<'_>) -> Result<T, ArrowError>,
) -> Result<Vec<T>, RunError> {
    row::rows(ctx, sql, "cannot make the matrix", make).await
}

impl Row<'_> {
    fn source(&self) -> Result<LogSource, ArrowError> {
        Ok(self.text("source")?.and_then(|word| LogSource::from_word(&word)).unwrap_or(LogSource::Activity))
    }

    fn op_class(&self) -> Result<OpClass, ArrowError> {
        Ok(self.text("op_class")?.and_then(|word| OpClass::from_word(&word)).unwrap_or(OpClass::Other))
    }

    fn outcome(&self) -> Result<Outcome, ArrowError> {
        Ok(self.text("outcome")?.and_then(|word| Outcome::from_word(&word)).unwrap_or(Outcome::Unknown))
    }

    fn tally(&self) -> Result<Tally, ArrowError> {
        let seen = |time: &str, uid: &str| {
            Ok::<_, ArrowError>(Seen { time: self.time(time)?, event_uid: self.text(uid)?.unwrap_or_default() })
        };
        Ok(Tally {
            events: self.count()?,
            first: Some(seen("first_seen", "first_uid")?),
            last: Some(seen("last_seen", "last_uid")?),
        })
    }
}
