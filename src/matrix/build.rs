//! Puts the answers of the queries together, workspace by workspace.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;

use super::duty::{Act, DUTIES, Duty, Owner, duty_of};
use super::logs::{Logs, SqlService};
use super::query::{self, Answers, Deed, Row, Use, Vended, Who};
use super::reach::{self, Governed};
use super::roles::{self, Held};
use super::tally::Tally;
use super::{Cell, Disagreement, DisagreementKind, Holder, Matrix, RoleRow, Side, State, WorkspaceMatrix, proposal};
use crate::arm::{self, ArmId};
use crate::error::RunError;
use crate::event::vocabulary::{IdentityKind, LogSource, OpClass, Outcome, Stream};
use crate::report::IdentityRow;

/// Makes the matrix of the identities that [`pipeline`](crate::pipeline) listed.
///
/// # Errors
///
/// [`RunError::Internal`] where a query fails.
pub async fn build(ctx: &SessionContext, identities: &[IdentityRow]) -> Result<Matrix, RunError> {
    let mut answers = query::ask(ctx).await?;
    let roles = roles::held(&answers);
    let connectors = query::rows(ctx, "SELECT rid, principal_id, file_events FROM connectors", connector).await?;
    let workspaces = query::rows(ctx, "SELECT rid, managed_rg, dbfs_account FROM workspaces", workspace).await?;
    let governed = "SELECT DISTINCT principal_id, account FROM governed WHERE principal_id IS NOT NULL";
    let governed = query::rows(ctx, governed, governed_account).await?;
    let logs = Logs(std::mem::take(&mut answers.logged));
    let identities = identities.iter().filter(|row| matches!(row.stream, Stream::Dbmi | Stream::Adac)).collect();
    let known = Known { answers, roles, connectors, workspaces, governed, logs, identities };
    Ok(known.matrix())
}

/// A connector and one of its principals.
struct Connector {
    rid: String,
    principal_id: Option<String>,
    /// `false` where it is known to have none.
    may_have_file_events: bool,
}

fn connector(row: &Row<'_>) -> Result<Connector, arrow::error::ArrowError> {
    // Null reads as "not known to have none".
    let denied = row.text("file_events")?.is_some_and(|word| word == "false");
    let rid = row.text("rid")?.unwrap_or_default();
    Ok(Connector { rid, principal_id: row.text("principal_id")?, may_have_file_events: !denied })
}

/// A workspace and what it is made of, as far as that is known.
struct Workspace {
    rid: String,
    managed_group: Option<String>,
    /// Name of the account that its own storage is.
    dbfs_account: Option<String>,
}

fn workspace(row: &Row<'_>) -> Result<Workspace, arrow::error::ArrowError> {
    let rid = row.text("rid")?.unwrap_or_default();
    Ok(Workspace { rid, managed_group: row.text("managed_rg")?, dbfs_account: row.text("dbfs_account")? })
}

fn governed_account(row: &Row<'_>) -> Result<Governed, arrow::error::ArrowError> {
    let text = |name| Ok::<_, arrow::error::ArrowError>(row.text(name)?.unwrap_or_default());
    Ok(Governed { principal_id: text("principal_id")?, account: text("account")? })
}

/// Everything that the matrix is made of.
struct Known<'a> {
    answers: Answers,
    roles: BTreeMap<String, Vec<Held>>,
    connectors: Vec<Connector>,
    workspaces: Vec<Workspace>,
    governed: Vec<Governed>,
    logs: Logs,
    identities: Vec<&'a IdentityRow>,
}

/// The tallies of one duty.
#[derive(Debug, Clone, Default)]
struct Counts {
    done: Tally,
    failed: Tally,
    unclear: Tally,
    tokens: Tally,
}

/// Counts by duty.
type Work = BTreeMap<Duty, Counts>;

/// Counts by workspace, and in it by who did it.
type Places = BTreeMap<Option<String>, BTreeMap<Who, Work>>;

impl Known<'_> {
    fn matrix(&self) -> Matrix {
        let work = self.work();
        let rids: BTreeSet<Option<&str>> = self
            .workspaces
            .iter()
            .map(|known| Some(known.rid.as_str()))
            .chain(self.identities.iter().map(|row| row.workspace_rid.as_deref()))
            .chain(work.keys().map(Option::as_deref))
            .collect();
        let (unknown, known): (Vec<_>, Vec<_>) = rids.into_iter().partition(Option::is_none);
        let ordered = known.into_iter().chain(unknown);
        Matrix { sources: self.logs.sources(), workspaces: ordered.map(|rid| self.workspace(rid, &work)).collect() }
    }

    /// What everybody did, by the workspace for which it was done: that of the identity, and for
    /// Databricks' own applications that of the target.
    fn work(&self) -> Places {
        let homes: BTreeMap<Who, Option<&str>> =
            self.identities.iter().map(|row| (who(row), row.workspace_rid.as_deref())).collect();
        let mut places = Places::new();
        for deed in &self.answers.deeds {
            let home = homes.get(&deed.who).copied().flatten().or_else(|| self.target_workspace(deed));
            let work = places.entry(home.map(str::to_owned)).or_default().entry(deed.who.clone()).or_default();
            let counts = work.entry(self.duty(deed)).or_default();
            counts.add(deed.source, deed.outcome, &deed.tally);
        }
        for vended in &self.answers.vended {
            let Some(principal) = self.vended_for(vended) else { continue };
            let who = Who::new(Some(principal), None, None);
            let home = homes.get(&who).copied().flatten().map(str::to_owned);
            let work = places.entry(home).or_default().entry(who).or_default();
            work.entry(Duty::UnityCatalog).or_default().add(LogSource::Databricks, vended.outcome, &vended.tally);
        }
        places
    }

    /// The principal for which a credential was issued: that of a connector that has exactly one.
    /// A credential of one that has several does not say which it stands for.
    fn vended_for(&self, vended: &Vended) -> Option<&str> {
        let connector = vended.connector.as_deref()?;
        let mut principals = self.connectors.iter().filter(|known| known.rid == connector);
        let principal = principals.next()?.principal_id.as_deref()?;
        principals.next().is_none().then_some(principal)
    }

    fn target_workspace(&self, deed: &Deed) -> Option<&str> {
        let is_of = |known: &&Workspace| {
            deed.target_id.as_deref().is_some_and(|target| arm::is_at_or_under(target, &known.rid))
                || known.managed_group.is_some() && deed.target_group == known.managed_group
        };
        self.workspaces.iter().find(is_of).map(|known| known.rid.as_str())
    }

    fn duty(&self, deed: &Deed) -> Duty {
        duty_of(&Act {
            source: deed.source,
            op_class: deed.op_class,
            activity: deed.activity,
            operation: &deed.operation,
            audience: deed.audience,
            target_type: &deed.target_type,
            kind: deed.kind,
            in_own_root: deed.own_root,
            in_dbfs_root: deed.is_dbfs_root,
            in_own_scope: deed.own_scope,
            in_managed_group: deed.in_managed_rg,
            may_have_file_events: self.may_have_file_events(deed.who.principal_id.as_deref()),
        })
    }

    /// Whether one of the principal's connectors has file events or is not known to have none.
    fn may_have_file_events(&self, principal_id: Option<&str>) -> bool {
        let mut known = self.connectors.iter().filter(|one| one.principal_id.as_deref() == principal_id).peekable();
        known.peek().is_none() || known.any(|one| one.may_have_file_events)
    }

    fn workspace(&self, rid: Option<&str>, places: &Places) -> WorkspaceMatrix {
        let empty = BTreeMap::new();
        let work = places.get(&rid.map(str::to_owned)).unwrap_or(&empty);
        WorkspaceMatrix {
            workspace_rid: rid.map(str::to_owned),
            dbmi: self.side(Stream::Dbmi, rid, work, places),
            adac: self.side(Stream::Adac, rid, work, places),
        }
    }

    fn side(&self, stream: Stream, rid: Option<&str>, work: &BTreeMap<Who, Work>, places: &Places) -> Side {
        let (mut sum, mut holders) = (Work::new(), Vec::new());
        let mut side = Side { duties: Vec::new(), identities: Vec::new(), disagreements: Vec::new() };
        let mut rows: Vec<&IdentityRow> = self.identities.iter().copied().filter(|row| row.stream == stream).collect();
        rows.sort_by_key(|row| (row.identity_kind, who(row)));
        for row in rows {
            let is_home = row.workspace_rid.as_deref() == rid;
            let own = work.get(&who(row));
            if !is_home && own.is_none() {
                continue;
            }
            holders.push(row);
            let nothing = Work::new();
            let own = own.unwrap_or(&nothing);
            for (duty, counts) in own {
                sum.entry(*duty).or_default().add_all(counts);
            }
            let cells: Vec<Cell> = own
                .iter()
                .map(|(duty, counts)| self.cell(*duty, duty.is_of(stream, row.identity_kind), counts, (rid, &[row])))
                .collect();
            side.disagreements.extend(cells.iter().filter_map(|cell| overreach(row, cell)));
            if is_home {
                side.disagreements.extend(self.idle(row, places));
            }
            let roles = if is_home { self.roles(row) } else { Vec::new() };
            side.identities.push(holder(row, cells, roles));
        }
        let nobody = Counts::default();
        side.duties = DUTIES
            .iter()
            .map(|row| {
                let is_own = matches!(
                    (row.owner, stream),
                    (Owner::Dbmi, Stream::Dbmi) | (Owner::Adac, Stream::Adac) | (Owner::Anyone, _)
                );
                let mut cell = self.cell(row.duty, is_own, sum.get(&row.duty).unwrap_or(&nobody), (rid, &holders));
                if !is_complete(stream, row.duty, &holders) && cell.state == State::Nothing {
                    cell.state = State::NotKnown;
                }
                cell
            })
            .collect();
        side
    }

    fn cell(
        &self,
        duty: Duty,
        is_own_job: bool,
        counts: &Counts,
        (rid, holders): (Option<&str>, &[&IdentityRow]),
    ) -> Cell {
        let not_read = self.not_read(duty, rid, holders);
        let Counts { done, failed, unclear, tokens } = counts.clone();
        let state = if !done.is_empty() {
            State::Done
        } else if !failed.is_empty() {
            State::Attempted
        } else if !unclear.is_empty() {
            State::Unclear
        } else if !tokens.is_empty() {
            State::TokenOnly
        } else if not_read.is_empty() && self.can_be_denied(duty, is_own_job, rid) {
            State::Nothing
        } else {
            State::NotKnown
        };
        Cell { duty, is_own_job, state, done, failed, unclear, tokens, not_read }
    }

    /// The logs of a duty in a workspace that were not read, or not of all that `holders` are known
    /// to reach.
    fn not_read(&self, duty: Duty, rid: Option<&str>, holders: &[&IdentityRow]) -> Vec<LogSource> {
        let roles = |principal| self.roles.get(principal).map(Vec::as_slice).unwrap_or_default();
        // Reads are most of what is done with data, and their log is the one that is left off.
        let needed = matches!(duty, Duty::Storage | Duty::WorkspaceStorage).then_some(OpClass::BlobRead);
        let is_read_everywhere = |source| {
            let principals = holders.iter().filter_map(|row| row.principal_id.as_deref());
            let principals = principals.map(|principal| (principal, roles(principal)));
            reach::is_read_everywhere(&self.logs, (source, needed), principals, &self.governed)
        };
        let subscription = rid.and_then(|rid| ArmId::parse(rid).subscription);
        let workspace = self.workspaces.iter().find(|known| Some(known.rid.as_str()) == rid);
        let own_storage = workspace.and_then(|workspace| workspace.dbfs_account.as_deref());
        let is_own_storage_read = || own_storage.is_none_or(|account| self.logs.is_read_of_account(account, needed));
        let is_read = |source: &LogSource| match (duty, source) {
            (Duty::Synapse, _) => self.logs.sql_is_read(SqlService::Synapse),
            (Duty::Sql, _) => self.logs.sql_is_read(SqlService::Sql),
            // Each workspace has its own.
            (_, LogSource::Databricks) => self.logs.at_scope(*source, rid, None).is_read,
            (Duty::WorkspaceStorage, _) if !is_own_storage_read() => false,
            _ => self.logs.is_read(*source, subscription, needed) && is_read_everywhere(*source),
        };
        duty.row().sources.iter().copied().filter(|source| !is_read(source)).collect()
    }

    /// Whether the absence of events can mean that nothing was done. Data of services whose logs are
    /// not read here leaves tokens only; a workspace's own storage is reached with account keys,
    /// which name nobody; its secrets are read by an application that serves all workspaces; and a
    /// credential of Unity Catalog that names no connector may have been anyone's.
    fn can_be_denied(&self, duty: Duty, is_own_job: bool, rid: Option<&str>) -> bool {
        match duty {
            Duty::WorkspaceStorage => !is_own_job,
            Duty::WorkspaceSecrets => !is_own_job || rid.is_none(),
            Duty::UnityCatalog if is_own_job => {
                self.answers.vended.iter().all(|vended| self.vended_for(vended).is_some())
            }
            Duty::Unassigned => false,
            _ => !duty.row().sources.is_empty(),
        }
    }

    /// An identity that did nothing of its own job anywhere, while a log that would show it was
    /// read.
    fn idle(&self, row: &IdentityRow, places: &Places) -> Option<Disagreement> {
        let own = || {
            let owned = |duty: &Duty| duty.row().owner != Owner::Anyone && duty.is_of(row.stream, row.identity_kind);
            DUTIES.iter().map(|row| row.duty).filter(owned)
        };
        let me = who(row);
        let works = |duty: Duty| {
            let everywhere = places.values().filter_map(|place| place.get(&me));
            everywhere.filter_map(|work| work.get(&duty)).any(|counts| !counts.done.is_empty())
        };
        if own().any(works) {
            return None;
        }
        let is_told = |duty: &Duty| {
            let rid = row.workspace_rid.as_deref();
            self.not_read(*duty, rid, &[row]).is_empty() && self.can_be_denied(*duty, true, rid) && is_named(*duty, row)
        };
        let read: BTreeSet<LogSource> =
            own().filter(is_told).flat_map(|duty| duty.row().sources.iter().copied()).collect();
        (!read.is_empty()).then(|| Disagreement {
            read: read.into_iter().collect(),
            ..disagreement(DisagreementKind::Idle, row, None, &Counts::default())
        })
    }

    fn roles(&self, row: &IdentityRow) -> Vec<RoleRow> {
        let Some(principal) = row.principal_id.as_deref() else { return Vec::new() };
        let all = self.answers.uses.iter().chain(&self.answers.let_in);
        let uses: Vec<&Use> = all.filter(|done| done.principal_id == principal).collect();
        let holder = proposal::Holder {
            stream: row.stream,
            kind: row.identity_kind,
            may_have_file_events: self.may_have_file_events(Some(principal)),
            has_unread_accounts: !reach::are_accounts_read(&self.logs, principal, &self.governed, None),
        };
        let held = self.roles.get(principal).into_iter().flatten();
        held.map(|held| RoleRow { held: held.clone(), proposal: proposal::propose(held, holder, &uses, &self.logs) })
            .collect()
    }
}

impl Counts {
    fn add(&mut self, source: LogSource, outcome: Outcome, tally: &Tally) {
        let kept = match (source, outcome) {
            (_, Outcome::Failure | Outcome::Denied) => &mut self.failed,
            (LogSource::Signin, Outcome::Success) => &mut self.tokens,
            (_, Outcome::Success) => &mut self.done,
            (_, Outcome::Unknown) => &mut self.unclear,
        };
        kept.add(tally);
    }

    fn add_all(&mut self, other: &Self) {
        self.done.add(&other.done);
        self.failed.add(&other.failed);
        self.unclear.add(&other.unclear);
        self.tokens.add(&other.tokens);
    }
}

/// Whether those who would do a duty are known as the logs name them: of others nothing can be
/// told.
fn is_complete(stream: Stream, duty: Duty, holders: &[&IdentityRow]) -> bool {
    let is_managed = |row: &&IdentityRow| row.identity_kind == IdentityKind::Uami && row.principal_id.is_some();
    match (stream, duty) {
        _ if holders.is_empty() => false,
        (Stream::Dbmi, duty) if duty != Duty::Encryption && !holders.iter().any(is_managed) => false,
        _ => holders.iter().all(|row| is_named(duty, row)),
    }
}

/// Whether the log of a duty would name somebody as they are known. Those of SQL name clients, not
/// objects.
fn is_named(duty: Duty, row: &IdentityRow) -> bool {
    !matches!(duty, Duty::Sql | Duty::Synapse) || row.app_id.is_some()
}

fn who(row: &IdentityRow) -> Who {
    Who::new(row.principal_id.as_deref(), row.app_id.as_deref(), row.name.as_deref())
}

fn holder(row: &IdentityRow, duties: Vec<Cell>, roles: Vec<RoleRow>) -> Holder {
    Holder {
        principal_id: row.principal_id.clone(),
        app_id: row.app_id.clone(),
        name: row.name.clone(),
        identity_kind: row.identity_kind,
        confidence: row.confidence,
        arm_id: row.arm_id.clone(),
        duties,
        roles,
    }
}

/// What of a duty that is not the identity's it did, tried, or got a token for.
fn overreach(row: &IdentityRow, cell: &Cell) -> Option<Disagreement> {
    let kind = match cell.duty.row().owner {
        _ if cell.is_own_job => return None,
        Owner::Neither => DisagreementKind::NobodysJob,
        // An encryption identity is there for its key alone, not for the rest of its family's work.
        Owner::Dbmi | Owner::Adac | Owner::Anyone => DisagreementKind::OthersJob,
    };
    let counts = Counts {
        done: cell.done.clone(),
        failed: cell.failed.clone(),
        unclear: cell.unclear.clone(),
        tokens: cell.tokens.clone(),
    };
    Some(disagreement(kind, row, Some(cell.duty), &counts))
}

fn disagreement(kind: DisagreementKind, row: &IdentityRow, duty: Option<Duty>, counts: &Counts) -> Disagreement {
    let Counts { done, failed, unclear, tokens } = counts.clone();
    Disagreement {
        kind,
        principal_id: row.principal_id.clone(),
        name: row.name.clone(),
        identity_kind: row.identity_kind,
        duty,
        done,
        failed,
        unclear,
        tokens,
        read: Vec::new(),
    }
}
