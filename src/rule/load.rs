//! The library of rules: those compiled in and those of `--rules`, and which of them run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::RunError;
use crate::rule::params::{RuleConfig, configure};
use crate::rule::{Problem, Profile, Rule, RuleError, did_you_mean, front_matter};

/// A rule compiled in: its path below `queries/`, its text, its cases.
type Shipped = (&'static str, &'static str, &'static str);

/// Compiles in the rule files of these names below `queries/`, each with its cases.
macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$((
            concat!("queries/", $path, ".sql"),
            include_str!(concat!("../../queries/", $path, ".sql")),
            include_str!(concat!("../../queries/", $path, ".cases.toml")),
        ),)*]
    };
}

/// Every rule below `queries/`, sorted.
const SHIPPED: &[Shipped] = shipped![
    "data_doing_infra/adac-arm-token",
    "data_doing_infra/adac-keys-or-sas-listed",
    "data_doing_infra/adac-keyvault-management",
    "data_doing_infra/adac-management-operation",
    "data_doing_infra/adac-role-assignment-write",
    "data_doing_infra/adac-storage-account-config-change",
    "data_doing_infra/adac-unexpected-audience",
    "governance/adac-excess-data-role",
    "governance/adac-granted-management-role",
    "governance/adac-scope-too-broad",
    "governance/anonymous-access-to-governed-storage",
    "governance/databricks-storage-credential-uses-sp",
    "governance/dbmi-granted-data-role",
    "governance/dbmi-overprivileged",
    "governance/diagnostic-settings-removed",
    "governance/global-init-script-or-secret-scope-change",
    "governance/keyvault-access-policy-grants-databricks",
    "governance/log-source-gap",
    "governance/managed-group-deny-assignment-hit",
    "governance/role-assigned-outside-pim",
    "governance/role-assignment-inside-managed-rg",
    "governance/shared-key-access-reenabled",
    "governance/shared-key-or-account-sas-on-governed-storage",
    "governance/sp-secret-data-access",
    "governance/storage-or-vault-public-network-opened",
    "governance/user-direct-data-access",
    "identity_misuse/access-connector-created-outside-expected",
    "identity_misuse/access-connector-identity-changed",
    "identity_misuse/adac-access-without-unity-catalog-event",
    "identity_misuse/adac-bulk-delete-or-rewrite",
    "identity_misuse/adac-identity-attached-elsewhere",
    "identity_misuse/adac-shared-by-workspaces",
    "identity_misuse/adac-used-outside-databricks",
    "identity_misuse/dbmi-identity-attached-by-non-databricks",
    "identity_misuse/dbmi-name-impersonation",
    "identity_misuse/dbmi-used-outside-cluster",
    "identity_misuse/federated-credential-on-databricks-identity",
    "identity_misuse/identity-denied-burst",
    "identity_misuse/identity-dormant-reactivated",
    "identity_misuse/identity-dual-use",
    "identity_misuse/identity-first-seen-operation-class",
    "identity_misuse/identity-first-seen-target",
    "identity_misuse/identity-unexpected-ip",
    "identity_misuse/notebook-imds-identity-use",
    "identity_misuse/unknown-databricks-identity",
    "infra_doing_data/dbmi-account-keys-or-sas-listed",
    "infra_doing_data/dbmi-bulk-read",
    "infra_doing_data/dbmi-cmk-identity-misuse",
    "infra_doing_data/dbmi-data-audience-token",
    "infra_doing_data/dbmi-firstparty-unlisted-vault",
    "infra_doing_data/dbmi-graph-token",
    "infra_doing_data/dbmi-keyvault-secret-read",
    "infra_doing_data/dbmi-management-outside-own-scope",
    "infra_doing_data/dbmi-sql-access",
    "infra_doing_data/dbmi-storage-data-access",
    "infra_doing_data/dbmi-storage-outside-creation-window",
    "infra_doing_data/dbmi-user-delegation-key",
];

/// What to do where a configuration names a rule that there is not.
pub(crate) const KNOWN_BY_FOLDER: &str = "rules of yours are known where --rules DIR names their folder";

/// Whether a rule is one of those compiled in, as it was compiled in.
pub(crate) fn is_shipped(rule: &Rule) -> bool {
    SHIPPED.iter().any(|(file, text, _)| *file == rule.file && *text == rule.sql)
}

/// All loaded rules, sorted by id. No two answer to the same name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    rules: Vec<Rule>,
}

/// Which rules run. Names are ids or aliases, in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Profiles that run besides `core`.
    pub profiles: Vec<Profile>,
    /// When not empty, these run and no others, whatever their profile.
    pub only: Vec<String>,
    /// Run besides their profile, and whatever the configuration says.
    pub enable: Vec<String>,
    /// Do not run, whatever else is said.
    pub disable: Vec<String>,
}

/// Rules that could be read, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) library: Library,
    pub(crate) problems: Vec<Problem>,
}

impl Library {
    /// Loads the rules compiled in and those in the given files and folders. Queries are not
    /// planned yet: that is [`check`](crate::rule::check).
    ///
    /// # Errors
    ///
    /// [`RuleError::Wrong`] with everything that is wrong in all files, [`RuleError::Unreadable`]
    /// for a path that cannot be read.
    pub fn load(extra_dirs: &[PathBuf]) -> Result<Self, RuleError> {
        Self::parse_all(extra_dirs)?.into_library()
    }

    /// A library of one rule.
    pub fn of(rule: Rule) -> Self {
        Self { rules: vec![rule] }
    }

    /// Loads the rules in the given files and folders and no others.
    ///
    /// # Errors
    ///
    /// As [`Library::load`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, RuleError> {
        Self::parse_paths(paths)?.into_library()
    }

    pub(crate) fn parse_all(extra_dirs: &[PathBuf]) -> Result<Parsed, RuleError> {
        let mut parsed = Parsed::default();
        for (file, text, cases) in SHIPPED {
            parsed.add(file, text, Some((*cases).to_owned()));
        }
        parsed.add_paths(extra_dirs)?;
        Ok(parsed.finished())
    }

    pub(crate) fn parse_paths(paths: &[PathBuf]) -> Result<Parsed, RuleError> {
        let mut parsed = Parsed::default();
        parsed.add_paths(paths)?;
        Ok(parsed.finished())
    }

    /// All rules, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that answers to a name.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] with the nearest name when there is none.
    pub fn find(&self, name: &str) -> Result<&Rule, RunError> {
        self.rules.iter().find(|rule| rule.answers_to(name)).ok_or_else(|| {
            let hint = did_you_mean(name, self.rules.iter().flat_map(Rule::names));
            RunError::usage(format!("there is no rule '{name}'{hint}"))
        })
    }

    /// Puts the configuration's `[rules.<name>]` tables into the rules.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] with everything that is wrong: unknown rules and parameters, types.
    pub fn configure(&mut self, configs: &BTreeMap<String, RuleConfig>) -> Result<(), RunError> {
        let (mut wrong, mut hint) = (Vec::new(), None);
        for (name, config) in configs {
            if let Err(unknown) = self.find(name) {
                wrong.push(format!("{}: {unknown}", config.place));
                hint = Some(KNOWN_BY_FOLDER.to_owned());
            }
            for rule in self.rules.iter_mut().filter(|rule| rule.answers_to(name)) {
                wrong.extend(configure(rule, config).err().unwrap_or_default());
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(RunError::Usage { message: wrong.join("\n"), hint }) }
    }

    /// The rules that run, by id.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for the first name that no rule answers to.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Rule>, RunError> {
        for name in selection.only.iter().chain(&selection.enable).chain(&selection.disable) {
            self.find(name)?;
        }
        Ok(self.rules.iter().filter(|rule| selection.takes(rule)).collect())
    }
}

impl Selection {
    fn takes(&self, rule: &Rule) -> bool {
        let named = |names: &[String]| names.iter().any(|name| rule.answers_to(name));
        if named(&self.disable) {
            return false;
        }
        if !self.only.is_empty() {
            return named(&self.only);
        }
        let profile = rule.head.profile;
        let by_profile = profile == Profile::Core || self.profiles.contains(&profile);
        named(&self.enable) || rule.settings.enabled.unwrap_or(by_profile)
    }
}

impl Parsed {
    fn add(&mut self, file: &str, text: &str, cases: Option<String>) {
        match front_matter::parse(file, text, cases) {
            Ok(rule) => self.library.rules.push(rule),
            Err(problems) => self.problems.extend(problems),
        }
    }

    fn add_paths(&mut self, paths: &[PathBuf]) -> Result<(), RuleError> {
        for path in paths {
            for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
                let entry = entry.map_err(|error| unreadable(path, error.into()))?;
                let is_rule = entry.path().extension().is_some_and(|extension| extension == "sql");
                if entry.file_type().is_file() && is_rule {
                    self.add_file(entry.path())?;
                } else if entry.file_type().is_file() && entry.depth() == 0 {
                    let message = "a rule file's name ends in '.sql'".to_owned();
                    let file = path.display().to_string();
                    self.problems.push(Problem { file, line: None, column: None, rule: None, message });
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), RuleError> {
        let cases_path = path.with_extension("cases.toml");
        let cases = if cases_path.exists() { self.text(&cases_path)? } else { None };
        if let Some(text) = self.text(path)? {
            self.add(&path.display().to_string(), &text, cases);
        }
        Ok(())
    }

    /// A file's text; `None`, and a problem, when it is not UTF-8.
    fn text(&mut self, path: &Path) -> Result<Option<String>, RuleError> {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..valid).unwrap_or_default();
                let line = before.split(|byte| *byte == b'\n').count();
                let message = "the file is not UTF-8".to_owned();
                let file = path.display().to_string();
                self.problems.push(Problem { file, line: Some(line), column: None, rule: None, message });
                Ok(None)
            }
        }
    }

    /// Sorts the rules, and finds names that two of them claim.
    fn finished(mut self) -> Self {
        let rules = &mut self.library.rules;
        rules.sort_by(|a, b| (&a.head.id, &a.file).cmp(&(&b.head.id, &b.file)));
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for (n, rule) in rules.iter().enumerate() {
            for name in rule.names() {
                let Some(owner) = owners.insert(name.to_ascii_lowercase(), n) else { continue };
                let Some(first) = rules.get(owner) else { continue };
                let message = if owner == n {
                    format!("the name '{name}' stands twice among its id and aliases")
                } else {
                    format!("the name '{name}' is taken by {}", first.file)
                };
                let (file, id) = (rule.file.clone(), Some(rule.head.id.clone()));
                self.problems.push(Problem { file, line: Some(1), column: None, rule: id, message });
            }
        }
        self
    }

    /// The library, if nothing is wrong.
    pub(crate) fn into_library(mut self) -> Result<Library, RuleError> {
        if self.problems.is_empty() {
            return Ok(self.library);
        }
        self.problems.sort();
        self.problems.dedup();
        Err(RuleError::Wrong { problems: self.problems })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> RuleError {
    RuleError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::exceptions::Config;
    use crate::rule::front_matter::tests::FILE;

    fn write(dir: &Path, id: &str, alias: &str, profile: &str) -> PathBuf {
        let text = FILE.replace("sample-rule", id).replace("R99", alias).replace("\"core\"", profile);
        let path = dir.join(format!("{id}.sql"));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn library() -> Library {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "core-rule", "C1", "\"core\"");
        write(dir.path(), "hunting-rule", "H1", "\"hunting\"");
        Library::read(&[dir.path().to_owned()]).unwrap()
    }

    fn ids(library: &Library, selection: &Selection) -> Vec<String> {
        library.select(selection).unwrap().into_iter().map(|rule| rule.head.id.clone()).collect()
    }

    #[test]
    fn every_file_under_queries_is_compiled_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<String> = WalkDir::new(root.join("queries"))
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "sql"))
            .map(|entry| entry.path().strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"))
            .collect();
        files.sort();

        let listed: Vec<&str> = SHIPPED.iter().map(|(file, ..)| *file).collect();

        assert_eq!(listed, files);
    }

    #[test]
    fn the_shipped_rules_load() {
        assert_eq!(Library::load(&[]).unwrap().rules().len(), SHIPPED.len());
    }

    #[test]
    fn everything_wrong_in_all_files_is_reported_together() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("more")).unwrap();
        std::fs::write(dir.path().join("a.sql"), "SELECT 1").unwrap();
        std::fs::write(dir.path().join("more/b.sql"), "--! id = 1").unwrap();
        std::fs::write(dir.path().join("c.sql"), b"--! \n\xff").unwrap();

        let RuleError::Wrong { problems } = Library::read(&[dir.path().to_owned()]).unwrap_err() else { panic!() };

        let at: Vec<_> = problems.iter().map(|p| (p.file.rsplit('/').next().unwrap(), p.line)).collect();
        assert_eq!(at, [("a.sql", Some(1)), ("c.sql", Some(2)), ("b.sql", Some(1))]);
    }

    #[test]
    fn a_name_that_two_rules_claim_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "first-rule", "R1", "\"core\"");
        write(dir.path(), "second-rule", "r1", "\"core\"");

        let error = Library::read(&[dir.path().to_owned()]).unwrap_err().to_string();

        assert!(error.contains("second-rule: the name 'r1' is taken by"), "{error}");
        assert!(error.ends_with("first-rule.sql"), "{error}");
    }

    #[test]
    fn a_path_that_does_not_exist_is_a_usage_error() {
        let error = RunError::from(Library::load(&[PathBuf::from("/no/such/rules")]).unwrap_err());

        assert!(matches!(&error, RunError::Usage { message, .. } if message.contains("/no/such/rules")), "{error}");
    }

    #[test]
    fn the_core_profile_runs_and_others_when_asked_for() {
        let library = library();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();

        let hunting = Selection { profiles: vec![Profile::Hunting], ..Selection::default() };
        let enabled = Selection { enable: names(&["h1"]), ..Selection::default() };
        let only = Selection { only: names(&["H1"]), ..Selection::default() };
        let disabled = Selection { disable: names(&["C1"]), enable: names(&["core-rule"]), ..Selection::default() };

        assert_eq!(ids(&library, &Selection::default()), ["core-rule"]);
        assert_eq!(ids(&library, &hunting), ["core-rule", "hunting-rule"]);
        assert_eq!(ids(&library, &enabled), ["core-rule", "hunting-rule"]);
        assert_eq!(ids(&library, &only), ["hunting-rule"]);
        assert_eq!(ids(&library, &disabled), [] as [&str; 0]);
    }

    #[test]
    fn the_configuration_turns_rules_on_and_off() {
        let mut library = library();
        let config = |enabled| RuleConfig { enabled: Some(enabled), ..RuleConfig::default() };
        let configs = BTreeMap::from([("C1".to_owned(), config(false)), ("hunting-rule".to_owned(), config(true))]);

        library.configure(&configs).unwrap();

        assert_eq!(ids(&library, &Selection::default()), ["hunting-rule"]);
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_nearest_one() {
        let mut library = library();
        let selection = Selection { only: vec!["core-rul".to_owned()], ..Selection::default() };

        let selected = library.select(&selection).unwrap_err();
        let config = Config::parse("a.toml", "profile = \"hunting\"\n[rules.core-rul]\nenabled = true").unwrap();
        let configured = library.configure(&config.rules);

        assert_eq!(selected.to_string(), "there is no rule 'core-rul'; did you mean 'core-rule'?");
        assert_eq!(configured.unwrap_err().to_string(), format!("a.toml:2:8: {selected}"));
    }
}
