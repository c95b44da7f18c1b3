//! What request parameters say of credentials.

use crate::json::Value;

/// The member that names an access connector: <https://docs.databricks.com/api/azure/workspace/storagecredentials/create>,
/// read 2026-11.
const CONNECTOR: &str = "access_connector_id";

/// The ARM id of the access connector that is named in these parameters, at whatever depth.
pub(super) fn access_connector(parameters: Value<'_>) -> Option<&str> {
    let own = parameters.at(&[CONNECTOR]).and_then(Value::as_str).filter(|id| !id.is_empty());
    own.or_else(|| {
        let mut inner = parameters.members().map(|(_, value)| value).chain(parameters.items());
        inner.find_map(access_connector)
    })
}
