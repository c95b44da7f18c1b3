//! Actions of the Databricks logs, as `service/action`.

use super::{DOCUMENTED, KNOWN, NAMING, Operation, OperationRow, activity_of_verb, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// A row of [`TABLE`]. Handing out data or what opens it is the use of data; the rest happens in
/// the workspace.
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    let plane =
        if matches!(op_class, OpClass::UcVend | OpClass::DbxSecretRead) { Plane::Data } else { Plane::Workspace };
    OperationRow { source: LogSource::Databricks, operation, is: Operation { op_class, plane, activity }, from }
}

/// What an action is. Diagnostic logs put `Microsoft.Databricks/` before it.
pub(super) fn classify(folded: &str) -> Operation {
    let operation = folded.strip_prefix("microsoft.databricks/").unwrap_or(folded);
    find(TABLE.iter(), operation).unwrap_or_else(|| {
        let action = operation.rsplit('/').next().unwrap_or_default();
        Operation { op_class: OpClass::Other, plane: Plane::Workspace, activity: activity_of_verb(action) }
    })
}

/// By service. Of the many actions, those that some rule is about.
#[rustfmt::skip]
pub(super) const TABLE: &[OperationRow] = &[
    row("unitycatalog/generatetemporarytablecredential", OpClass::UcVend, Activity::Delegate, DOCUMENTED),
    row("unitycatalog/generatetemporarypathcredential", OpClass::UcVend, Activity::Delegate, KNOWN),
    row("unitycatalog/generatetemporaryvolumecredential", OpClass::UcVend, Activity::Delegate, KNOWN),
    row("unitycatalog/generatetemporaryservicecredential", OpClass::UcVend, Activity::Delegate, KNOWN),
    row("unitycatalog/generatetemporary*credential*", OpClass::UcVend, Activity::Delegate, NAMING),
    row("unitycatalog/createstoragecredential", OpClass::UcCredentialManage, Activity::Create, KNOWN),
    row("unitycatalog/updatestoragecredential", OpClass::UcCredentialManage, Activity::Update, KNOWN),
    row("unitycatalog/deletestoragecredential", OpClass::UcCredentialManage, Activity::Delete, KNOWN),
    row("unitycatalog/createcredential", OpClass::UcCredentialManage, Activity::Create, KNOWN),
    row("unitycatalog/updatecredential", OpClass::UcCredentialManage, Activity::Update, KNOWN),
    row("unitycatalog/deletecredential", OpClass::UcCredentialManage, Activity::Delete, KNOWN),
    row("unitycatalog/createexternallocation", OpClass::UcCredentialManage, Activity::Create, KNOWN),
    row("unitycatalog/updateexternallocation", OpClass::UcCredentialManage, Activity::Update, KNOWN),
    row("unitycatalog/deleteexternallocation", OpClass::UcCredentialManage, Activity::Delete, KNOWN),
    row("unitycatalog/updatepermissions", OpClass::UcCredentialManage, Activity::Update, KNOWN),
    row("unitycatalog/gettable", OpClass::Other, Activity::Read, KNOWN),

    row("secrets/getsecret", OpClass::DbxSecretRead, Activity::Read, KNOWN),
    row("secrets/listsecrets", OpClass::Other, Activity::List, KNOWN),
    row("secrets/putsecret", OpClass::Other, Activity::Write, KNOWN),
    row("secrets/createscope", OpClass::Other, Activity::Create, KNOWN),
    row("secrets/putacl", OpClass::Other, Activity::Write, KNOWN),

    row("clusters/create", OpClass::Other, Activity::Create, KNOWN),
    row("clusters/edit", OpClass::Other, Activity::Update, KNOWN),
    row("clusters/start", OpClass::Other, Activity::Use, KNOWN),
    row("clusters/changeclusteracl", OpClass::Other, Activity::Update, KNOWN),
    row("globalinitscripts/create", OpClass::Other, Activity::Create, KNOWN),
    row("globalinitscripts/update", OpClass::Other, Activity::Update, KNOWN),
    row("globalinitscripts/delete", OpClass::Other, Activity::Delete, KNOWN),
    row("dbfs/mount", OpClass::Other, Activity::Write, KNOWN),
    row("dbfs/put", OpClass::Other, Activity::Write, KNOWN),
    row("dbfs/read", OpClass::Other, Activity::Read, KNOWN),
    row("accounts/*login*", OpClass::Other, Activity::Logon, KNOWN),
];
