use http::Method;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::cluster::api_server::{ACCOUNT, ApiServer, NAMESPACE, OTHER_UID, POD, REFUSAL, RUN, Scenario, UID};
use crate::cluster::connect::ClusterChoice;

/// A run's journal, and where it is.
struct Written {
    journal: Journal,
    _state: tempfile::TempDir,
}

/// A journal that names the pod, the Service Account and the namespace, with the UIDs that the run noted or without.
fn written(uid: Option<&str>) -> Written {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::create(&Runs::new(Some(state.path())), RUN).unwrap();
    let object = |resource, namespace: Option<&str>, name: &str| Item::Object {
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        typed: false,
    };
    for item in [
        object(Resource::Namespace, None, NAMESPACE),
        object(Resource::ServiceAccount, Some(NAMESPACE), ACCOUNT),
        object(Resource::Pod, Some(NAMESPACE), POD),
    ] {
        let entry = journal.creating(item).unwrap();
        if let Some(uid) = uid {
            journal.created(&entry, uid).unwrap();
        }
    }
    Written { journal, _state: state }
}

/// The preconditions of all deletions that were asked for, and that nothing else was.
fn preconditions(server: &ApiServer) -> Vec<serde_json::Value> {
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        assert!(server.asked(&method).is_empty(), "a clean-up makes and changes nothing");
    }
    server.asked(&Method::DELETE).into_iter().map(|asked| asked.body["preconditions"].clone()).collect()
}

/// Whether it goes by the UID that the run noted, and by the label where it noted none.
#[rstest]
#[case::what_the_run_made(Scenario::Made, true, true)]
#[case::what_the_run_made_and_somebody_took_the_label_of(Scenario::Unlabelled, true, false)]
#[case::what_somebody_made_in_its_place_with_its_label(Scenario::Replaced, false, true)]
#[case::what_another_run_made_in_its_place(Scenario::AnotherRuns, false, false)]
#[tokio::test]
async fn what_is_deleted_is_told_by_the_noted_uid_and_without_one_by_the_label(
    #[case] scenario: Scenario,
    #[case] by_uid: bool,
    #[case] by_label: bool,
) {
    for (uid, goes) in [(Some(UID), by_uid), (None, by_label)] {
        let (server, written) = (ApiServer::playing(scenario), written(uid));
        let before = server.there();
        clean_cluster(&written.journal, &server.client()).await.unwrap();
        if goes {
            assert_eq!(server.there(), Vec::<String>::new());
            let found = if scenario == Scenario::Replaced { OTHER_UID } else { UID };
            // Also by the label: what is deleted is what was asked about, whatever comes in its place meanwhile.
            assert_eq!(preconditions(&server), vec![json!({ "uid": found }); 3]);
        } else {
            assert_eq!((server.there(), preconditions(&server)), (before, Vec::new()));
        }
        assert!(written.journal.open_entries().is_empty(), "nothing is left to do: {uid:?}");
    }
}

/// It has no label of the run's; where its UID was noted, that alone tells it.
#[rstest]
#[case::a_run_that_was_killed_while_it_was_typed(None, true)]
#[case::as_it_was_noted(Some(UID), true)]
#[case::another_in_its_place(Some(OTHER_UID), false)]
#[tokio::test]
async fn what_a_typed_command_made_goes_by_its_name_where_no_uid_was_noted(
    #[case] uid: Option<&str>,
    #[case] goes: bool,
) {
    let server = ApiServer::playing(Scenario::Unlabelled);
    let (namespace, name) = (Some(NAMESPACE.to_owned()), ACCOUNT.to_owned());
    let item = Item::Object { resource: Resource::ServiceAccount, namespace, name, typed: true };
    let entry = Entry { entry: 1, item, uid: uid.map(str::to_owned) };
    remove_object(RUN, &entry, &server.client(), None).await.unwrap();
    assert_eq!(!server.there().contains(&ACCOUNT.to_owned()), goes);
}

#[rstest]
#[case::before_it_is_asked_about(Scenario::Gone, 0)]
#[case::before_it_is_deleted(Scenario::GoneMeanwhile, 3)]
#[tokio::test]
async fn what_went_by_itself_is_gone(#[case] scenario: Scenario, #[case] deletions: usize) {
    for uid in [Some(UID), None] {
        let (server, written) = (ApiServer::playing(scenario), written(uid));
        clean_cluster(&written.journal, &server.client()).await.unwrap();
        assert_eq!(preconditions(&server).len(), deletions);
        assert!(written.journal.open_entries().is_empty());
    }
}

#[tokio::test]
async fn what_the_server_was_still_making_is_removed_as_well() {
    let (server, written) = (ApiServer::playing(Scenario::ComesLate), written(None));
    clean_cluster(&written.journal, &server.client()).await.unwrap();
    assert_eq!(server.there(), Vec::<String>::new());
    assert_eq!(preconditions(&server), vec![json!({ "uid": UID }); 3]);
}

#[tokio::test]
async fn what_is_replaced_before_its_deletion_is_kept_and_told() {
    let (server, written) = (ApiServer::playing(Scenario::ReplacedMeanwhile), written(Some(UID)));
    let error = clean_cluster(&written.journal, &server.client()).await.unwrap_err();
    assert_eq!(server.there().len(), 3, "{error}");
    assert_eq!(preconditions(&server), vec![json!({ "uid": UID }); 3]);
    assert!(error.to_string().contains("the UID in the precondition is not the object's"), "{error}");
    assert_eq!(written.journal.open_entries().len(), 3, "it is looked at once more");
    // Then it is another's, and nothing is left to do.
    clean_cluster(&written.journal, &server.client()).await.unwrap();
    assert_eq!((server.there().len(), written.journal.open_entries().len()), (3, 0));
}

#[tokio::test]
async fn what_cannot_be_deleted_stays_in_the_journal_and_is_told_with_the_reason() {
    let (server, written) = (ApiServer::playing(Scenario::DeletionRefused), written(Some(UID)));
    let error = clean_cluster(&written.journal, &server.client()).await.unwrap_err().to_string();
    assert_eq!(error.matches(REFUSAL).count(), 3, "each of the three: {error}");
    assert!(error.contains(&format!("cleanup --run-id {RUN}")), "{error}");
    assert_eq!(written.journal.open_entries().len(), 3);
}

#[tokio::test]
async fn a_pod_is_waited_for_until_it_has_ended() {
    let (server, written) = (ApiServer::playing(Scenario::EndsSlowly), written(Some(UID)));
    clean_cluster(&written.journal, &server.client()).await.unwrap();
    assert!(!server.there().contains(&POD.to_owned()), "{:?}", server.there());
}

#[tokio::test]
async fn without_a_journal_the_label_alone_tells_what_is_deleted_in_the_namespaces_named() {
    let server = ApiServer::playing(Scenario::Neighbours);
    let before = server.there();
    let elsewhere = clean_namespaces(&server.client(), &["elsewhere".to_owned()], RUN).await.unwrap();
    assert_eq!((elsewhere, server.there()), (0, before));
    assert_eq!(clean_namespaces(&server.client(), &[NAMESPACE.to_owned()], RUN).await.unwrap(), 2);
    let kept =
        [NAMESPACE, "pods-another-runs", "pods-nobodys", "serviceaccounts-another-runs", "serviceaccounts-nobodys"];
    assert_eq!(server.there(), kept, "a customer's namespace stays although it has the label");
    assert_eq!(preconditions(&server), vec![json!({ "uid": UID }); 2]);
    for asked in server.asked(&Method::GET) {
        let one = asked.path.ends_with(POD) || asked.path.ends_with(ACCOUNT);
        assert!(one || asked.query.contains(&format!("labelSelector={RUN_LABEL}={RUN}")), "{asked:?}");
    }
}

#[tokio::test]
async fn without_a_journal_what_somebody_puts_in_its_place_is_kept() {
    let server = ApiServer::playing(Scenario::ReplacedMeanwhile);
    let error = clean_namespaces(&server.client(), &[NAMESPACE.to_owned()], RUN).await.unwrap_err().to_string();
    assert!(error.contains("precondition"), "{error}");
    assert!(server.there().contains(&POD.to_owned()));
}

#[test]
fn what_is_left_is_told_with_what_to_call_and_hundreds_of_things_in_one_line() {
    let left = (1..=300).map(|number| format!("namespace n{number}")).collect();
    let text = Error::NotInTime { run: "r1".to_owned(), left }.to_string();
    assert!(text.starts_with("clean-up was not done within 120 s; left behind: namespace n1; "), "{text}");
    assert!(text.ends_with("namespace n10; and 290 more; `cleanup --run-id r1` tries again"), "{text}");
}

#[test]
fn an_object_is_removed_by_hand_on_the_cluster_that_it_is_on() {
    let namespace = Some("app".to_owned());
    let item = Item::Object { resource: Resource::ServiceAccount, namespace, name: "probe".to_owned(), typed: false };
    let cluster = ClusterChoice { kubeconfig: None, context: Some("production".to_owned()) };
    assert_eq!(
        by_hand::command(&item, Some(&cluster), None).as_deref(),
        Some("kubectl --context production delete serviceaccount probe --namespace app")
    );
    assert_eq!(by_hand::command(&item, None, None), None, "it goes with its testbed");
}

#[test]
fn a_mount_of_a_vault_that_stays_is_removed_by_hand_with_what_opens_that_vault() {
    let item = Item::Vault { path: "mounts/pmp-dev".to_owned() };
    assert_eq!(
        by_hand::command(&item, None, Some("VAULT_ADDR=http://127.0.0.1:1")).as_deref(),
        Some("VAULT_ADDR=http://127.0.0.1:1 vault delete sys/mounts/pmp-dev")
    );
    assert_eq!(by_hand::command(&item, None, None), None, "it goes with its testbed");
}
