//! `airside rules show`: one rule with everything it says.

use std::io::{self, Write};

use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{Paint, field, painted, wrap};
use crate::report::{Style, direction_word, profile_word, severity_word};
use crate::rule::{Head, Rule, Status};

/// Writes a rule: head, prose, SQL.
pub(super) fn show(rule: &Rule, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let head = &rule.head;
    writeln!(out, "{}", painted(style, Paint::Strong, Escaped(&head.id)))?;
    writeln!(out, "{}\n", Escaped(&head.title))?;
    show_head(head, out, style)?;
    for (name, param) in &head.params {
        let text = format!("${} = {}: {}", Escaped(name), escaped(&param.default.to_string()), Escaped(&param.why));
        field(out, style, "parameter", &text)?;
    }
    field(out, style, "created", &format!("{}, updated {}", head.created, head.updated))?;
    for reference in &head.references {
        field(out, style, "see", &escaped(reference))?;
    }
    field(out, style, "file", &escaped(&rule.file))?;
    for (heading, text) in &rule.prose {
        writeln!(out, "\n{}", painted(style, Paint::Strong, Escaped(heading)))?;
        for line in text.lines().flat_map(|line| wrap(&escaped(line.trim()), style.width)) {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "\n{}", painted(style, Paint::Strong, "SQL"))?;
    let is_comment = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("--");
    for line in rule.sql.lines().skip_while(is_comment) {
        writeln!(out, "{}", escaped(&line.replace('\t', "    ")))?;
    }
    Ok(())
}

fn show_head(head: &Head, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let status = match head.status {
        Status::Experimental => "experimental",
        Status::Stable => "stable",
        Status::Deprecated => "deprecated",
    };
    field(out, style, "severity", severity_word(head.severity))?;
    field(out, style, "direction", direction_word(head.direction))?;
    field(out, style, "profile", profile_word(head.profile))?;
    field(out, style, "status", status)?;
    let lists = [
        ("also called", &head.aliases),
        ("needs all", &head.sources),
        ("needs one", &head.any_sources),
        ("needs lists", &head.needs),
        ("ATT&CK", &head.attack),
        ("folded by", &head.group_by),
        ("shows", &head.details),
    ];
    for (label, values) in lists {
        if !values.is_empty() {
            field(out, style, label, &escaped(&values.join(", ")))?;
        }
    }
    Ok(())
}
