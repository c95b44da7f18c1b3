//! Operations of the storage resource logs.

use super::{KNOWN, Operation, OperationRow, RECORDS, RULES, activity_of_verb, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// The category that Azure filed a request under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Category {
    /// `StorageRead`
    Read,
    /// `StorageWrite`
    Write,
    /// `StorageDelete`
    Delete,
    /// Another one, or none; that of every other source.
    Unsaid,
}

impl Category {
    /// The category of this name, where the source is storage.
    pub(super) fn of(source: LogSource, name: Option<&str>) -> Self {
        let is =
            |known: &str| source == LogSource::Storage && name.is_some_and(|name| name.eq_ignore_ascii_case(known));
        if is("StorageRead") {
            Self::Read
        } else if is("StorageWrite") {
            Self::Write
        } else if is("StorageDelete") {
            Self::Delete
        } else {
            Self::Unsaid
        }
    }
}

/// A row of [`TABLE`].
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    OperationRow {
        source: LogSource::Storage,
        operation,
        is: Operation { op_class, plane: Plane::Data, activity },
        from,
    }
}

/// What an operation is.
pub(super) fn classify(folded: &str, category: Category) -> Operation {
    find(TABLE.iter(), folded).unwrap_or_else(|| by_name(folded, category))
}

/// What an operation that is not in the table is: its category, else the first word of its name,
/// says whether it reads, writes or deletes; other words say what.
fn by_name(folded: &str, category: Category) -> Operation {
    let verb = activity_of_verb(folded);
    let changes = matches!(verb, Activity::Create | Activity::Update);
    let activity = match category {
        Category::Read if verb == Activity::List => verb,
        Category::Read => Activity::Read,
        Category::Delete => Activity::Delete,
        Category::Write if changes => verb,
        Category::Unsaid if changes || matches!(verb, Activity::Read | Activity::List | Activity::Delete) => verb,
        Category::Write | Category::Unsaid => Activity::Write,
    };
    let has = |words: [&str; 2]| words.iter().any(|word| folded.contains(word));
    let reads = matches!(activity, Activity::Read | Activity::List);
    let op_class = match activity {
        _ if has(["queue", "message"]) && reads => OpClass::QueueRead,
        _ if has(["queue", "message"]) => OpClass::QueueWrite,
        _ if has(["table", "entit"]) && reads => OpClass::TableRead,
        _ if has(["table", "entit"]) => OpClass::TableWrite,
        Activity::List => OpClass::BlobList,
        Activity::Read => OpClass::BlobRead,
        Activity::Delete => OpClass::BlobDelete,
        _ => OpClass::BlobWrite,
    };
    Operation { op_class, plane: Plane::Data, activity }
}

/// By class. The names not seen in records are those of "Storage Analytics logged operations and
/// status messages", <https://learn.microsoft.com/rest/api/storageservices/storage-analytics-logged-operations-and-status-messages>,
/// and of the storage REST API.
#[rustfmt::skip]
pub(super) const TABLE: &[OperationRow] = &[
    // Content and properties. A copy is logged twice, once as what it reads.
    row("getblob", OpClass::BlobRead, Activity::Read, RULES),
    row("copyblobsource", OpClass::BlobRead, Activity::Read, RECORDS),
    row("getblobmetadata", OpClass::BlobRead, Activity::Read, RULES),
    row("getblobproperties", OpClass::BlobRead, Activity::Read, RECORDS),
    row("getblobtags", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getblocklist", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getpageranges", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getpageregions", OpClass::BlobRead, Activity::Read, KNOWN),
    row("queryblobcontents", OpClass::BlobRead, Activity::Read, KNOWN),
    row("putblockfromurlsource", OpClass::BlobRead, Activity::Read, KNOWN),
    row("appendblockfromurlsource", OpClass::BlobRead, Activity::Read, KNOWN),
    row("putpagefromurlsource", OpClass::BlobRead, Activity::Read, KNOWN),
    row("putblobfromurlsource", OpClass::BlobRead, Activity::Read, KNOWN),
    row("readfile", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getpathstatus", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getpathproperties", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getfileproperties", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getfile", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getfilemetadata", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getpathaccesscontrol", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getfileaccesscontrol", OpClass::BlobRead, Activity::Read, KNOWN),
    row("copyfilesource", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getdirectoryproperties", OpClass::BlobRead, Activity::Read, KNOWN),
    row("getdirectorymetadata", OpClass::BlobRead, Activity::Read, KNOWN),
    // Names; what is told of a container as a whole counts with them.
    row("listblobs", OpClass::BlobList, Activity::List, RECORDS),
    row("listcontainers", OpClass::BlobList, Activity::List, RECORDS),
    row("listfilesystems", OpClass::BlobList, Activity::List, KNOWN),
    row("listfilesystemdir", OpClass::BlobList, Activity::List, KNOWN),
    row("listfilesystemfile", OpClass::BlobList, Activity::List, KNOWN),
    row("listpaths", OpClass::BlobList, Activity::List, KNOWN),
    row("listshares", OpClass::BlobList, Activity::List, KNOWN),
    row("listfilesanddirectories", OpClass::BlobList, Activity::List, KNOWN),
    row("listfileranges", OpClass::BlobList, Activity::List, KNOWN),
    row("listdirectoriesandfiles", OpClass::BlobList, Activity::List, KNOWN),
    row("findblobsbytags", OpClass::BlobList, Activity::List, KNOWN),
    row("getcontainerproperties", OpClass::BlobList, Activity::Read, KNOWN),
    row("getcontainermetadata", OpClass::BlobList, Activity::Read, KNOWN),
    row("filesystemgetproperties", OpClass::BlobList, Activity::Read, KNOWN),
    row("getfilesystemproperties", OpClass::BlobList, Activity::Read, KNOWN),
    row("getshareproperties", OpClass::BlobList, Activity::Read, KNOWN),
    row("getsharemetadata", OpClass::BlobList, Activity::Read, KNOWN),
    row("getsharestats", OpClass::BlobList, Activity::Read, KNOWN),
    // Content, properties and names written. A snapshot is new content.
    row("putblob", OpClass::BlobWrite, Activity::Write, RULES),
    row("copyblob", OpClass::BlobWrite, Activity::Write, RECORDS),
    row("setblobmetadata", OpClass::BlobWrite, Activity::Update, RULES),
    row("putblock", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putblocklist", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putblockfromurl", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("appendblock", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("appendblockfromurl", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putblobfromurl", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putpage", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putpagefromurl", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("clearpage", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("copyblobdestination", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("incrementalcopyblob", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("appendfile", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("flushfile", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("undeleteblob", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("putrange", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("copyfile", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("copyfiledestination", OpClass::BlobWrite, Activity::Write, KNOWN),
    row("snapshotblob", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createpathfile", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createpathdir", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createpath", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createfilesystemfile", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createfilesystemdir", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createfile", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("createdirectory", OpClass::BlobWrite, Activity::Create, KNOWN),
    row("setblobproperties", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setblobtier", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setblobtags", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setfileproperties", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setfilemetadata", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setdirectorymetadata", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("renamepathfile", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("renamepathdir", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("renamefile", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("renamedirectory", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("resizefile", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("leaseblob", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("leasefile", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("acquirebloblease", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("renewbloblease", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("changebloblease", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("releasebloblease", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("breakbloblease", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setblobexpiry", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setbloblegalhold", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("setblobimmutabilitypolicy", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("deleteblobimmutabilitypolicy", OpClass::BlobWrite, Activity::Update, KNOWN),
    row("abortcopyblob", OpClass::BlobWrite, Activity::Update, KNOWN),
    // Deletions, of containers too.
    row("deleteblob", OpClass::BlobDelete, Activity::Delete, RULES),
    row("deletefile", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletedirectory", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletepath", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletepathfile", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletepathdir", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletecontainer", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deletefilesystem", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("deleteshare", OpClass::BlobDelete, Activity::Delete, KNOWN),
    row("createcontainer", OpClass::ContainerAdmin, Activity::Create, KNOWN),
    row("createfilesystem", OpClass::ContainerAdmin, Activity::Create, KNOWN),
    row("createshare", OpClass::ContainerAdmin, Activity::Create, KNOWN),
    row("setcontainermetadata", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("setfilesystemproperties", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("setsharemetadata", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("setshareproperties", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("leasecontainer", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("acquirecontainerlease", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("renewcontainerlease", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("changecontainerlease", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("releasecontainerlease", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("breakcontainerlease", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("restorecontainer", OpClass::ContainerAdmin, Activity::Update, KNOWN),
    row("getcontaineracl", OpClass::ContainerAdmin, Activity::Read, KNOWN),
    row("getshareacl", OpClass::ContainerAdmin, Activity::Read, KNOWN),
    // Who may read: access control lists, public access, and the service's settings.
    row("setcontaineracl", OpClass::AclChange, Activity::Update, KNOWN),
    row("setshareacl", OpClass::AclChange, Activity::Update, KNOWN),
    row("setfileaccesscontrol", OpClass::AclChange, Activity::Update, KNOWN),
    row("setpathaccesscontrol", OpClass::AclChange, Activity::Update, KNOWN),
    row("setblobserviceproperties", OpClass::AclChange, Activity::Update, KNOWN),
    row("setfileserviceproperties", OpClass::AclChange, Activity::Update, KNOWN),
    row("setqueueacl", OpClass::AclChange, Activity::Update, KNOWN),
    row("settableacl", OpClass::AclChange, Activity::Update, KNOWN),
    // That the call has this name in the logs is not verified.
    row("getuserdelegationkey", OpClass::Delegation, Activity::Delegate, KNOWN),
    // No data.
    row("getblobserviceproperties", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getblobservicestats", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getaccountinformation", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("blobpreflightrequest", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getfileserviceproperties", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("filepreflightrequest", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getqueueserviceproperties", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getqueueservicestats", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("queuepreflightrequest", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("gettableserviceproperties", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("gettableservicestats", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("tablepreflightrequest", OpClass::StorageProbe, Activity::Read, KNOWN),
    row("getmessage", OpClass::QueueRead, Activity::Read, KNOWN),
    row("getmessages", OpClass::QueueRead, Activity::Read, KNOWN),
    row("peekmessage", OpClass::QueueRead, Activity::Read, KNOWN),
    row("peekmessages", OpClass::QueueRead, Activity::Read, KNOWN),
    row("getqueue", OpClass::QueueRead, Activity::Read, KNOWN),
    row("getqueuemetadata", OpClass::QueueRead, Activity::Read, KNOWN),
    row("getqueueacl", OpClass::QueueRead, Activity::Read, KNOWN),
    row("listqueues", OpClass::QueueRead, Activity::List, KNOWN),
    row("putmessage", OpClass::QueueWrite, Activity::Write, KNOWN),
    row("updatemessage", OpClass::QueueWrite, Activity::Update, KNOWN),
    row("setqueuemetadata", OpClass::QueueWrite, Activity::Update, KNOWN),
    row("setqueueserviceproperties", OpClass::QueueWrite, Activity::Update, KNOWN),
    row("createqueue", OpClass::QueueWrite, Activity::Create, KNOWN),
    row("deletemessage", OpClass::QueueWrite, Activity::Delete, KNOWN),
    row("clearmessages", OpClass::QueueWrite, Activity::Delete, KNOWN),
    row("deletequeue", OpClass::QueueWrite, Activity::Delete, KNOWN),
    row("queryentity", OpClass::TableRead, Activity::Read, KNOWN),
    row("queryentities", OpClass::TableRead, Activity::Read, KNOWN),
    row("gettableacl", OpClass::TableRead, Activity::Read, KNOWN),
    row("querytable", OpClass::TableRead, Activity::List, KNOWN),
    row("querytables", OpClass::TableRead, Activity::List, KNOWN),
    row("insertentity", OpClass::TableWrite, Activity::Write, KNOWN),
    row("insertormergeentity", OpClass::TableWrite, Activity::Write, KNOWN),
    row("insertorreplaceentity", OpClass::TableWrite, Activity::Write, KNOWN),
    row("entitygrouptransaction", OpClass::TableWrite, Activity::Write, KNOWN),
    row("updateentity", OpClass::TableWrite, Activity::Update, KNOWN),
    row("mergeentity", OpClass::TableWrite, Activity::Update, KNOWN),
    row("settableserviceproperties", OpClass::TableWrite, Activity::Update, KNOWN),
    row("createtable", OpClass::TableWrite, Activity::Create, KNOWN),
    row("deleteentity", OpClass::TableWrite, Activity::Delete, KNOWN),
    row("deletetable", OpClass::TableWrite, Activity::Delete, KNOWN),
];
