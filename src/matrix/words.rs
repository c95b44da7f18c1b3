//! The matrix in words, the same for terminals and Markdown. Text from logs and inventory goes
//! through the quoting that the output needs.

use super::proposal::{Action, Because, Proposal};
use super::roles::{KnownFrom, RoleAt};
use super::tally::Tally;
use super::{Cell, Disagreement, DisagreementKind, Holder, RoleRow, SourceRead, State};
use crate::event::vocabulary::LogSource;
use crate::report::layout::{counted, number};
use crate::report::table::span;

/// Makes text that is not ours harmless for an output.
pub(super) type Quote = fn(&str) -> String;

/// Marks what is not its job.
const WRONG: &str = "! ";

/// A cell of the grid: a count, or why there is none.
pub(super) fn cell(cell: &Cell) -> String {
    let others: Vec<String> = [(&cell.failed, "failed"), (&cell.unclear, "unclear")]
        .iter()
        .filter(|(tally, _)| !tally.is_empty())
        .map(|(tally, word)| format!("{} {word}", number(tally.events)))
        .chain((!cell.tokens.is_empty()).then(|| counted(cell.tokens.events, "token")))
        .collect();
    let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
    let mark = if cell.is_own_job { "" } else { WRONG };
    match cell.state {
        State::Done | State::Attempted | State::Unclear | State::TokenOnly => {
            format!("{mark}{}{others}", number(cell.done.events))
        }
        State::Nothing => "nothing".to_owned(),
        State::NotKnown => "not known".to_owned(),
    }
}

/// What a cell counted, with times: `compute x15, … to …; 2 failed, …`.
pub(super) fn work(cell: &Cell) -> String {
    let parts = tallies(&cell.done, &cell.failed, &cell.unclear, &cell.tokens);
    format!("{}: {}", cell.duty.row().says, parts.join("; "))
}

/// The counts that are not zero, each with its times.
fn tallies(done: &Tally, failed: &Tally, unclear: &Tally, tokens: &Tally) -> Vec<String> {
    let said = |tally: &Tally, what: String| (!tally.is_empty()).then(|| format!("{what}{}", times(tally)));
    let counted_as = |tally: &Tally, word: &str| said(tally, format!("{} {word}", number(tally.events)));
    let parts = [
        counted_as(done, "done"),
        counted_as(failed, "failed"),
        counted_as(unclear, "unclear"),
        said(tokens, counted(tokens.events, "token")),
    ];
    parts.into_iter().flatten().collect()
}

/// `, first to last`, or nothing.
fn times(tally: &Tally) -> String {
    tally.span().map_or_else(String::new, |(first, last)| format!(", {}", span(first, last)))
}

/// The uids of the first and last event of tallies: `, events a, b`.
fn evidence(tallies: &[&Tally]) -> String {
    let mut uids: Vec<&str> = tallies
        .iter()
        .flat_map(|tally| tally.first.iter().chain(&tally.last))
        .map(|seen| seen.event_uid.as_str())
        .collect();
    let mut told = std::collections::BTreeSet::new();
    uids.retain(|uid| told.insert(*uid));
    if uids.is_empty() { String::new() } else { format!("; evidence {}", uids.join(", ")) }
}

/// Name, kind and id of an identity.
pub(super) fn holder(holder: &Holder, quote: Quote) -> String {
    identity(holder.name.as_deref(), holder.principal_id.as_deref().or(holder.app_id.as_deref()), quote)
        + &format!(", {}, confidence {:.2}", holder.identity_kind, holder.confidence)
}

fn identity(name: Option<&str>, id: Option<&str>, quote: Quote) -> String {
    match (name, id) {
        (Some(name), Some(id)) if name != id => format!("{} {}", quote(name), quote(id)),
        (Some(one), _) | (None, Some(one)) => quote(one),
        (None, None) => "(without an id)".to_owned(),
    }
}

/// What is wrong with what an identity did.
pub(super) fn disagreement(wrong: &Disagreement, quote: Quote) -> String {
    let who = identity(wrong.name.as_deref(), wrong.principal_id.as_deref(), quote);
    let duty = wrong.duty.map_or("its job", |duty| duty.row().says);
    let counts = tallies(&wrong.done, &wrong.failed, &wrong.unclear, &wrong.tokens).join("; ");
    let evidence = evidence(&[&wrong.done, &wrong.failed, &wrong.unclear, &wrong.tokens]);
    match wrong.kind {
        DisagreementKind::OthersJob => format!("{who}: {duty} is not its job: {counts}{evidence}"),
        DisagreementKind::NobodysJob => format!("{who}: {duty} is neither identity's job: {counts}{evidence}"),
        DisagreementKind::Idle => {
            format!("{who}: did nothing of its job, and these logs were read: {}", sources(&wrong.read))
        }
    }
}

/// Names of logs.
pub(super) fn sources(sources: &[LogSource]) -> String {
    sources.iter().map(|source| source.as_str()).collect::<Vec<_>>().join(", ")
}

/// A role and its scope.
pub(super) fn role_at(at: &RoleAt, quote: Quote) -> String {
    let role = match (at.role, at.role_id.as_deref()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(id)) => format!("role {}", quote(id)),
        (None, None) => "a role that the logs do not name".to_owned(),
    };
    match at.scope.as_deref() {
        Some(scope) => format!("{role} on {}", quote(scope)),
        None => format!("{role} on a scope that the logs do not name"),
    }
}

/// A role held, and how that is known.
pub(super) fn held(row: &RoleRow, quote: Quote) -> String {
    let known: Vec<&str> = row
        .held
        .known_from
        .iter()
        .map(|from| match from {
            KnownFrom::Inventory => "listed by the inventory",
            KnownFrom::Grant => "given in the logs",
            KnownFrom::Use => "seen in use",
        })
        .collect();
    let granted = row.held.granted.as_ref();
    let granted = granted.map_or_else(String::new, |seen| format!(" {}, event {}", seen.time, seen.event_uid));
    format!("{}; {}{granted}", role_at(&row.held.at, quote), known.join(", "))
}

/// What to do about a role: one word for the table.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Remove => "remove",
        Action::Narrow => "narrow",
        Action::Keep => "keep",
        Action::NotKnown => "not known",
    }
}

/// Why, and on which evidence.
pub(super) fn reason(proposal: &Proposal, quote: Quote) -> String {
    let log = proposal.judged_by.as_ref().map_or("", |read| read.source.as_str());
    let because = match proposal.because {
        Because::OthersJob => "it is for the other identity's job".to_owned(),
        Because::NeverUsed => format!("no use of it in the {log} log"),
        Because::LessWouldDo => {
            let instead: Vec<String> = proposal.instead.iter().map(|at| role_at(at, quote)).collect();
            format!("this would have done: {}", instead.join("; "))
        }
        Because::Used => "it was used, and nothing narrower is known".to_owned(),
        Because::LogNotRead => format!("the {log} log of its scope was not read"),
        Because::GivenLater => format!("it was given after the last event of the {log} log"),
        Because::NotJudged => "no log that is read here shows its use".to_owned(),
    };
    format!("{because}{}{}", used(proposal), judged(proposal))
}

fn used(proposal: &Proposal) -> String {
    if proposal.used.is_empty() {
        return String::new();
    }
    let classes: Vec<String> =
        proposal.used_for.iter().map(|(class, count)| format!("{class} x{}", number(*count))).collect();
    format!("; used for {}{}{}", classes.join(", "), times(&proposal.used), evidence(&[&proposal.used]))
}

fn judged(proposal: &Proposal) -> String {
    let Some(read) = proposal.judged_by.as_ref().filter(|read| read.is_read) else { return String::new() };
    let resources = match read.resources {
        Some(count) => format!(" of {}", counted(count, "resource")),
        None => String::new(),
    };
    let period = match (proposal.judged_from, proposal.judged_until) {
        (Some(from), Some(until)) => format!(", {}", span(from, until)),
        _ => String::new(),
    };
    format!("; judged by {} of the {} log{resources}{period}", counted(read.events, "event"), read.source)
}

/// One log, read or not.
pub(super) fn source(read: &SourceRead) -> String {
    let resources = match read.resources {
        Some(count) if read.is_read => format!(" of {}", counted(count, "resource")),
        _ => String::new(),
    };
    match (read.first_seen, read.last_seen) {
        (Some(first), Some(last)) => {
            format!("{}: {}{resources}, {}", read.source, counted(read.events, "event"), span(first, last))
        }
        _ => format!("{}: not read", read.source),
    }
}
