use tempfile::TempDir;

use super::*;

fn row(start: u8, origin: &str, path: &str, tags: &[&str]) -> Row {
    let mut key = [start; 32];
    key[31] = 1;
    Row {
        key,
        file: [start ^ 0x55; 32],
        bytes: 1_000,
        room_bytes: 12_288,
        content_type: "video/mp4".to_owned(),
        etag: "e".repeat(64),
        origin: origin.to_owned(),
        path: path.to_owned(),
        mode: "video".to_owned(),
        source_tag: "abc".to_owned(),
        status: 200,
        version: 0,
        created: 1_000 + i64::from(start),
        cost_ms: 7,
        fresh_until: 5_000 + i64::from(start),
        recipe: i64::from(start % 2),
        tags: tags.iter().map(ToString::to_string).collect(),
    }
}

async fn fresh() -> (TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("cache.db")).await.unwrap();
    (folder, index)
}

async fn filled() -> (TempDir, Index, Vec<Row>) {
    let (folder, index) = fresh().await;
    let rows = vec![
        row(1, "clips", "/a/one.mp4", &["big", "red"]),
        row(2, "clips", "/a/one.mp4", &["red"]),
        row(3, "clips", "/a/two.mp4", &[]),
        row(4, "clips", "/b/one.mp4", &["blue"]),
        row(5, "other", "/a/one.mp4", &["red"]),
        row(6, "clips", "/a", &[]),
        row(7, "clips", "/a/\u{10fffe}", &[]),
    ];
    for row in &rows {
        assert_eq!(index.put(row).await.unwrap(), None);
    }
    (folder, index, rows)
}

#[tokio::test]
async fn a_row_is_found_as_it_was_put_and_by_its_whole_key_alone() {
    let (_folder, index, rows) = filled().await;
    for row in &rows {
        assert_eq!(index.get(&row.key).await.unwrap().as_ref(), Some(row));
        let mut other = row.key;
        other[31] = 9;
        assert_eq!(slot_of(&other), slot_of(&row.key));
        assert_eq!(index.get(&other).await.unwrap(), None, "the same slot and another key");
    }
    assert_eq!(index.totals().await.unwrap(), (7, 7 * 12_288));
}

#[tokio::test]
async fn a_slot_has_one_row_and_the_file_of_the_last_one_is_told() {
    let (_folder, index, rows) = filled().await;
    let newer = Row { file: [200; 32], tags: vec!["new".to_owned()], ..rows[0].clone() };
    assert_eq!(index.put(&newer).await.unwrap(), Some(rows[0].file));
    assert_eq!(index.get(&newer.key).await.unwrap(), Some(newer.clone()));
    assert_eq!(index.totals().await.unwrap().0, 7);
    assert_eq!(
        index.select(&Select::Tag("big".to_owned())).await.unwrap(),
        Vec::<i64>::new(),
        "its tags went with it"
    );
    index.remove(&[rows[0].file, newer.file, [0; 32]]).await.unwrap();
    assert_eq!(index.get(&newer.key).await.unwrap(), None);
    assert_eq!(index.select(&Select::Tag("new".to_owned())).await.unwrap(), Vec::<i64>::new());
}

#[tokio::test]
async fn a_purge_means_what_it_says_and_no_more() {
    let (_folder, index, rows) = filled().await;
    let path = |origin: &str, path: &str| Select::Path { origin: origin.to_owned(), path: path.to_owned() };
    let prefix =
        |origin: &str, prefix: &str| Select::Prefix { origin: origin.to_owned(), prefix: prefix.to_owned() };
    for (which, expected) in [
        (Select::Key(rows[1].key), vec![2]),
        (Select::Tag("red".to_owned()), vec![1, 2, 5]),
        (Select::Tag("re".to_owned()), vec![]),
        (path("clips", "/a/one.mp4"), vec![1, 2]),
        (path("clips", "/a/%"), vec![]),
        (prefix("clips", "/a/"), vec![1, 2, 3, 7]),
        (prefix("clips", "/a"), vec![1, 2, 3, 6, 7]),
        (prefix("clips", "/a_"), vec![]),
        (prefix("clips", ""), vec![1, 2, 3, 4, 6, 7]),
        (prefix("nobody", ""), vec![]),
        (Select::Older(5_003), vec![1, 2]),
        (Select::All, vec![1, 2, 3, 4, 5, 6, 7]),
    ] {
        let mut slots = index.select(&which).await.unwrap();
        let by_number = |start: &u8| slot_of(&[*start; 32]);
        let mut wanted: Vec<i64> = expected.iter().map(by_number).collect();
        slots.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(slots, wanted, "{which:?}");
        if !matches!(which, Select::Older(_)) {
            for (at, row) in rows.iter().enumerate() {
                let is_meant = which.matches(&row.key, &row.tags, &row.origin, &row.path);
                assert_eq!(is_meant, expected.contains(&(at as u8 + 1)), "{which:?} of {row:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_path_means_also_what_differs_from_it_by_a_query() {
    let (_folder, index) = fresh().await;
    let paths = ["/a.mp4", "/a.mp4?5e", "/a.mp4@2x", "/a.mp4.old"];
    let rows = (1..).zip(paths).map(|(start, path)| row(start, "clips", path, &[])).collect::<Vec<_>>();
    for row in &rows {
        index.put(row).await.unwrap();
    }
    for (path, expected) in [("/a.mp4", vec![0, 1]), ("/a.mp4?5e", vec![1]), ("/a", vec![])] {
        let which = Select::Path { origin: "clips".to_owned(), path: path.to_owned() };
        let meant = |row: &Row| which.matches(&row.key, &row.tags, &row.origin, &row.path);
        let matching = (0..rows.len()).filter(|at| meant(&rows[*at])).collect::<Vec<_>>();
        let mut slots = index.select(&which).await.unwrap();
        let mut wanted: Vec<i64> = expected.iter().map(|at: &usize| slot_of(&rows[*at].key)).collect();
        slots.sort_unstable();
        wanted.sort_unstable();
        assert_eq!((slots, matching), (wanted, expected), "{path}");
    }
}

#[tokio::test]
async fn only_the_present_version_of_a_path_is_found() {
    let (_folder, index, rows) = filled().await;
    assert_eq!(index.version("clips", "/a/one.mp4").await.unwrap(), 0);
    let first = index.raise("clips", "/a/one.mp4", 90).await.unwrap();
    assert_eq!((first, index.version("clips", "/a/one.mp4").await.unwrap()), (90, 90));
    for (at, is_there) in [(0, false), (1, false), (2, true), (4, true)] {
        assert_eq!(index.get(&rows[at].key).await.unwrap().is_some(), is_there, "row {at}");
    }
    let newer = Row { version: first, ..rows[0].clone() };
    index.put(&newer).await.unwrap();
    assert_eq!(index.get(&newer.key).await.unwrap(), Some(newer.clone()));
    let again = index.raise("clips", "/a/one.mp4", 80).await.unwrap();
    assert!(again > first, "also when the clock was set back");
    assert_eq!(index.get(&newer.key).await.unwrap(), None);
    assert!(index.raise("clips", "/b", 80).await.unwrap() > again, "no two paths have one version");
}

#[tokio::test]
async fn a_former_version_is_found_by_source_and_recipe_until_its_path_is_raised() {
    let (_folder, index, rows) = filled().await;
    let former = async |path: &str, recipe: i64, not: &Row| {
        index.former("clips", path, recipe, &not.key).await.unwrap().map(|row| row.key)
    };
    assert_eq!(former("/a/one.mp4", 1, &rows[6]).await, Some(rows[0].key));
    assert_eq!(former("/a/one.mp4", 0, &rows[6]).await, Some(rows[1].key));
    assert_eq!(former("/a/one.mp4", 1, &rows[0]).await, None, "it is no former one of itself");
    assert_eq!(former("/b/one.mp4", 1, &rows[0]).await, None);
    let newer = Row { key: [77; 32], file: [78; 32], created: 9_000, ..rows[0].clone() };
    index.put(&newer).await.unwrap();
    assert_eq!(former("/a/one.mp4", 1, &rows[6]).await, Some(newer.key), "the last one");
    index.raise("clips", "/a/one.mp4", 90).await.unwrap();
    assert_eq!(former("/a/one.mp4", 1, &rows[6]).await, None);
    index.renew(&[slot_of(&rows[2].key)], 70_000).await.unwrap();
    index.renew(&[slot_of(&rows[2].key)], 60_000).await.unwrap();
    assert_eq!(index.get(&rows[2].key).await.unwrap().unwrap().fresh_until, 70_000);
}

#[tokio::test]
async fn what_another_process_asks_for_is_done_once_and_told() {
    let (folder, index, _) = filled().await;
    let other = Index::open(&folder.path().join("cache.db")).await.unwrap();
    assert_eq!(index.asked_purge(0).await.unwrap(), None);
    let asked = [
        Select::Key([7; 32]),
        Select::Tag("a \"tag\"".to_owned()),
        Select::Prefix { origin: "clips".to_owned(), prefix: "/ä".to_owned() },
        Select::All,
    ];
    let mut ids = Vec::new();
    for what in &asked {
        ids.push(other.ask_purge(what, 1_000, 0).await.unwrap());
    }
    for (id, what) in ids.iter().zip(&asked) {
        let found = index.asked_purge(500).await.unwrap().unwrap();
        assert_eq!((found.id, &found.what), (*id, what));
        assert_eq!(other.done_purge(*id).await.unwrap(), None);
        index.purge_is_done(*id, 3, 4_000).await.unwrap();
        assert_eq!(other.done_purge(*id).await.unwrap(), Some((3, 4_000)));
    }
    let late = other.ask_purge(&Select::All, 1_000, 0).await.unwrap();
    assert_eq!(index.asked_purge(1_001).await.unwrap(), None, "nobody waits for it any more");
    other.ask_purge(&Select::All, 3_000, 2_000).await.unwrap();
    assert_eq!(other.done_purge(ids[0]).await.unwrap(), None, "what was asked long ago is forgotten");
    index.purge_is_done(late, 1, 1).await.unwrap();
}

#[tokio::test]
async fn lists_go_on_where_the_last_page_ended() {
    let (_folder, index) = fresh().await;
    let count: u16 = 1_203;
    for number in 0..count {
        let mut row = row(0, "clips", "/x", &[]);
        row.key[..2].copy_from_slice(&number.to_be_bytes());
        row.file[..2].copy_from_slice(&number.reverse_bits().to_be_bytes());
        row.created = i64::from(number % 7);
        index.put(&row).await.unwrap();
    }
    let (mut uses, mut after) = (Vec::new(), None);
    loop {
        let page = index.by_use(after).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= CACHE_PAGE_ROWS_MAX);
        after = Some(*last);
        uses.extend(page.iter().map(|row| (row.used, row.slot)));
    }
    assert_eq!(uses.len(), usize::from(count));
    assert!(uses.is_sorted_by(|one, next| one > next));
    let (mut files, mut after) = (Vec::new(), None);
    loop {
        let page = index.by_file(after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.file);
        files.extend(page.iter().map(|row| row.file));
    }
    assert_eq!(files.len(), usize::from(count));
    assert!(files.is_sorted_by(|one, next| one < next));
}

#[tokio::test]
async fn what_was_used_last_is_listed_first_and_what_was_checked_waits() {
    let (_folder, index, rows) = filled().await;
    let slot = |at: usize| slot_of(&rows[at].key);
    index.touch(&[slot(1), 99], 9_000).await.unwrap();
    index.touch(&[slot(1)], 8_000).await.unwrap();
    let first = index.by_use(None).await.unwrap()[0];
    assert_eq!((first.slot, first.used), (slot(1), 9_000));
    assert_eq!(index.to_check(1_001).await.unwrap(), None);
    let (found, file, bytes) = index.to_check(9_999).await.unwrap().unwrap();
    assert_eq!((found, file, bytes), (slot(0), rows[0].file, 1_000));
    index.mark_checked(&[found], 9_000).await.unwrap();
    assert_eq!(index.to_check(9_999).await.unwrap().unwrap().0, slot(1));
    assert_eq!(index.files(&[slot(2), 98]).await.unwrap(), [(slot(2), rows[2].file)]);
}

#[tokio::test]
async fn what_is_no_index_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.db");
    std::fs::write(&path, vec![7; 10_000]).unwrap();
    let refused = Index::open(&path).await.unwrap_err();
    assert_eq!(refused.kind(), crate::error::ErrorKind::Unavailable);
}

#[tokio::test]
async fn each_list_is_read_through_an_index() {
    let (_folder, index, _) = filled().await;
    for (sql, expected) in [
        ("SELECT slot FROM made WHERE origin = 'a' AND path = 'b' LIMIT 5", "made_by_path"),
        (
            "SELECT slot FROM made WHERE origin = 'a' AND path >= 'b' AND path < 'b' || char(1114111) LIMIT 5",
            "made_by_path",
        ),
        ("SELECT slot FROM made WHERE fresh_until < 5 LIMIT 5", "made_by_age"),
        (
            "SELECT slot FROM made WHERE (used, slot) < (1, 1) ORDER BY used DESC, slot DESC LIMIT 5",
            "made_by_use",
        ),
        (kinds::KINDS, "made_by_mode"),
        (kinds::OF_KIND, "made_by_mode"),
        ("SELECT slot FROM made WHERE checked < 5 ORDER BY checked LIMIT 1", "made_by_check"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&index.readers)
                .await
                .unwrap();
        let text: String = plan.into_iter().map(|(.., detail)| detail).collect();
        assert!(text.contains(expected) && !text.contains("TEMP B-TREE"), "{sql}: {text}");
    }
}

#[tokio::test]
async fn answers_that_were_kept_before_they_had_a_tag_of_their_kind_are_found_by_it() {
    let (folder, index) = fresh().await;
    let answer = Row { mode: "answer".to_owned(), ..row(1, "pages", "/a", &["origin:pages"]) };
    for row in [&answer, &row(2, "clips", "/b", &[])] {
        assert_eq!(index.put(row).await.unwrap(), None);
    }
    // As the release before left it.
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version >= 4").execute(&index.writer).await.unwrap();
    index.close().await;
    let index = Index::open(&folder.path().join("cache.db")).await.unwrap();
    let found = index.select(&Select::Tag("mode:answer".to_owned())).await.unwrap();
    assert_eq!(found, [slot_of(&answer.key)]);
}
