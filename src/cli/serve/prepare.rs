//! Reads statements that are sent to be prepared, and says which values and columns they have.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion::common::{DFSchema, ToDFSchema as _};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::FieldInfo;
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::PgWireResult;

use super::answer::{Answers, Prepared, check_formats};
use super::problem::{NOT_SUPPORTED, SYNTAX, problem, unplanned};
use super::statement::{Kind, kind};

/// Reads statements that are sent to be prepared.
pub(super) struct Reader(pub(super) Answers);

#[async_trait]
impl QueryParser for Reader {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, _types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let answers = &self.0;
        let mut statements = answers.0.read(sql)?.into_iter();
        let Some(statement) = statements.next() else { return Ok(None) };
        if statements.next().is_some() {
            return Err(problem(SYNTAX, "cannot insert multiple commands into a prepared statement"));
        }
        let plan = match kind(&statement)? {
            Kind::Query => answers.0.plan(&statement, &mut answers.begin(client)?).await?,
            Kind::Setting if !matches!(statement, Statement::Set(_)) => one_text()?,
            // Its columns would have to be known here.
            Kind::Fetch { .. } => return Err(problem(NOT_SUPPORTED, "FETCH cannot be prepared")),
            _ => nothing(),
        };
        Ok(Some((sql.to_owned(), Some((statement, plan)))))
    }

    fn get_parameter_types(&self, prepared: &Prepared) -> PgWireResult<Vec<Type>> {
        self.0.0.types.get_parameter_types(prepared)
    }

    fn get_result_schema(&self, prepared: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        if let (Some(format), (_, Some((_, plan)))) = (format, prepared) {
            check_formats(format, plan.schema().fields().len())?;
        }
        self.0.0.types.get_result_schema(prepared, format)
    }
}

/// The plan of what has no rows.
fn nothing() -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(DFSchema::empty()) })
}

/// The plan of a setting that is shown.
fn one_text() -> PgWireResult<LogicalPlan> {
    let schema = Schema::new(vec![Field::new("show", DataType::Utf8, false)]);
    let schema = schema.to_dfschema_ref().map_err(|error| unplanned(&error))?;
    Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema }))
}
