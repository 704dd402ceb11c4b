//! Reading definitions back.

use jiff::Timestamp;
use model::runbook::FileMode;
use store::{Apply, StoreError};

use crate::{
    bed::contract,
    samples::{apply, definition, project, runbook, sha256},
};

contract! {
    async fn projects_are_listed_by_name_and_found(bed: &Bed) {
        for name in ["b-2", "a", "b", "b2", "0"] {
            project(&bed.store, name).await;
        }
        let projects = bed.store.projects().await.unwrap();
        let names: Vec<_> = projects.iter().map(|project| project.name.as_str()).collect();
        assert_eq!(names, ["0", "a", "b", "b-2", "b2"], "by bytes, whatever the database's own order");
        assert!(projects.iter().all(|project| project.created_at <= Timestamp::now()));
        assert!(bed.store.project("a").await.unwrap().is_some());
        assert_eq!(bed.store.project("A").await.unwrap(), None);
    }

    async fn runbooks_come_in_pages_by_name(bed: &Bed) {
        let names = ["a", "a-b", "a0", "aa", "b"];
        let all = names.iter().rev().map(|name| definition(name, "true", &[])).collect();
        bed.store.apply(apply("default", all, &[])).await.unwrap();
        bed.store.apply(apply("other", vec![definition("aa", "true", &[])], &[])).await.unwrap();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = bed.store.runbooks("default", false, after.clone(), 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            seen.extend(page.into_iter().map(|row| row.name));
        }
        assert_eq!(seen, names);
        assert!(bed.store.runbooks("nowhere", false, None, 9).await.unwrap().is_empty());
    }

    async fn retired_runbooks_are_listed_only_when_asked_for(bed: &Bed) {
        let both = vec![definition("a", "true", &[]), definition("b", "true", &[])];
        bed.store.apply(apply("default", both, &[])).await.unwrap();
        let one = Apply { prune: true, ..apply("default", vec![definition("b", "true", &[])], &[]) };
        bed.store.apply(one).await.unwrap();
        let names = |rows: Vec<store::RunbookRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(bed.store.runbooks("default", false, None, 9).await.unwrap()), ["b"]);
        assert_eq!(names(bed.store.runbooks("default", true, None, 9).await.unwrap()), ["a", "b"]);
    }

    async fn a_runbook_reads_back_byte_for_byte(bed: &Bed) {
        let mut new = definition("deploy", "true", &[]);
        new.text = "name: deploy\r\n# \u{feff}\u{1f6a6} '\"\\ \t\u{1}\n".into();
        let sent = apply("default", vec![new.clone()], &[]);
        let at = sent.at;
        bed.store.apply(sent).await.unwrap();
        let row = bed.store.runbook("default", "deploy").await.unwrap().unwrap();
        assert_eq!((row.text, row.runbook), (new.text, runbook("deploy", "true")));
        assert_eq!((row.project_name.as_str(), row.name.as_str()), ("default", "deploy"));
        assert_eq!((row.digest, row.path), (new.digest, new.path));
        assert_eq!((row.published_by.as_str(), row.retired_at), ("ann", None));
        assert_eq!(row.published_at.as_microsecond(), at.as_microsecond(), "to the microsecond");
        assert_eq!(row.published_at.as_nanosecond() % 1000, 0);
        assert_eq!(Some(row.project), bed.store.project("default").await.unwrap());
        assert_eq!(bed.store.runbook("default", "nothing").await.unwrap(), None);
    }

    async fn the_same_name_in_two_projects_is_two_runbooks(bed: &Bed) {
        bed.store.apply(apply("one", vec![definition("deploy", "one", &[])], &[])).await.unwrap();
        bed.store.apply(apply("two", vec![definition("deploy", "two", &[])], &[])).await.unwrap();
        let one = bed.store.runbook("one", "deploy").await.unwrap().unwrap();
        let two = bed.store.runbook("two", "deploy").await.unwrap().unwrap();
        assert_ne!((one.project, one.digest.clone()), (two.project, two.digest.clone()));
        assert_eq!(bed.store.versions("one", "Runbook", "deploy").await.unwrap().len(), 1);
        let foreign = bed.store.load_version("one", "deploy", &two.digest).await.unwrap_err();
        assert!(matches!(foreign, StoreError::NotFound("version")), "{foreign}");
        assert!(bed.store.version_files("one", "deploy", &two.digest).await.unwrap().is_empty());

        bed.store.apply(Apply { prune: true, ..apply("two", vec![], &[]) }).await.unwrap();
        assert_eq!(bed.store.runbook("one", "deploy").await.unwrap().unwrap().retired_at, None);
    }

    async fn a_version_loads_with_its_files_in_order_and_their_bytes(bed: &Bed) {
        let all: Vec<u8> = (0..=255).collect();
        let files: &[(&str, &[u8])] = &[("b/run.sh", &all), ("Makefile", b""), ("a.py", b"x"), ("lib/a.py", b"x")];
        let new = definition("deploy", "true", files);
        bed.store.apply(apply("default", vec![new.clone()], &[&all, b"", b"x"])).await.unwrap();
        let listed = bed.store.version_files("default", "deploy", &new.digest).await.unwrap();
        let paths: Vec<_> = listed.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["Makefile", "a.py", "b/run.sh", "lib/a.py"], "by bytes");
        assert_eq!((listed[2].mode, listed[2].size), (FileMode::Executable, 256));
        assert_eq!((listed[0].mode, listed[0].size), (FileMode::Plain, 0));

        let loaded = bed.store.load_version("default", "deploy", &new.digest).await.unwrap();
        assert_eq!(loaded.runbook, runbook("deploy", "true"));
        assert_eq!(loaded.files.iter().map(|file| &file.file).collect::<Vec<_>>(), Vec::from_iter(&listed));
        assert_eq!(loaded.files[2].bytes, all);
        assert!(loaded.files.iter().all(|file| sha256(&file.bytes) == file.file.sha256));
        let nothing = bed.store.load_version("default", "deploy", &sha256(b"?")).await.unwrap_err();
        assert!(matches!(nothing, StoreError::NotFound("version")));
    }
}
