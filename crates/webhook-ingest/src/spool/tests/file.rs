//! The spool's file: opened again, begun anew, and small in memory.

use super::*;

#[tokio::test]
async fn a_spool_that_could_not_be_opened_again_is_tried_again_by_whoever_comes_next() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let (inner, away) = (folder.path().join("spool"), folder.path().join("away"));
    let spool = open(&inner);
    spool.append(&report("a")).await.expect("room");
    std::fs::rename(&inner, &away).expect("a folder that goes away");
    std::fs::write(&inner, "in its place").expect("a file");
    spool.file.close();
    assert!(drainer(&spool, &store).drain().await.is_err());

    std::fs::remove_file(&inner).expect("a file");
    std::fs::rename(&away, &inner).expect("a folder that is back");
    assert_eq!(drainer(&spool, &store).drain().await.expect("all of it").new, 1);
    assert_eq!(spool.report().events, 0);
}

#[tokio::test]
async fn a_file_that_a_crash_left_unfinished_before_its_first_event_is_begun_anew() {
    for length in [5, 1 << 20] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(Spool::path(folder.path()), vec![0; length]).expect("a file");
        let spool = open(folder.path());
        spool.append(&report("a")).await.expect("room");
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(Spool::path(folder.path()), "somebody's file").expect("a file");
    assert!(Spool::open(folder.path(), WIDE).is_err());
    assert_eq!(std::fs::read(Spool::path(folder.path())).expect("a file"), b"somebody's file");
}

#[tokio::test]
async fn however_much_waits_the_file_takes_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = SpoolFile::open(folder.path()).expect("a free folder");
    let event = vec![0xff; 64 * 1024];
    let before = resident_bytes();
    for _ in 0..10 {
        file.append(1, (0..200).map(|_| event.as_slice())).expect("room");
    }
    let mut after = None;
    while let Some(last) = file.oldest(after, 128).expect("it can be read").last() {
        after = Some(last.number);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 80 << 20, "{} MiB", grown >> 20);
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}
