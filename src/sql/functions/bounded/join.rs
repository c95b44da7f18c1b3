//! The operator `||` as a function, which can be bounded.

use std::collections::VecDeque;

use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// The operator `||`, of two or more. What the engine makes of it: one text of all, and null where one
/// is. Types, and the name of a column, are the operator's.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Join {
    signature: Signature,
}

impl Join {
    pub(super) const NAME: &'static str = "||";

    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let names: Vec<String> = arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if let [left, right] = arguments {
            let (left, right) = BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types()?;
            return Ok(vec![left, right]);
        }
        Ok(vec![self.return_type(arguments)?; arguments.len()])
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let Some((first, others)) = arguments.split_first() else { return plan_err!("nothing to join") };
        others.iter().try_fold(first.clone(), |left, right| {
            BinaryTypeCoercer::new(&left, &Operator::StringConcat, right).get_result_type()
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let is_nullable = arguments.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Field::new(self.name(), self.return_type(&types)?, is_nullable).into())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let mut columns = VecDeque::with_capacity(arguments.args.len());
        for value in arguments.args {
            columns.push_back(value.into_array(rows)?);
        }
        // Two by two, until there is one: nothing is copied as often as there are columns.
        while columns.len() > 1 {
            let mut joined = VecDeque::with_capacity(columns.len().div_ceil(2));
            while let Some(left) = columns.pop_front() {
                joined.push_back(match columns.pop_front() {
                    Some(right) => concat_elements_dyn(&left, &right)?,
                    None => left,
                });
            }
            columns = joined;
        }
        let Some(joined) = columns.pop_front() else { return plan_err!("nothing to join") };
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?));
        }
        Ok(ColumnarValue::Array(joined))
    }
}
