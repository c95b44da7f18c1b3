use super::*;
use crate::event::role;
use crate::event::vocabulary::LogSource;
use crate::matrix::query::LogRead;
use crate::matrix::roles::KnownFrom;
use crate::matrix::tally::Seen;

const ACCOUNT: &str = "/subscriptions/s/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lake";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const BLOB_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";
const STORAGE_CONTRIBUTOR: &str = "17d1049b-9a84-46fb-8f53-869881c3d3ab";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

const CONNECTOR: Holder = Holder {
    stream: Stream::Adac,
    kind: IdentityKind::AdacSystem,
    may_have_file_events: true,
    has_unread_accounts: false,
};
const WORKSPACE: Holder = Holder { stream: Stream::Dbmi, kind: IdentityKind::Uami, ..CONNECTOR };

fn seen(time: i64) -> Seen {
    Seen { time: UtcMicros(time), event_uid: format!("{time:032x}") }
}

fn held(role_id: &str, scope: Option<&str>, granted: Option<i64>) -> Held {
    Held {
        at: RoleAt::new(Some(role_id), scope),
        role_class: role::lookup(role_id).map_or(RoleClass::Unknown, |role| role.class),
        scope_level: scope.and_then(role::scope_level),
        known_from: BTreeSet::from([KnownFrom::Grant]),
        granted: granted.map(seen),
    }
}

fn done(op_class: OpClass, container: Option<&str>) -> Use {
    Use {
        source: Some(LogSource::Storage),
        op_class: Some(op_class),
        target_id: Some(ACCOUNT.to_owned()),
        target_group: Some("/subscriptions/s/resourcegroups/rg-lake".to_owned()),
        container: container.map(str::to_owned),
        tally: Tally { events: 3, first: Some(seen(20)), last: Some(seen(30)) },
        ..Use::default()
    }
}

/// The storage log of the account and the Activity Log of the subscription, from 10 to 100.
fn logs() -> Logs {
    let read = |source, target_id: Option<&str>| LogRead {
        source,
        subscription: Some("s".to_owned()),
        target_id: target_id.map(str::to_owned),
        reads: target_id.map(|_| OpClass::BlobRead),
        shows_work: true,
        tally: Tally { events: 50, first: Some(seen(10)), last: Some(seen(100)) },
    };
    Logs(vec![read(LogSource::Storage, Some(ACCOUNT)), read(LogSource::Activity, None)])
}

/// These uses, while the role was held.
fn in_force(held: &Held, uses: &[Use]) -> Vec<Use> {
    let grant_uid = held.granted.as_ref().map(|seen| seen.event_uid.clone());
    uses.iter().map(|done| Use { grant_uid: grant_uid.clone(), ..done.clone() }).collect()
}

fn verdict(held: &Held, holder: Holder, uses: &[Use]) -> (Action, Because, Vec<(&'static str, String)>) {
    let uses = in_force(held, uses);
    let proposal = propose(held, holder, &uses.iter().collect::<Vec<_>>(), &logs());
    let instead = proposal.instead.into_iter();
    let instead = instead.map(|at| (at.role.unwrap_or("?"), at.scope.unwrap_or_default())).collect();
    (proposal.action, proposal.because, instead)
}

#[test]
fn a_role_that_nothing_was_done_with_goes_where_its_log_was_read() {
    let role = held(BLOB_READER, Some(ACCOUNT), Some(5));

    let proposal = propose(&role, CONNECTOR, &[], &logs());

    assert_eq!((proposal.action, proposal.because), (Action::Remove, Because::NeverUsed));
    assert_eq!(proposal.judged_from, Some(UtcMicros(10)));
    assert_eq!(proposal.judged_until, Some(UtcMicros(100)));
    assert_eq!(proposal.judged_by.unwrap().events, 50);
}

#[test]
fn where_the_log_of_its_scope_was_not_read_nothing_is_known() {
    let elsewhere = ACCOUNT.replace("lake", "other");
    let role = held(BLOB_READER, Some(&elsewhere), Some(5));
    let vault = held("4633458b-17de-408a-b874-0445c86b69e6", None, None);
    let subscription = held(STORAGE_CONTRIBUTOR, Some("/subscriptions/t"), None);

    assert_eq!(verdict(&role, CONNECTOR, &[]), (Action::NotKnown, Because::LogNotRead, vec![]));
    assert_eq!(verdict(&vault, CONNECTOR, &[]), (Action::NotKnown, Because::LogNotRead, vec![]));
    assert_eq!(verdict(&subscription, CONNECTOR, &[]), (Action::NotKnown, Because::LogNotRead, vec![]));
}

#[test]
fn what_was_given_after_the_last_event_cannot_have_been_used() {
    let role = held(BLOB_READER, Some(ACCOUNT), Some(100));

    assert_eq!(verdict(&role, CONNECTOR, &[]), (Action::NotKnown, Because::GivenLater, vec![]));
}

#[test]
fn a_role_that_no_log_shows_the_use_of_is_not_judged() {
    let role = held(READER, Some("/subscriptions/s"), None);

    assert_eq!(verdict(&role, WORKSPACE, &[]), (Action::NotKnown, Because::NotJudged, vec![]));
    let custom = held("5b999177-9696-4545-85c7-50de3797e5a1", Some(ACCOUNT), None);
    assert_eq!(verdict(&custom, CONNECTOR, &[]), (Action::NotKnown, Because::NotJudged, vec![]));
}

#[test]
fn the_others_role_goes_whether_it_was_used_or_not() {
    let data = held(BLOB_READER, Some(ACCOUNT), None);
    let management = held(CONTRIBUTOR, Some("/subscriptions/s/resourcegroups/rg-lake"), None);

    let used = propose(&data, WORKSPACE, &[&done(OpClass::BlobRead, Some("raw"))], &logs());

    assert_eq!((used.action, used.because, used.used.events), (Action::Remove, Because::OthersJob, 3));
    assert_eq!(verdict(&management, CONNECTOR, &[]), (Action::Remove, Because::OthersJob, vec![]));
}

#[test]
fn an_encryption_identity_may_use_keys_and_a_connector_with_file_events_an_account() {
    let key = held(CRYPTO_USER, None, None);
    let account = held(STORAGE_CONTRIBUTOR, Some(ACCOUNT), None);
    let encryption = Holder { kind: IdentityKind::StorageCmk, ..WORKSPACE };
    let without = Holder { may_have_file_events: false, ..CONNECTOR };

    assert_eq!(verdict(&key, encryption, &[]).1, Because::LogNotRead);
    assert_eq!(verdict(&key, WORKSPACE, &[]).1, Because::OthersJob);
    assert_eq!(verdict(&account, CONNECTOR, &[]).1, Because::NeverUsed);
    assert_eq!(verdict(&account, without, &[]).1, Because::OthersJob);
}

#[test]
fn reads_of_one_container_need_a_reader_of_that_container_and_a_delegator_of_the_account() {
    let role = held(BLOB_CONTRIBUTOR, Some("/subscriptions/s/resourcegroups/rg-lake"), None);
    let uses = [done(OpClass::BlobRead, Some("raw")), done(OpClass::Delegation, None)];

    let (action, because, instead) = verdict(&role, CONNECTOR, &uses);

    assert_eq!((action, because), (Action::Narrow, Because::LessWouldDo));
    let container = format!("{ACCOUNT}/blobservices/default/containers/raw");
    assert_eq!(instead, [("Storage Blob Delegator", ACCOUNT.to_owned()), ("Storage Blob Data Reader", container)]);
}

#[test]
fn the_least_role_on_its_container_stays() {
    let container = format!("{ACCOUNT}/blobservices/default/containers/raw");
    let role = held(BLOB_READER, Some(&container), None);

    assert_eq!(
        verdict(&role, CONNECTOR, &[done(OpClass::BlobRead, Some("raw"))]),
        (Action::Keep, Because::Used, vec![])
    );
    assert_eq!(
        verdict(&role, CONNECTOR, &[done(OpClass::BlobRead, Some("raw2"))]),
        (Action::Remove, Because::NeverUsed, vec![])
    );
}

#[test]
fn a_place_that_the_log_does_not_say_is_never_narrowed_away() {
    let role = held(BLOB_READER, Some(ACCOUNT), None);
    let somewhere = done(OpClass::BlobList, None);
    let unknown = Use { target_id: None, target_group: None, ..done(OpClass::BlobRead, None) };

    assert_eq!(verdict(&role, CONNECTOR, &[somewhere]), (Action::Keep, Because::Used, vec![]));
    assert_eq!(verdict(&role, CONNECTOR, &[unknown]), (Action::Keep, Because::Used, vec![]));
}

#[test]
fn more_containers_than_one_can_keep_right_leave_the_account() {
    let role = held(BLOB_READER, Some(ACCOUNT), None);
    let names: Vec<String> = (0..=MAX_SCOPES).map(|n| format!("c{n}")).collect();
    let uses: Vec<Use> = names.iter().map(|name| done(OpClass::BlobRead, Some(name))).collect();

    assert_eq!(verdict(&role, CONNECTOR, &uses), (Action::Keep, Because::Used, vec![]));
    assert_eq!(verdict(&role, CONNECTOR, &uses[1..]).2.len(), MAX_SCOPES);
}

#[test]
fn a_use_that_another_role_let_in_is_none_of_this_one() {
    let role = held(BLOB_CONTRIBUTOR, Some(ACCOUNT), None);
    let by_another = Use { role_id: Some(BLOB_READER.to_owned()), ..done(OpClass::BlobRead, Some("raw")) };

    assert_eq!(verdict(&role, CONNECTOR, &[by_another]), (Action::Remove, Because::NeverUsed, vec![]));
}

#[test]
fn what_was_done_before_a_role_was_given_was_done_by_another() {
    let role = held(BLOB_READER, Some(ACCOUNT), Some(25));
    let before = Use { grant_uid: None, ..done(OpClass::BlobRead, Some("raw")) };

    let proposal = propose(&role, CONNECTOR, &[&before], &logs());

    assert_eq!((proposal.action, proposal.because), (Action::Remove, Because::NeverUsed));
    assert_eq!(proposal.judged_from, Some(UtcMicros(25)));
}

#[test]
fn an_inventory_does_not_say_since_when_a_role_is_held() {
    let role =
        Held { known_from: BTreeSet::from([KnownFrom::Inventory]), ..held(BLOB_READER, Some(ACCOUNT), Some(99)) };

    assert_eq!(propose(&role, CONNECTOR, &[], &logs()).judged_from, Some(UtcMicros(10)));
}

#[test]
fn a_data_role_used_for_the_workspaces_own_storage_alone_is_no_other_job() {
    let role = held(BLOB_CONTRIBUTOR, None, None);
    let own = Use { own_root: true, ..done(OpClass::BlobWrite, Some("logs")) };

    assert_eq!(verdict(&role, WORKSPACE, std::slice::from_ref(&own)).1, Because::Used);
    assert_eq!(verdict(&role, WORKSPACE, &[own, done(OpClass::BlobRead, Some("raw"))]).1, Because::OthersJob);
}

#[test]
fn a_role_of_the_workspace_shrinks_to_the_group_in_which_it_was_used() {
    let role = held(CONTRIBUTOR, Some("/subscriptions/s"), None);
    let machine = Use {
        source: Some(LogSource::Activity),
        op_class: Some(OpClass::ComputeManage),
        operation: "microsoft.compute/virtualmachines/write".to_owned(),
        target_group: Some("/subscriptions/s/resourcegroups/managed".to_owned()),
        tally: Tally { events: 1, first: Some(seen(20)), last: Some(seen(20)) },
        ..Use::default()
    };

    let (action, _, instead) = verdict(&role, WORKSPACE, &[machine]);

    assert_eq!(action, Action::Narrow);
    assert_eq!(instead, [("Virtual Machine Contributor", "/subscriptions/s/resourcegroups/managed".to_owned())]);
}

#[test]
fn a_scope_covers_what_lies_at_or_under_it_and_what_may() {
    let container = format!("{ACCOUNT}/blobservices/default/containers/raw");
    let read = done(OpClass::BlobRead, Some("raw"));
    let unknown = Use::default();
    let group_only = Use { target_group: Some("/subscriptions/s/resourcegroups/rg-lake".to_owned()), ..Use::default() };
    for (scope, use_, is_covered) in [
        ("/", &read, true),
        ("/subscriptions/s", &read, true),
        ("/subscriptions/t", &read, false),
        (ACCOUNT, &read, true),
        (container.as_str(), &read, true),
        (container.as_str(), &done(OpClass::Delegation, None), false),
        ("/providers/microsoft.management/managementgroups/mg", &read, true),
        (ACCOUNT, &group_only, true),
        ("/subscriptions/t", &group_only, false),
        (ACCOUNT, &unknown, true),
    ] {
        assert_eq!(covers(scope, use_), is_covered, "{scope} {use_:?}");
    }
}
