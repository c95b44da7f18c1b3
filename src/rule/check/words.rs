//! Words that a query compares a column with and that the column never holds: such a comparison is
//! false, or true, of every event, and nobody is told.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::event::schema;
use crate::rule::did_you_mean;

/// A word, and the column that never holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnheldWord {
    /// The word as the query has it.
    pub(crate) word: String,
    /// What is wrong with it, and what would be right.
    pub(crate) message: String,
}

/// The words of a plan that its columns never hold, each once, sorted by column. Where a query gives
/// something of its own a column's name, that name is not looked at.
///
/// # Errors
///
/// Those of walking the plan.
pub(crate) fn unheld(plan: &LogicalPlan) -> Result<Vec<UnheldWord>, DataFusionError> {
    let mut renamed = BTreeSet::new();
    let mut compared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                if let Expr::Alias(alias) = expression
                    && !matches!(alias.expr.as_ref(), Expr::Column(column) if column.name == alias.name)
                {
                    renamed.insert(alias.name.clone());
                }
                for (column, word) in comparisons(expression) {
                    compared.entry(column.to_owned()).or_default().insert(word.to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let mut found = Vec::new();
    for (column, words) in compared.iter().filter(|(column, _)| !renamed.contains(*column)) {
        let Some(held) = schema::words(column) else { continue };
        for word in words.iter().filter(|word| !held.contains(&word.as_str())) {
            let hint = match did_you_mean(word, held.iter().copied()) {
                hint if hint.is_empty() => format!("; it holds {}", held.join(", ")),
                hint => hint,
            };
            found.push(UnheldWord { word: word.clone(), message: format!("{column} is never '{word}'{hint}") });
        }
    }
    Ok(found)
}

/// The columns that an expression compares with texts, each with one of these.
fn comparisons(expression: &Expr) -> Vec<(&str, &str)> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, right, op }) if is_comparison(*op) => {
            pair(left, right).or_else(|| pair(right, left)).into_iter().collect()
        }
        Expr::InList(list) => list.list.iter().filter_map(|item| pair(&list.expr, item)).collect(),
        Expr::Case(case) => {
            let whens = case.expr.iter().flat_map(|of| case.when_then_expr.iter().map(move |(when, _)| (of, when)));
            whens.filter_map(|(of, when)| pair(of, when)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

fn pair<'e>(column: &'e Expr, text: &'e Expr) -> Option<(&'e str, &'e str)> {
    let (Expr::Column(column), Expr::Literal(text, _)) = (column, text) else { return None };
    Some((&column.name, text.try_as_str()??))
}
