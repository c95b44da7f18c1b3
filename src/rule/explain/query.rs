//! Takes a rule's query apart: its named steps, their branches, the conditions of each.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, TableFactor, Visit, Visitor,
};

use super::Kind;

/// The column that tells which event a row is.
const UID: &str = "event_uid";

/// One query of the rule: a `WITH` query, or the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Its name; `None` for the last.
    pub(super) name: Option<String>,
    /// `WITH …` of the steps before it, or nothing.
    pub(super) prefix: String,
    /// Its text without them.
    pub(super) query: String,
    /// The `SELECT`s whose rows it puts together.
    pub(super) branches: Vec<Branch>,
    /// What could not be taken apart.
    pub(super) notes: Vec<String>,
}

/// One `SELECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    /// What it reads, in order.
    pub(super) tables: Vec<Table>,
    /// Names of tables whose `event_uid` may be the event's, the likeliest first.
    pub(super) events: Vec<String>,
    /// The parts of `WHERE` that must all hold.
    pub(super) conditions: Vec<Condition>,
    /// What could not be taken apart.
    pub(super) notes: Vec<String>,
}

/// A table of `FROM`, as text that follows the tables before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The name by which its columns are called.
    pub(super) name: Option<String>,
    /// As it stands in the query.
    pub(super) as_it_is: String,
    /// So that no event is lost by it.
    pub(super) relaxed: String,
    /// So that an event that does not match is lost by it.
    pub(super) strict: String,
    /// The join's condition, where it is a join that can be asked for.
    pub(super) join: Option<Condition>,
}

/// Something that holds of an event or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Its text.
    pub(super) text: String,
    /// What it decides.
    pub(super) kind: Kind,
    /// The columns that it reads, outside of queries within it.
    pub(super) columns: BTreeSet<String>,
    /// The parameters that it reads, without `$`.
    pub(super) params: BTreeSet<String>,
}

/// The steps of a query in the order in which they are written.
pub(super) fn steps(query: &Query) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut before: Vec<String> = Vec::new();
    let keyword = if query.with.as_ref().is_some_and(|with| with.recursive) { "WITH RECURSIVE " } else { "WITH " };
    let prefix =
        |before: &[String]| if before.is_empty() { String::new() } else { format!("{keyword}{} ", before.join(", ")) };
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        steps.push(step(Some(cte.alias.name.value.clone()), prefix(&before), &cte.query));
        before.push(cte.to_string());
    }
    let mut last = query.clone();
    last.with = None;
    steps.push(step(None, prefix(&before), &last));
    steps
}

fn step(name: Option<String>, prefix: String, query: &Query) -> Step {
    let mut step = Step { name, prefix, query: query.to_string(), branches: Vec::new(), notes: Vec::new() };
    if query.with.is_some() {
        step.notes.push("has named queries of its own, which are not taken apart".to_owned());
        return step;
    }
    if query.limit_clause.is_some() || query.fetch.is_some() {
        step.notes.push("returns a limited number of rows".to_owned());
    }
    take_apart(&query.body, &mut step);
    step
}

fn take_apart(body: &SetExpr, step: &mut Step) {
    match body {
        SetExpr::Select(select) => step.branches.push(branch(select)),
        SetExpr::Query(query) if query.with.is_none() => take_apart(&query.body, step),
        SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => {
            take_apart(left, step);
            take_apart(right, step);
        }
        SetExpr::SetOperation { op, .. } => step.notes.push(format!("{op} is not taken apart")),
        _ => step.notes.push("is no SELECT and is not taken apart".to_owned()),
    }
}

fn branch(select: &Select) -> Branch {
    let mut tables = Vec::new();
    let mut notes = Vec::new();
    for (n, from) in select.from.iter().enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        tables.push(plain(&from.relation, separator));
        tables.extend(from.joins.iter().map(joined));
    }
    if tables.iter().any(|table| table.name.is_none()) {
        notes.push("a query within FROM is not taken apart".to_owned());
    }
    if select.having.is_some() {
        notes.push("HAVING is about a group of events, not about one, and is not taken apart".to_owned());
    }
    if select.qualify.is_some() {
        notes.push("QUALIFY is about an event among others and is not taken apart".to_owned());
    }
    let events = events(select, &tables);
    let mut conditions = Vec::new();
    if let Some(selection) = &select.selection {
        conjuncts(selection, &mut conditions);
    }
    Branch { tables, events, conditions, notes }
}

fn plain(relation: &TableFactor, separator: &str) -> Table {
    let text = format!("{separator}{relation}");
    Table { name: name(relation), as_it_is: text.clone(), relaxed: text.clone(), strict: text, join: None }
}

fn joined(join: &Join) -> Table {
    use JoinOperator::{Anti, Inner, Join as Bare, Left, LeftAnti, LeftOuter, LeftSemi, Semi};

    let with = |operator: JoinOperator| format!(" {}", Join { join_operator: operator, ..join.clone() });
    let as_it_is = format!(" {join}");
    let (relaxed, strict, constraint) = match &join.join_operator {
        Bare(on) | Inner(on) => (with(Left(on.clone())), as_it_is.clone(), Some(on)),
        Left(on) | LeftOuter(on) => (as_it_is.clone(), with(Inner(on.clone())), Some(on)),
        // Their tables' columns cannot be read later, so nothing is lost with them.
        Semi(on) | LeftSemi(on) | Anti(on) | LeftAnti(on) => (String::new(), as_it_is.clone(), Some(on)),
        _ => (as_it_is.clone(), as_it_is.clone(), None),
    };
    let kind = if as_it_is == relaxed { Kind::OuterJoin } else { Kind::Join };
    let on = constraint.and_then(|constraint| match constraint {
        JoinConstraint::On(expression) => Some(expression),
        _ => None,
    });
    let join_condition = constraint.map(|_| Condition { text: as_it_is.trim().to_owned(), kind, ..reads(on) });
    Table { name: name(&join.relation), as_it_is, relaxed, strict, join: join_condition }
}

fn name(relation: &TableFactor) -> Option<String> {
    match relation {
        TableFactor::Table { alias: Some(alias), .. } => Some(alias.name.to_string()),
        TableFactor::Table { name, .. } => name.0.last().map(ToString::to_string),
        _ => None,
    }
}

/// Where the event's uid comes from: the tables that the output takes it from, then all others.
fn events(select: &Select, tables: &[Table]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                found.push(name.to_string());
            }
            SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
                let columns = reads(Some(expression)).columns;
                found.extend(
                    columns.iter().filter_map(|column| column.strip_suffix(UID)?.strip_suffix('.')).map(str::to_owned),
                );
            }
            _ => {}
        }
    }
    found.extend(tables.iter().filter_map(|table| table.name.clone()));
    found
}

fn conjuncts(expression: &Expr, found: &mut Vec<Condition>) {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, found);
            conjuncts(right, found);
        }
        Expr::Nested(inner) if is_and(inner) => conjuncts(inner, found),
        _ => found.push(Condition { text: expression.to_string(), ..reads(Some(expression)) }),
    }
}

fn is_and(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryOp { op, .. } => *op == BinaryOperator::And,
        Expr::Nested(inner) => is_and(inner),
        _ => false,
    }
}

/// What an expression reads, without text.
fn reads(expression: Option<&Expr>) -> Condition {
    let mut reader = Reader { depth: 0, columns: BTreeSet::new(), params: BTreeSet::new() };
    // The reader never breaks off.
    if let Some(expression) = expression
        && expression.visit(&mut reader).is_break()
    {
        reader.columns.clear();
    }
    Condition { text: String::new(), kind: Kind::Where, columns: reader.columns, params: reader.params }
}

/// Collects columns outside of inner queries, and parameters everywhere.
struct Reader {
    depth: usize,
    columns: BTreeSet<String>,
    params: BTreeSet<String>,
}

impl Visitor for Reader {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) if self.depth == 0 => {
                self.columns.insert(expression.to_string());
            }
            Expr::Value(value) => {
                let text = value.to_string();
                self.params.extend(text.strip_prefix('$').map(str::to_owned));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn taken_apart(sql: &str) -> Vec<Step> {
        let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        let [Statement::Query(query)] = statements.as_slice() else { panic!("{sql}") };
        steps(query)
    }

    fn texts(branch: &Branch) -> Vec<&str> {
        branch.conditions.iter().map(|condition| condition.text.as_str()).collect()
    }

    #[test]
    fn conditions_are_what_must_hold_all_together() {
        let steps = taken_apart("SELECT * FROM dbmi WHERE a = 1 AND (b AND NOT (c AND d)) AND (e OR f) AND g > $n");

        let branch = &steps[0].branches[0];
        assert_eq!(texts(branch), ["a = 1", "b", "NOT (c AND d)", "(e OR f)", "g > $n"]);
        assert_eq!(branch.conditions[2].columns, BTreeSet::from(["c".to_owned(), "d".to_owned()]));
        assert_eq!(branch.conditions[4].params, BTreeSet::from(["n".to_owned()]));
        assert_eq!(branch.events, ["dbmi"]);
    }

    #[test]
    fn every_step_stands_on_those_before_it_and_unions_have_branches() {
        let sql = "WITH a AS (SELECT * FROM dbmi UNION ALL SELECT * FROM adac WHERE x), \
                   b AS (SELECT * FROM a EXCEPT SELECT * FROM other) SELECT * FROM b";

        let steps = taken_apart(sql);

        assert_eq!(steps.iter().map(|step| step.name.as_deref()).collect::<Vec<_>>(), [Some("a"), Some("b"), None]);
        assert_eq!(steps.iter().map(|step| step.branches.len()).collect::<Vec<_>>(), [2, 0, 1]);
        assert_eq!((steps[0].prefix.as_str(), steps[2].query.as_str()), ("", "SELECT * FROM b"));
        assert!(steps[1].prefix.starts_with("WITH a AS (SELECT"), "{}", steps[1].prefix);
        assert_eq!(steps[1].notes, ["EXCEPT is not taken apart"]);
    }

    #[test]
    fn inner_joins_are_relaxed_to_outer_ones_and_back() {
        let sql = "SELECT e.* FROM workspaces AS w JOIN dbmi AS e ON e.workspace_rid = w.rid \
                   LEFT JOIN expected x ON x.principal_id = e.principal_id";

        let steps = taken_apart(sql);

        let branch = &steps[0].branches[0];
        assert_eq!(branch.events[0], "e");
        assert_eq!(branch.tables[1].relaxed, " LEFT JOIN dbmi AS e ON e.workspace_rid = w.rid");
        assert_eq!(branch.tables[2].strict, " INNER JOIN expected x ON x.principal_id = e.principal_id");
    }

    #[test]
    fn columns_of_inner_queries_are_not_the_conditions_own() {
        let steps = taken_apart("SELECT * FROM dbmi AS e WHERE EXISTS (SELECT 1 FROM adac AS a WHERE a.x = e.y) AND z");

        let branch = &steps[0].branches[0];
        assert_eq!(branch.conditions[0].columns, BTreeSet::new());
        assert_eq!(branch.conditions[1].columns, BTreeSet::from(["z".to_owned()]));
    }
}
