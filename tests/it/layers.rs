//! Imports between the modules of the library go one way.

use std::fs;
use std::path::PathBuf;

use crate::support::{files_below, root};

/// A module may import those before it, and itself.
const ORDER: &[&str] = &[
    "error",
    "limits",
    "cancel",
    "digest",
    "parallel",
    "time",
    "arm",
    "ip",
    "json",
    "redact",
    "coverage",
    "event",
    "frame",
    "format",
    "source",
    "identity",
    "lake",
    "sql",
    "rule",
    "finding",
    "report",
    "matrix",
    "pipeline",
    "generate",
    "sigma",
    "rule::case",
    "cli",
];

/// The import that the order does not say: a run is decided by its errors, and coverage by times.
fn position(module: &str) -> usize {
    ORDER.iter().position(|known| *known == module).unwrap_or_else(|| panic!("{module} has no place in the order"))
}

/// The module of a source file: its first path segment, cases apart.
fn module_of(relative: &str) -> &str {
    if relative == "rule/case.rs" {
        return "rule::case";
    }
    relative.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn no_module_imports_one_that_comes_after_it() {
    let source = root().join("src");
    let mut wrong = Vec::new();
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    for path in files_below(&source).into_iter().filter(is_rust) {
        let relative = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let is_test = relative.contains("tests") || relative.contains("fixture") || relative.contains("samples");
        if ["main.rs", "lib.rs"].contains(&relative.as_str()) || is_test {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for import in line.split("crate::").skip(1) {
                let end = import.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(import.len());
                let imported = if import.starts_with("rule::case") { "rule::case" } else { &import[..end] };
                if ORDER.contains(&imported) && position(imported) > position(module_of(&relative)) {
                    wrong.push(format!("{relative}:{}: imports {imported}", number + 1));
                }
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
