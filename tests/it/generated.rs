//! Generated tenants: what was planted is found, nothing else is, and everybody is who they are.

use std::collections::{BTreeMap, BTreeSet};

use airside::finding::Finding;
use airside::generate::{Compress, Form, Incident, Incidents, Inventory, Options, TruePrincipal, Truth, generate};
use airside::pipeline::{Analysis, ReadOptions};
use airside::rule::load::Selection;
use airside::rule::{Rule, Severity};

use crate::support::{is_full, library, scan_for};

/// Seeds of the full count: each tells a tenant in every mix of forms.
const SEEDS: [u64; 5] = [101, 102, 103, 104, 105];

/// One of so many pairs of mix and seed is told unless the full count is asked for: every mix once,
/// every seed as often as any other.
const SHARE: usize = SEEDS.len();

/// Every mix of forms with its share of the seeds, or with all of them.
fn mixes() -> impl Iterator<Item = (Vec<Form>, u64)> {
    let mix = |set: usize| Form::ALL.into_iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1);
    let mixes = (1..1 << Form::ALL.len()).map(move |set| mix(set).map(|(_, form)| form).collect::<Vec<_>>());
    let pairs = mixes.enumerate().flat_map(|(at, forms)| {
        SEEDS.into_iter().enumerate().map(move |(other, seed)| (at + other, forms.clone(), seed))
    });
    pairs.filter(|(number, ..)| is_full() || number % SHARE == 0).map(|(_, forms, seed)| (forms, seed))
}

#[test]
fn every_incident_is_planted_for_a_rule_that_there_is() {
    for name in Incidents::names() {
        assert!(library().find(name).is_ok(), "{name}");
    }
}

fn options(seed: u64) -> Options {
    Options {
        seed,
        workspaces: 12,
        days: 1,
        events_per_day: 1_000,
        incidents: Incidents::all(),
        forms: vec![Form::Archive],
        compress: Compress::Not,
        inventory: Inventory::Export,
    }
}

fn told(options: &Options) -> (Truth, Analysis) {
    told_to(options, &Selection::default())
}

fn told_to(options: &Options, selection: &Selection) -> (Truth, Analysis) {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(folder.path(), options, &mut |_, _| {}).unwrap();
    // The truth is not for the engine to read.
    std::fs::remove_file(folder.path().join("truth.json")).unwrap();
    let analysis = scan_for(folder.path(), &ReadOptions::default(), selection);
    // What an inventory states are events too, but not of the logs.
    let stated = analysis.coverage.sources.get("inventory").map_or(0, |source| source.events);
    assert_eq!(analysis.coverage.records.events - stated, truth.records, "{:?}", analysis.coverage);
    assert_eq!(analysis.coverage.records.rejected, 0);
    (truth, analysis)
}

/// Whether a finding is about a planted incident: about one of those who took part (a rule may be
/// about the one who acts or the one who is given something), and, as far as its rule folds by it,
/// about the target.
fn is_of(finding: &Finding, incident: &Incident, rule: &Rule) -> bool {
    let who = finding.principal_id.as_ref();
    let is_who = match who {
        Some(who) => incident.involved.contains(who),
        // Databricks knows people by their address, and a key has no name.
        None => incident.principal_id.is_none() || finding.principal_name == incident.principal_name,
    };
    let by_target = rule.head.group_by.iter().any(|column| column == "target_id");
    finding.rule_id == rule.head.id && is_who && (!by_target || finding.target_id == incident.target_id)
}

/// Rules whose incident drowns among the others: any opening of data through Unity Catalog within
/// two hours excuses it, as its prose says. It is found where it is planted alone.
const DROWNED: [&str; 1] = ["adac-access-without-unity-catalog-event"];

/// Planted incidents whose rule ran and found nothing.
fn missed(truth: &Truth, analysis: &Analysis, inventory: Inventory) -> Vec<String> {
    let ran: BTreeSet<&str> = analysis.coverage.rules.run.iter().map(String::as_str).collect();
    let due = truth.incidents.iter().filter(|incident| inventory == Inventory::Export || !incident.needs_inventory);
    let is_alone = truth.incidents.len() == 1;
    let due = due.filter(|incident| is_alone || !DROWNED.contains(&incident.rule_id));
    due.filter_map(|incident| {
        let rule = shipped(incident.rule_id, incident.catalogue).filter(|rule| ran.contains(rule.head.id.as_str()))?;
        let is_found = analysis.findings.iter().any(|finding| is_of(finding, incident, rule));
        (!is_found).then(|| format!("{incident:?}"))
    })
    .collect()
}

/// Findings of weight about those who took no part in any incident.
fn slanders(truth: &Truth, analysis: &Analysis) -> Vec<String> {
    let involved: BTreeSet<&str> =
        truth.incidents.iter().flat_map(|incident| incident.involved.iter().map(String::as_str)).collect();
    let names: BTreeSet<&str> =
        truth.incidents.iter().filter_map(|incident| incident.principal_name.as_deref()).collect();
    let about = |finding: &&Finding| match (&finding.principal_id, &finding.principal_name) {
        (Some(who), _) => !involved.contains(who.as_str()),
        (None, Some(name)) => !names.contains(name.as_str()),
        // Of nobody nothing can be said wrongly.
        (None, None) => truth.incidents.is_empty(),
    };
    let weighty = analysis.findings.iter().filter(|finding| finding.severity >= Severity::Medium);
    weighty.filter(about).map(|finding| format!("{finding:?}")).collect()
}

/// Principals in a stream that is not theirs. Whom the logs do not give away is in none of the two
/// without an inventory, or in the right one.
fn misplaced(truth: &Truth, analysis: &Analysis, inventory: Inventory) -> Vec<String> {
    let mut streams: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in &analysis.identities {
        if let Some(id) = row.principal_id.as_deref().filter(|_| row.events > 0) {
            streams.entry(id).or_default().insert(row.stream.to_string());
        }
    }
    let due = truth.principals.iter().filter(|who| who.in_logs);
    due.filter_map(|who| {
        let found = streams.get(who.principal_id.as_str()).cloned().unwrap_or_default();
        let is_told = inventory == Inventory::Export || who.told_by_logs;
        let is_right = found == BTreeSet::from([who.stream.to_owned()]) || !is_told && is_undecided(&found, who);
        (!is_right).then(|| format!("{found:?}: {who:?}"))
    })
    .collect()
}

/// Whether a principal is said to be neither of the two. Who has the name of a workspace's identity
/// and shows nothing else is taken for one, with a confidence that says so.
fn is_undecided(found: &BTreeSet<String>, who: &TruePrincipal) -> bool {
    *found == BTreeSet::from(["other".to_owned()])
        || who.name == "dbmanagedidentity" && *found == BTreeSet::from(["dbmi".to_owned()])
}

fn nothing(what: &str, seed: u64, wrong: &[String]) {
    assert!(wrong.is_empty(), "seed {seed}, {what}: {}\n{}", wrong.len(), wrong.join("\n"));
}

/// Holds that a tenant's incidents are found, nobody else is accused, and everybody is who they are.
fn holds(options: &Options) {
    let (truth, analysis) = told(options);
    let (seed, inventory, forms) = (options.seed, options.inventory, &options.forms);

    nothing(&format!("{forms:?} missed"), seed, &missed(&truth, &analysis, inventory));
    nothing(&format!("{forms:?} slandered"), seed, &slanders(&truth, &analysis));
    nothing(&format!("{forms:?} misplaced"), seed, &misplaced(&truth, &analysis, inventory));
}

#[test]
fn planted_incidents_are_found_and_nobody_else_is_accused_in_every_mix_of_forms() {
    let mut told = 0;
    for (forms, seed) in mixes() {
        let compress = if seed % 2 == 0 { Compress::Gzip } else { Compress::Not };
        holds(&Options { forms, compress, ..options(seed) });
        told += 1;
    }

    assert_eq!(told, if is_full() { 75 } else { 15 });
}

#[test]
fn without_an_inventory_what_the_logs_tell_is_found_in_every_mix_of_forms() {
    for (forms, seed) in mixes() {
        holds(&Options { forms, inventory: Inventory::Omit, ..options(seed) });
    }
}

/// The rule of the library, by its id or its number, as a rule of its own or a branch of another.
fn shipped(id: &str, number: &str) -> Option<&'static Rule> {
    library().find(id).or_else(|_| library().find(number)).ok()
}

/// Rules that say nothing without a list of addresses or an earlier run.
fn lacks_its_list(rule: &Rule) -> bool {
    rule.head.needs.iter().any(|list| list == "allowed_ip" || list == "baseline")
}

#[test]
fn an_incident_alone_is_found_and_nobody_else_is_accused() {
    let mut played = 0;
    for (seed, name) in (20..).zip(Incidents::names()) {
        let mut incidents = Incidents::none();
        incidents.add(name).unwrap();
        if incidents.too_long_for(1).is_some() {
            continue;
        }
        let options = Options { incidents, workspaces: 2, events_per_day: 200, ..options(seed) };
        let number = incident_number(&options);
        let Some(rule) = shipped(name, number).filter(|rule| !lacks_its_list(rule)) else { continue };
        played += 1;
        let selection = Selection { only: vec![rule.head.id.clone()], ..Selection::default() };
        let (truth, analysis) = told_to(&options, &selection);

        assert_eq!(truth.incidents.len(), 1, "{name}");
        nothing(&format!("{name} missed"), seed, &missed(&truth, &analysis, Inventory::Export));
        nothing(&format!("{name} slandered"), seed, &slanders(&truth, &analysis));
    }

    assert!(played >= 12, "{played}");
}

/// The number in the catalogue of the one incident.
fn incident_number(options: &Options) -> &'static str {
    options.incidents.numbers().next().unwrap()
}

#[test]
fn an_honest_tenant_gives_no_finding_of_weight() {
    let (truth, analysis) = told(&Options { incidents: Incidents::none(), ..options(6) });

    nothing("slandered", 6, &slanders(&truth, &analysis));
}
