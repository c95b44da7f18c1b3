//! Planted incidents: one plan a rule of the catalogue, each recorded in the truth.
//!
//! A new incident is one row and one function in the file of its theme.

mod behaviour;
mod bypass;
mod data_doing_infra;
mod governance;
mod identity_misuse;
mod infra_doing_data;

use super::event::Event;
use super::identities::{Connector, Principal, Workspace};
use super::random::Random;
use super::stage::Stage;
use super::text::HOUR;
use super::truth::Incident;

/// How an incident of one rule comes about.
#[derive(Debug)]
pub(super) struct Plan {
    /// The rule's id.
    pub(super) rule: &'static str,
    /// Its number in the catalogue.
    pub(super) number: &'static str,
    /// What the finding needs beside the logs' telling who the identity is.
    pub(super) needs: Needs,
    /// Plays it. `None` where the tenant has nobody for the part.
    pub(super) play: for<'s, 't> fn(&mut Scene<'s, 't>) -> Option<Plot<'t>>,
}

impl Plan {
    /// Days that a story must have for it.
    pub(super) fn least_days(&self) -> i64 {
        match self.needs {
            Needs::Days(days) => days + 1,
            Needs::Identity | Needs::Inventory => 1,
        }
    }

    /// The first hour in which it can happen: a few hours after everybody introduced themselves.
    fn first_hour(&self) -> i64 {
        (self.least_days() - 1) * 24 + FIRST_HOUR
    }
}

/// Hours that pass before the first incident: introductions lie out of its window.
const FIRST_HOUR: i64 = 4;

/// What a finding needs beside the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing, if the logs tell who the identity is.
    Identity,
    /// An inventory, whoever it is.
    Inventory,
    /// As [`Needs::Identity`], after so many days of ordinary work.
    Days(i64),
}

/// Who did it, or to whom it was done, and on what.
#[derive(Debug)]
pub(super) struct Plot<'t> {
    /// Whom the finding is about; nobody where a key has no name.
    principal: Option<&'t Principal>,
    /// ARM id of what was touched; none where there is not one.
    target: Option<String>,
    /// Others who take part.
    others: Vec<&'t Principal>,
}

impl<'t> Plot<'t> {
    /// This principal on this target.
    pub(super) fn of(principal: &'t Principal, target: &str) -> Self {
        Self { principal: Some(principal), target: Some(target.to_owned()), others: Vec::new() }
    }

    /// Nobody in particular, on this target.
    pub(super) fn nobody(target: &str) -> Self {
        Self { principal: None, target: Some(target.to_owned()), others: Vec::new() }
    }

    /// This principal on nothing in particular.
    pub(super) fn alone(principal: &'t Principal) -> Self {
        Self { principal: Some(principal), target: None, others: Vec::new() }
    }

    /// With somebody who takes part.
    pub(super) fn with(principal: &'t Principal, target: &str, other: &'t Principal) -> Self {
        Self { principal: Some(principal), target: Some(target.to_owned()), others: vec![other] }
    }
}

/// One incident under way.
#[derive(Debug)]
pub(super) struct Scene<'s, 't> {
    /// Where it is played.
    pub(super) stage: &'s mut Stage<'t>,
    /// When it begins, in microseconds.
    pub(super) at: i64,
    /// Which workspace is next.
    turn: usize,
    /// First and last event of the incident, and its log.
    seen: Option<(i64, i64, &'static str)>,
}

impl<'t> Scene<'_, 't> {
    /// Lets something happen that is part of the incident.
    pub(super) fn play(&mut self, event: &Event<'t>) {
        let (first, last, _) = self.seen.unwrap_or((event.at(), event.at(), ""));
        self.seen = Some((first.min(event.at()), last.max(event.at()), event.source()));
        self.stage.play(event);
    }

    /// A call that is part of it.
    pub(super) fn call(&mut self, after: i64, who: &'t Principal, operation: &str, target: &str) {
        self.call_with(after, who, (operation, target), "");
    }

    /// A call with a body that is part of it.
    pub(super) fn call_with(&mut self, after: i64, who: &'t Principal, what: (&str, &str), body: &str) {
        let call = self.stage.a_call(self.at + after, who, what, body);
        self.play(&Event::Call(call));
    }

    /// A role given, which is part of it; the id of the assignment.
    pub(super) fn grant(&mut self, who: &'t Principal, (assignee, role, scope): (&'t Principal, &str, &str)) -> String {
        self.seen = Some((self.at, self.at, "activity"));
        self.stage.grant(self.at, who, (assignee, role, scope))
    }

    /// The workspace whose turn it is.
    pub(super) fn workspace(&self) -> Option<&'t Workspace> {
        self.workspace_with(|_| true)
    }

    /// The workspace whose turn it is, of those with customer-managed keys.
    pub(super) fn encrypted_workspace(&self) -> Option<&'t Workspace> {
        self.workspace_with(|workspace| workspace.encryption.is_some())
    }

    /// A workspace and its connector with a user-assigned identity.
    pub(super) fn assigned_connector(&self) -> Option<(&'t Workspace, &'t Connector)> {
        let workspace = self.workspace_with(|workspace| workspace.assigned_connector().is_some())?;
        workspace.assigned_connector().map(|connector| (workspace, connector))
    }

    fn workspace_with(&self, fits: fn(&Workspace) -> bool) -> Option<&'t Workspace> {
        self.stage.tenant.workspace_from(self.turn, fits)
    }
}

/// All plans, in the order of the catalogue's themes.
pub(super) fn plans() -> impl Iterator<Item = &'static Plan> {
    let themes = [
        infra_doing_data::PLANS,
        data_doing_infra::PLANS,
        governance::PLANS,
        identity_misuse::PLANS,
        behaviour::PLANS,
        bypass::PLANS,
    ];
    themes.into_iter().flatten()
}

/// Plans of a tenant, each with its hour.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Hour of the story, number of the plan, and the plan; sorted.
    due: Vec<(i64, usize, &'static Plan)>,
    seed: u64,
}

impl Schedule {
    /// Gives every plan an hour at random; a plan for which the story is too short has none.
    pub(super) fn new(seed: u64, hours: i64, plans: &[&'static Plan]) -> Self {
        let mut random = Random::branch(seed, 2);
        let mut due: Vec<_> = plans
            .iter()
            .enumerate()
            .filter(|(_, plan)| plan.least_days() * 24 <= hours)
            .map(|(number, plan)| (random.between(plan.first_hour(), hours), number, *plan))
            .collect();
        due.sort_by_key(|(hour, number, _)| (*hour, *number));
        Self { due, seed }
    }

    /// Plays what is due in an hour.
    pub(super) fn play(&self, stage: &mut Stage<'_>, hour: i64, begins: i64) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for (_, number, plan) in self.due.iter().filter(|(due, _, _)| *due == hour) {
            let mut random = Random::branch(self.seed, 1_000 + *number as u64);
            let at = begins + random.between(0, HOUR / 2);
            // Neighbours in the catalogue do not share a workspace, where there are enough.
            let turn = number * 3 + 1;
            let mut scene = Scene { stage, at, turn, seen: None };
            let Some(plot) = (plan.play)(&mut scene) else { continue };
            let Some(seen) = scene.seen else { continue };
            incidents.push(incident(plan, &plot, seen));
        }
        incidents
    }
}

fn incident(plan: &Plan, plot: &Plot<'_>, (first, last, source): (i64, i64, &'static str)) -> Incident {
    let involved = plot.principal.iter().chain(&plot.others).map(|who| who.id.clone()).collect();
    Incident {
        rule_id: plan.rule,
        catalogue: plan.number,
        principal_id: plot.principal.map(|who| who.id.clone()),
        principal_name: plot.principal.map(|who| who.name.clone()),
        stream: plot.principal.map_or("unattributed", |who| who.stream.word()),
        target_id: plot.target.as_ref().map(|target| target.to_lowercase()),
        first_seen: super::text::time(first, 6) + "Z",
        last_seen: super::text::time(last, 6) + "Z",
        source,
        needs_inventory: plan.needs == Needs::Inventory,
        involved,
    }
}
