//! Which columns of events a query reads.

use std::collections::BTreeSet;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

/// The names of all columns that a planned query reads of any table.
///
/// # Errors
///
/// The optimizer's own error.
pub fn read_by(query: DataFrame) -> Result<BTreeSet<String>, DataFusionError> {
    let mut names = BTreeSet::new();
    // What conditions and views leave of a table shows once the plan is optimized.
    let (state, plan) = query.into_parts();
    state.optimize(&plan)?.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            names.extend(scan.projected_schema.fields().iter().map(|field| field.name().clone()));
            for condition in &scan.filters {
                names.extend(condition.column_refs().into_iter().map(|column| column.name.clone()));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tables;

    async fn columns(query: &str) -> Vec<String> {
        let ctx = tables::empty_session().await.unwrap();
        read_by(ctx.sql(query).await.unwrap()).unwrap().into_iter().collect()
    }

    #[tokio::test]
    async fn the_columns_of_conditions_views_and_subqueries_are_read() {
        for (query, expected) in [
            ("SELECT principal_id FROM dbmi", &["principal_id"][..]),
            ("SELECT count(*) FROM events WHERE user_agent LIKE 'a%' OR src_ip = 'b'", &["src_ip", "user_agent"]),
            ("SELECT role_id FROM grants", &["op_class", "outcome", "role_id"]),
            ("SELECT a FROM (SELECT app_id AS a, request_body FROM adac)", &["app_id"]),
            (
                "SELECT time FROM adac WHERE target_id IN (SELECT arm_id FROM identities)",
                &["arm_id", "target_id", "time"],
            ),
            (
                "SELECT max(time) OVER (PARTITION BY principal_id ORDER BY length) FROM other",
                &["length", "principal_id", "time"],
            ),
        ] {
            assert_eq!(columns(query).await, expected, "{query}");
        }
        assert!(columns("SELECT * FROM events").await.contains(&"request_body".to_owned()));
        assert!(columns("EXPLAIN SELECT token_hash FROM events").await.contains(&"token_hash".to_owned()));
    }
}
