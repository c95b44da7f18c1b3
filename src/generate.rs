//! A made-up tenant of any size, with honest work, planted incidents, and the truth about both.
//!
//! The labels come from the story that is told, never from what the rest of the program would make
//! of it: this module uses neither the classifier nor the tables of operations.

mod event;
mod forms;
mod identities;
mod incidents;
mod inventory;
mod random;
mod sink;
mod stage;
mod story;
mod text;
mod truth;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::Path;

pub use forms::Form;
pub use sink::Compress;
pub use truth::{Incident, TruePrincipal, Truth};

use identities::Tenant;
use incidents::{Plan, Schedule, plans};
use random::Random;
use sink::Sink;
use stage::Stage;
use text::{DAY, HOUR};

/// The first moment of every story: 2026-05-04, a Monday.
const BEGINS: i64 = 1_777_852_800_000_000;

/// Shares of a day's records that fall to its hours, in thousandths.
const HOURS: [u64; 24] =
    [20, 15, 15, 20, 20, 25, 35, 50, 65, 70, 70, 65, 60, 65, 70, 65, 60, 50, 40, 30, 25, 25, 20, 20];

/// What to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// What chance begins with: the same seed and options give the same bytes.
    pub seed: u64,
    /// Workspaces; at least one is made.
    pub workspaces: usize,
    /// Days.
    pub days: u32,
    /// Log records a day, of the whole tenant, incidents not counted.
    pub events_per_day: u64,
    /// Rules to plant an incident for.
    pub incidents: Incidents,
    /// Forms of the exports; the archive where there is none.
    pub forms: Vec<Form>,
    /// Whether log files are compressed.
    pub compress: Compress,
    /// Whether to export who is who.
    pub inventory: Inventory,
}

/// Whether to export who is who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inventory {
    /// Into the folder `inventory`.
    Export,
    /// Not.
    Omit,
}

/// Which incidents to plant.
#[derive(Debug, Clone, Default)]
pub struct Incidents(Vec<&'static Plan>);

impl Incidents {
    /// One for every rule of the catalogue that has a plan; a story too short for it leaves it out.
    pub fn all() -> Self {
        Self(plans().collect())
    }

    /// None.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The incident of this rule, by id or number; `None` for a rule without a plan.
    pub fn add(&mut self, rule: &str) -> Option<()> {
        let plan = plans().find(|plan| plan.rule == rule || plan.number.eq_ignore_ascii_case(rule))?;
        if !self.0.iter().any(|known| known.rule == plan.rule) {
            self.0.push(plan);
        }
        Some(())
    }

    /// The first for which a story of so many days is too short, with the days that it needs.
    pub fn too_long_for(&self, days: u32) -> Option<(&'static str, i64)> {
        let plan = self.0.iter().find(|plan| plan.least_days() > i64::from(days))?;
        Some((plan.rule, plan.least_days()))
    }

    /// The numbers in the catalogue of those to plant.
    pub fn numbers(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|plan| plan.number)
    }

    /// Ids of all rules that have a plan.
    pub fn names() -> impl Iterator<Item = &'static str> {
        plans().map(|plan| plan.rule)
    }
}

/// What ends a generation.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// There is something in the folder.
    #[error("{} is not empty", .folder.display())]
    NotEmpty {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {what}")]
    Write {
        /// What.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Writes a tenant into a folder that is empty or absent, and returns the truth about it, which is
/// also the last file written: a folder without `truth.json` is not whole.
///
/// `watch` is told how many bytes and records have been added, about once an hour of the story.
///
/// # Errors
///
/// [`GenerateError::NotEmpty`] before anything is written; [`GenerateError::Write`].
pub fn generate(folder: &Path, options: &Options, watch: &mut dyn FnMut(u64, u64)) -> Result<Truth, GenerateError> {
    must_be_empty(folder)?;
    let tenant = Tenant::cast(options.seed, options.workspaces);
    let mut sink = Sink::new(folder, options.compress);
    let incidents = tell(&tenant, options, &mut sink, watch).map_err(|source| failed("the logs", source))?;
    if options.inventory == Inventory::Export {
        for (name, content) in inventory::files(&tenant) {
            let text = format!("{content:#}\n");
            sink.whole(&format!("inventory/{name}"), &text).map_err(|source| failed("the inventory", source))?;
        }
    }
    let mut truth = Truth::of(options.seed, &tenant, incidents);
    (truth.records, truth.bytes) = (sink.records, sink.bytes);
    let text = serde_json::to_string_pretty(&truth).map_err(|error| failed("truth.json", error.into()))?;
    sink.whole("truth.json", &(text + "\n")).map_err(|source| failed("truth.json", source))?;
    Ok(truth)
}

fn failed(what: &str, source: io::Error) -> GenerateError {
    GenerateError::Write { what: what.to_owned(), source }
}

fn must_be_empty(folder: &Path) -> Result<(), GenerateError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(GenerateError::NotEmpty { folder: folder.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(&folder.display().to_string(), error)),
    }
}

/// Tells the story hour by hour; no more than the records held for the files is in memory.
fn tell(
    tenant: &Tenant,
    options: &Options,
    sink: &mut Sink,
    watch: &mut dyn FnMut(u64, u64),
) -> io::Result<Vec<Incident>> {
    let forms = if options.forms.is_empty() { &[Form::Archive] } else { options.forms.as_slice() };
    let mut stage = Stage { tenant, random: Random::branch(options.seed, 3), forms, out: Vec::new() };
    let hours = i64::from(options.days.max(1)) * 24;
    let schedule = Schedule::new(options.seed, hours, &options.incidents.0);
    let mut incidents = Vec::new();
    let (mut planned, mut played) = (0, 0);
    for hour in 0..hours {
        let begins = BEGINS + hour * HOUR;
        let before = (sink.bytes, sink.records);
        let share = usize::try_from(hour.rem_euclid(DAY / HOUR)).ok().and_then(|hour| HOURS.get(hour));
        planned += options.events_per_day.saturating_mul(share.copied().unwrap_or_default()) / 1_000;
        played += play_hour(&mut stage, sink, (hour, begins), planned.saturating_sub(played))?;
        incidents.extend(schedule.play(&mut stage, hour, begins));
        sink.take(&mut stage.out)?;
        watch(sink.bytes - before.0, sink.records - before.1);
    }
    sink.write()?;
    Ok(incidents)
}

/// Plays the honest work of an hour until there are so many records; returns how many there were.
fn play_hour(stage: &mut Stage<'_>, sink: &mut Sink, (hour, begins): (i64, i64), wanted: u64) -> io::Result<u64> {
    let start = sink.records;
    if hour == 0 {
        story::morning_of_bystanders(stage, begins);
        story::morning_of_the_reserve(stage, begins);
    }
    // Everybody is seen at least once, in the first hour of the story.
    let mut introductions = stage.tenant.workspaces.iter().filter(|_| hour == 0);
    loop {
        sink.take(&mut stage.out)?;
        let done = sink.records - start;
        let at = begins + moment(done, wanted);
        if let Some(workspace) = introductions.next() {
            story::morning(stage, at, workspace);
        } else if done < wanted {
            let tenant = stage.tenant;
            let Some(workspace) = stage.random.one_of(&tenant.workspaces) else { return Ok(done) };
            story::work(stage, at, workspace);
        } else {
            return Ok(done);
        }
    }
}

/// How far into the hour the next record falls: the work of an hour is spread over it evenly.
fn moment(done: u64, wanted: u64) -> i64 {
    let share = u128::from(done.min(wanted)) * u128::from(HOUR.unsigned_abs()) / u128::from(wanted.max(1));
    i64::try_from(share).unwrap_or(0)
}
