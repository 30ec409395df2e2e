use super::*;

fn part(name: &str) -> Item {
    let [testbed, what, name] = ["kind", "network", name].map(str::to_owned);
    Item::Part(Part { testbed, what, name, of: None })
}

#[test]
fn what_a_killed_run_left_is_in_its_journal_the_last_first() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(Some(state.path()));
    let journal = Journal::create(&runs, "r1").unwrap();
    let first = journal.creating(part("n")).unwrap();
    journal.created(&first, "id-1").unwrap();
    let second = journal.creating(part("c")).unwrap();
    let third = journal.creating(part("n")).unwrap();
    journal.refused(&third).unwrap();
    drop(journal);
    let left = Journal::open(&runs, "r1").unwrap().open_entries();
    assert_eq!(left.iter().map(|e| e.entry).collect::<Vec<_>>(), [second.entry, first.entry]);
    assert_eq!(left[1].uid.as_deref(), Some("id-1"));
}

#[test]
fn a_journal_is_not_opened_while_its_run_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(Some(state.path()));
    let running = Journal::create(&runs, "r1").unwrap();
    assert!(matches!(Journal::open(&runs, "r1"), Err(Error::Locked { .. })));
    drop(running);
    assert!(Journal::open(&runs, "r1").is_ok());
    assert!(matches!(Journal::open(&runs, "r2"), Err(Error::Unknown { .. })));
}

#[test]
fn a_testbed_in_use_is_not_opened_for_cleaning() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(Some(state.path()));
    drop(Journal::create(&runs, "r1").unwrap());
    let (one, two) = (Hold::on(&runs, "r1").unwrap(), Hold::on(&runs, "r1").unwrap());
    assert!(matches!(Journal::open(&runs, "r1"), Err(Error::Locked { .. })));
    drop((one, two));
    assert!(Journal::open(&runs, "r1").is_ok());
    assert!(matches!(Hold::on(&runs, "r2"), Err(Error::Unknown { .. })));
}

#[test]
fn a_line_that_was_cut_off_is_passed_over() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(Some(state.path()));
    let journal = Journal::create(&runs, "r1").unwrap();
    let _ = journal.creating(part("n")).unwrap();
    let mut file = OpenOptions::new().append(true).open(journal.folder().join("journal.jsonl")).unwrap();
    file.write_all(b"{\"creating\":{\"entry\":2,").unwrap();
    drop(journal);
    assert_eq!(Journal::open(&runs, "r1").unwrap().open_entries().len(), 1);
}

#[tokio::test]
async fn a_run_that_ends_waits_for_what_is_being_created_and_lets_nothing_more_be() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::create(&Runs::new(Some(state.path())), "r1").unwrap();
    let item = || Item::Vault { path: "mounts/r1".to_owned() };
    let creating = journal.creating(item()).unwrap();
    let mut settled = Box::pin(journal.settled());
    assert!(futures::poll!(&mut settled).is_pending());
    assert!(matches!(journal.creating(item()), Err(Error::Ending { .. })));
    journal.created(&creating, "vault").unwrap();
    assert!(futures::poll!(&mut settled).is_pending(), "until its holder is through with it");
    drop(creating);
    settled.await;
    assert_eq!(journal.open_entries().len(), 1);
}

#[tokio::test]
async fn what_a_command_makes_is_not_waited_for() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::create(&Runs::new(Some(state.path())), "r1").unwrap();
    let _creating = journal.creating(part("n")).unwrap();
    journal.settled().await;
    assert!(matches!(journal.creating(part("m")), Err(Error::Ending { .. })));
}
