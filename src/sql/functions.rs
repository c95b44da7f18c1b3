//! Scalar functions that queries have besides DataFusion's.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::ip;

pub(super) mod bounded;

/// `ip_key(text)`: 32 hex digits that order as addresses do, to compare with `cidr_lo` and
/// `cidr_hi` of `allowed_ip`; null for what is no address.
pub(super) fn ip_key() -> ScalarUDF {
    let key = |values: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(values)?;
        let texts = arrays.first().and_then(|array| array.as_string_opt::<i32>());
        let Some(texts) = texts else {
            return Err(DataFusionError::Execution("ip_key takes one text".to_owned()));
        };
        let keys: StringArray = texts.iter().map(|text| text.and_then(ip::key)).collect();
        Ok(ColumnarValue::Array(Arc::new(keys) as ArrayRef))
    };
    create_udf("ip_key", vec![DataType::Utf8], DataType::Utf8, Volatility::Immutable, Arc::new(key))
}
