//! Functions that make much of little, held to the memory of the session.
//!
//! The query engine accounts for what its operators keep, not for what a function returns:
//! `repeat('x', 2000000000)` would be two gigabytes that no limit knows of, and so would be thirty
//! parts of a query, each with `t || t` of the one before.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Documentation, Expr, ExprSchemable as _, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, StructFieldMapping, TryCast,
};
use datafusion::prelude::SessionContext;

use crate::sql::functions::bounded::delimiter::Delimiters;
use crate::sql::functions::bounded::growth::{Care, Growth};
use crate::sql::functions::bounded::join::Join;
use crate::sql::functions::bounded::values::Call;
use crate::sql::limits::MAX_QUERY_BYTES;
use crate::sql::session::BATCH_ROWS;

mod delimiter;
mod growth;
mod join;
mod values;

/// Names of the functions, and how large what they return is; those that a build is without are
/// passed over. The rest make at most a few times what they are given, however they are nested:
///
/// - a part of it, or one of it: `substr`, `split_part`, `coalesce`, `greatest`, `array_slice`, `flatten`,
///   `array_distinct`, `array_remove`, `map_extract` and their like;
/// - as many characters or elements: `translate`, which makes of a character one or none, though of up to four
///   bytes; `upper`, `lower` and `initcap`, which make of one up to three, and nothing more of these;
///   `reverse`, `array_sort`, `array_scale`, `array_positions`, `map_entries`;
/// - something of one size: numbers, times, digests, `chr`, `to_hex`, `uuid`.
///
/// Functions with functions as arguments, as `array_transform`, cannot be written in the dialects that
/// are read. Of aggregates, `array_agg` and `string_agg` account to the memory of the session for what
/// they have gathered after every batch; the delimiter of `string_agg`, which may be longer than all of
/// it, is bounded by itself.
const FUNCTIONS: [(&str, Growth); 30] = [
    ("array_append", Growth::Joined),
    ("array_concat", Growth::Joined),
    ("array_prepend", Growth::Joined),
    ("array_repeat", Growth::Elements),
    ("array_replace", Growth::ReplacedElements),
    ("array_replace_all", Growth::ReplacedElements),
    ("array_replace_n", Growth::ReplacedElements),
    ("array_resize", Growth::Resized),
    ("array_to_string", Growth::Listed),
    ("array_union", Growth::Joined),
    ("arrays_zip", Growth::Zipped),
    ("concat", Growth::Joined),
    ("concat_ws", Growth::Separated),
    ("encode", Growth::Doubled),
    ("generate_series", Growth::Series),
    ("lpad", Growth::Padded),
    ("make_array", Growth::Joined),
    ("map", Growth::Joined),
    ("named_struct", Growth::Joined),
    ("overlay", Growth::Doubled),
    ("quote_ident", Growth::Doubled),
    ("range", Growth::Series),
    ("regexp_match", Growth::Captured),
    ("regexp_replace", Growth::Matched),
    ("repeat", Growth::Repeated),
    ("replace", Growth::Replaced),
    ("rpad", Growth::Padded),
    ("string_to_array", Growth::Split),
    ("struct", Growth::Joined),
    ("to_char", Growth::Formatted),
];

/// Bytes of all texts of a column at most, which are counted with 31 bits.
const COLUMN_BYTES: usize = 0x7fff_ffff;

/// Bytes that a type may set aside for each of its values, whatever that is: those of a long digest.
const FIXED_BYTES: u64 = 64;

/// Bounds the functions of a session that have to be, and the operator `||`.
pub(in crate::sql) fn bind(ctx: &mut SessionContext, max_bytes: usize) -> Result<()> {
    let max_bytes = max_bytes.min(COLUMN_BYTES);
    let bounds = Bounds { max_bytes };
    let functions: Vec<_> = ctx.state().scalar_functions().values().cloned().collect();
    for function in functions {
        if let Some(bounded) = bounds.of(&function) {
            ctx.register_udf(Arc::new(bounded))?;
        }
    }
    ctx.add_optimizer_rule(Arc::new(Delimiters { max_bytes }));
    ctx.register_function_rewrite(Arc::new(bounds))
}

/// Puts bounded functions in place of operators, and of functions that are not the session's: those that
/// the planner makes of operators and literals. Before this, planning evaluates nothing but the
/// arguments of a table's function.
#[derive(Debug)]
struct Bounds {
    max_bytes: usize,
}

impl Bounds {
    /// A function bounded, if it has to be and is not.
    fn of(&self, function: &Arc<ScalarUDF>) -> Option<ScalarUDF> {
        let (_, growth) = FUNCTIONS.iter().find(|(name, _)| *name == function.name())?;
        let is_bounded = function.inner().is::<Bounded>();
        (!is_bounded).then(|| self.bounded(Arc::clone(function), *growth))
    }

    fn bounded(&self, inner: Arc<ScalarUDF>, growth: Growth) -> ScalarUDF {
        ScalarUDF::new_from_impl(Bounded { inner, growth, max_bytes: self.max_bytes })
    }

    /// `left || right`. A chain of them is one call, as deep as it is long otherwise.
    fn join(&self, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr> {
        // Bytes that are joined, and then joined with a text, need not be a text each.
        let is_chain = match &left {
            Expr::ScalarFunction(call) if call.func.name() == Join::NAME => {
                call.args.len() > 2 || left.get_type(schema)?.is_string()
            }
            _ => false,
        };
        Ok(match left {
            Expr::ScalarFunction(mut chain) if is_chain => {
                chain.args.push(right);
                Expr::ScalarFunction(chain)
            }
            left => {
                let join = ScalarUDF::new_from_impl(Join::new());
                self.bounded(Arc::new(join), Growth::Joined).call(vec![left, right])
            }
        })
    }
}

impl FunctionRewrite for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
                Transformed::yes(self.join(*left, *right, schema)?)
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                if let Some(bounded) = self.of(&func) {
                    return Ok(Transformed::yes(bounded.call(args)));
                }
                let is_cast = matches!(func.name(), "arrow_cast" | "arrow_try_cast");
                let expr = Expr::ScalarFunction(ScalarFunction { func, args });
                if is_cast {
                    check_type(&expr.get_type(schema)?)?;
                }
                Transformed::no(expr)
            }
            Expr::Cast(Cast { ref field, .. }) | Expr::TryCast(TryCast { ref field, .. }) => {
                check_type(field.data_type())?;
                Transformed::no(expr)
            }
            expr => Transformed::no(expr),
        })
    }
}

fn too_much(bytes: u64, name: &str) -> DataFusionError {
    DataFusionError::ResourcesExhausted(format!(
        "{bytes} bytes at once are more than the memory for {name} with this limit"
    ))
}

/// Refuses a type that is large whatever is in it: what is null takes as much.
fn check_type(data_type: &DataType) -> Result<()> {
    if fixed_bytes(data_type) > FIXED_BYTES {
        return plan_err!("a value of the type {data_type} has more than {FIXED_BYTES} bytes, even a null");
    }
    Ok(())
}

fn fixed_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(bytes) => u64::try_from(*bytes).unwrap_or(0),
        DataType::FixedSizeList(element, length) => {
            let bytes = element.data_type().primitive_width().unwrap_or(1) as u64;
            let length = u64::try_from(*length).unwrap_or(0);
            length.saturating_mul(bytes.max(fixed_bytes(element.data_type())))
        }
        DataType::Struct(fields) => {
            fields.iter().map(|field| fixed_bytes(field.data_type())).fold(0, u64::saturating_add)
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::Map(element, _) => fixed_bytes(element.data_type()),
        DataType::Dictionary(_, values) => fixed_bytes(values),
        _ => 0,
    }
}

/// A function that refuses to make more than so many bytes of one batch.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    max_bytes: usize,
}

impl Bounded {
    /// The most bytes that a call may return. What is made of constants is a part of the plan, which
    /// may have many of them, and is copied for each row of a batch. It may be so long all the same as
    /// it could be in the text of the query; but not what is always copied.
    fn most_bytes(&self, call: &Call) -> u64 {
        let most = if !call.is_constant {
            self.max_bytes
        } else if self.growth.makes_lists() {
            self.max_bytes / BATCH_ROWS
        } else {
            self.max_bytes.min(MAX_QUERY_BYTES.max(self.max_bytes / BATCH_ROWS))
        };
        most as u64
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        self.inner.schema_name(arguments)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn struct_field_mapping(&self, literals: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.inner.struct_field_mapping(literals)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let call = Call::of(&arguments)?;
        let most = self.most_bytes(&call);
        // What is searched for is searched twice only where what is made of it may be too large.
        if self.growth.bytes(&call, Care::Guess) > most {
            let bytes = self.growth.bytes(&call, Care::Search);
            if bytes > most {
                return Err(too_much(bytes, self.name()));
            }
        }
        self.inner.invoke_with_args(arguments)
    }
}

#[cfg(test)]
mod tests;
