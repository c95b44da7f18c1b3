//! The matrix as Markdown. Everything that is not ours stands in code spans, in which nothing but
//! their own fence means anything.

use std::io::{self, Write};

use super::duty::Owner;
use super::table::whose;
use super::{CAVEAT, Matrix, Side, WorkspaceMatrix, words};
use crate::report::escape::markdown_code as code;

/// Writes the matrix.
pub(crate) fn write(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# What the two identities should do, and what they did\n")?;
    if matrix.workspaces.is_empty() {
        writeln!(out, "No workspace and no identity of one is known.\n")?;
    }
    for workspace in &matrix.workspaces {
        write_workspace(workspace, out)?;
    }
    writeln!(out, "## Judged by\n")?;
    for read in &matrix.sources {
        writeln!(out, "- {}", words::source(read))?;
    }
    writeln!(out, "\n{CAVEAT}")
}

fn write_workspace(workspace: &WorkspaceMatrix, out: &mut dyn Write) -> io::Result<()> {
    match workspace.workspace_rid.as_deref() {
        Some(rid) => writeln!(out, "## Workspace {}\n", code(rid))?,
        None => writeln!(out, "## Identities of no one workspace\n")?,
    }
    writeln!(out, "| duty | whose | DBMI | ADAC |\n|---|---|---|---|")?;
    for (dbmi, adac) in workspace.dbmi.duties.iter().zip(&workspace.adac.duties) {
        let row = dbmi.duty.row();
        if row.owner != Owner::Anyone || !dbmi.done.is_empty() || !adac.done.is_empty() {
            writeln!(out, "| {} | {} | {} | {} |", row.says, whose(row.owner), words::cell(dbmi), words::cell(adac))?;
        }
    }
    writeln!(out)?;
    for (name, side) in [("DBMI", &workspace.dbmi), ("ADAC", &workspace.adac)] {
        write_side(name, side, out)?;
    }
    Ok(())
}

fn write_side(name: &str, side: &Side, out: &mut dyn Write) -> io::Result<()> {
    for holder in &side.identities {
        writeln!(out, "### {name} {}\n", words::holder(holder, code))?;
        for cell in &holder.duties {
            writeln!(out, "- {}", words::work(cell))?;
        }
        for row in &holder.roles {
            writeln!(out, "- role {}", words::held(row, code))?;
            writeln!(out, "  - **{}**: {}", words::action(row.proposal.action), words::reason(&row.proposal, code))?;
        }
        writeln!(out)?;
    }
    if !side.disagreements.is_empty() {
        writeln!(out, "### Where {name} disagrees\n")?;
        for wrong in &side.disagreements {
            writeln!(out, "- {}", words::disagreement(wrong, code))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
