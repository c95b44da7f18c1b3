//! The matrix for terminals.

use std::io::{self, Write};

use super::duty::Owner;
use super::{CAVEAT, Matrix, RoleRow, Side, WorkspaceMatrix, words};
use crate::report::Style;
use crate::report::escape::escaped;
use crate::report::layout::{Paint, field, padded, painted};

/// Columns of a duty's name, of whose it is, and of a cell.
const COLUMNS: [usize; 3] = [27, 9, 28];

/// Writes the matrix.
pub(crate) fn write(matrix: &Matrix, out: &mut dyn Write, style: Style) -> io::Result<()> {
    if matrix.workspaces.is_empty() {
        writeln!(out, "{}", painted(style, Paint::Strong, "no workspace and no identity of one is known"))?;
    }
    for workspace in &matrix.workspaces {
        write_workspace(workspace, out, style)?;
        writeln!(out)?;
    }
    writeln!(out, "{}", painted(style, Paint::Strong, "judged by"))?;
    for read in &matrix.sources {
        field(out, style, "", &words::source(read))?;
    }
    field(out, style, "", CAVEAT)?;
    writeln!(out)
}

fn write_workspace(workspace: &WorkspaceMatrix, out: &mut dyn Write, style: Style) -> io::Result<()> {
    match workspace.workspace_rid.as_deref() {
        Some(rid) => {
            let name = rid.rsplit('/').next().unwrap_or(rid);
            writeln!(out, "workspace {}", painted(style, Paint::Strong, escaped(name)))?;
            field(out, style, "id", &escaped(rid))?;
        }
        None => writeln!(out, "{}", painted(style, Paint::Strong, "identities of no one workspace"))?,
    }
    grid(workspace, out, style)?;
    for (name, side) in [("DBMI", &workspace.dbmi), ("ADAC", &workspace.adac)] {
        write_side(name, side, out, style)?;
    }
    Ok(())
}

fn grid(workspace: &WorkspaceMatrix, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let line = |texts: [&str; 3], last: &str| {
        let columns = texts.iter().zip(COLUMNS).map(|(text, columns)| padded(text, columns)).collect::<String>();
        format!("  {columns}{last}")
    };
    writeln!(out, "{}", painted(style, Paint::Faint, line(["duty", "whose", "DBMI"], "ADAC")))?;
    for (dbmi, adac) in workspace.dbmi.duties.iter().zip(&workspace.adac.duties) {
        let row = dbmi.duty.row();
        if row.owner == Owner::Anyone && dbmi.done.is_empty() && adac.done.is_empty() {
            continue;
        }
        writeln!(out, "{}", line([row.says, whose(row.owner), &words::cell(dbmi)], &words::cell(adac)))?;
    }
    Ok(())
}

/// Whose job a duty is, in a word.
pub(super) fn whose(owner: Owner) -> &'static str {
    match owner {
        Owner::Dbmi => "DBMI",
        Owner::Adac => "ADAC",
        Owner::Neither => "neither",
        Owner::Anyone => "",
    }
}

fn write_side(name: &str, side: &Side, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for holder in &side.identities {
        writeln!(out, "  {} {}", painted(style, Paint::Strong, name), words::holder(holder, escaped))?;
        let mut label = "did";
        for cell in &holder.duties {
            field(out, style, label, &words::work(cell))?;
            label = "";
        }
        for row in &holder.roles {
            write_role(row, out, style)?;
        }
    }
    let mut label = "disagrees";
    for wrong in &side.disagreements {
        field(out, style, label, &words::disagreement(wrong, escaped))?;
        label = "";
    }
    Ok(())
}

fn write_role(row: &RoleRow, out: &mut dyn Write, style: Style) -> io::Result<()> {
    field(out, style, "role", &words::held(row, escaped))?;
    field(out, style, words::action(row.proposal.action), &words::reason(&row.proposal, escaped))
}
