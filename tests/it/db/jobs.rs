//! Jobs: taken by one, once, and never lost.

use effigy::{
    db::Database,
    ids::{JobId, ProjectId},
    model::job::{JobState, Lane, NewJob},
};

use super::{Fresh, both};

fn job(once: Option<&str>, run_at_ms: i64) -> NewJob {
    NewJob {
        id: JobId::new(),
        lane: Lane::Front,
        work: "{}".into(),
        caller: Some("{}".into()),
        project: Some(ProjectId::new()),
        once: once.map(str::to_owned),
        run_at_ms,
    }
}

async fn state(db: &Database, id: JobId) -> Option<JobState> {
    db.job(id).await.expect("read").map(|row| row.state)
}

#[tokio::test]
async fn job_is_taken_by_one_worker() {
    for Fresh { name, db, .. } in both().await {
        for _ in 0..5 {
            db.add_job(&job(None, 0)).await.expect("add");
        }
        let claims = (0..20).map(|n| {
            let db = db.clone();
            async move { db.claim_job(Lane::Front, &format!("worker {n}"), 60_000).await.expect("claim") }
        });
        let mut taken: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().map(|j| j.id).collect();
        // Workers that came to the same row at the same time go back for another.
        while let Some(held) = db.claim_job(Lane::Front, "late", 60_000).await.expect("claim") {
            taken.push(held.id);
        }
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 5, "{name}");
        assert!(db.claim_job(Lane::Back, "x", 1).await.expect("claim").is_none(), "{name}: the other lane's job");
    }
}

#[tokio::test]
async fn job_of_one_name_waits_or_runs_once() {
    for Fresh { name, db, .. } in both().await {
        let (first, second) = (job(Some("sweep"), 0), job(Some("sweep"), 0));
        db.add_job(&first).await.expect("add");
        db.add_job(&second).await.expect("add");
        assert_eq!(state(&db, second.id).await, None, "{name}");
        db.claim_job(Lane::Front, "me", 60_000).await.expect("claim").expect("a job");
        db.end_job(first.id, "another", None).await.expect("end");
        assert_eq!(state(&db, first.id).await, Some(JobState::Running), "{name}: another ended my job");
        db.end_job(first.id, "me", None).await.expect("end");
        assert_eq!(state(&db, first.id).await, Some(JobState::Done), "{name}");
        db.add_job(&second).await.expect("add");
        assert_eq!(state(&db, second.id).await, Some(JobState::Waiting), "{name}");
        assert_eq!(db.forget_jobs(i64::MAX).await.expect("forget"), 1, "{name}");
    }
}

#[tokio::test]
async fn lapsed_job_is_taken_over_and_a_renewed_one_is_not() {
    for Fresh { name, db, .. } in both().await {
        let lapsed = job(None, 0);
        db.add_job(&lapsed).await.expect("add");
        db.claim_job(Lane::Front, "dead", -1).await.expect("claim").expect("a job");
        let again = db.claim_job(Lane::Front, "alive", 60_000).await.expect("claim").expect("the lapsed job");
        assert_eq!((again.id, again.failures), (lapsed.id, 0), "{name}");
        assert!(!db.renew_job(lapsed.id, "dead", 60_000).await.expect("renew"), "{name}");
        assert!(db.renew_job(lapsed.id, "alive", 60_000).await.expect("renew"), "{name}");
        assert!(db.claim_job(Lane::Front, "third", 60_000).await.expect("claim").is_none(), "{name}");
        db.retry_job(lapsed.id, "alive", i64::MAX, "later").await.expect("retry");
        assert!(db.claim_job(Lane::Front, "third", 60_000).await.expect("claim").is_none(), "{name}: it does not wait");
        assert_eq!(db.job(lapsed.id).await.expect("read").expect("the job").failures, 1, "{name}");
    }
}

#[tokio::test]
async fn projects_take_turns_and_none_has_a_whole_lane() {
    for Fresh { name, db, .. } in both().await {
        let (greedy, other) = (Some(ProjectId::new()), Some(ProjectId::new()));
        for age in 0..5 {
            db.add_job(&NewJob { project: greedy, ..job(None, age) }).await.expect("add");
        }
        let claim = async || db.claim_job(Lane::Front, "me", 60_000).await.expect("claim").map(|held| held.id);
        for _ in 0..Lane::Front.share() {
            assert!(claim().await.is_some(), "{name}");
        }
        assert!(claim().await.is_none(), "{name}: the greedy project has more than its share");
        let (late, own) = (NewJob { project: other, ..job(None, 9) }, NewJob { project: None, ..job(None, 10) });
        db.add_job(&late).await.expect("add");
        db.add_job(&own).await.expect("add");
        assert_eq!((claim().await, claim().await, claim().await), (Some(late.id), Some(own.id), None), "{name}");
    }
}

#[tokio::test]
async fn the_project_with_the_fewest_running_jobs_is_first() {
    for Fresh { name, db, .. } in both().await {
        let (first, second) = (Some(ProjectId::new()), Some(ProjectId::new()));
        for age in 0..3 {
            db.add_job(&NewJob { project: first, ..job(None, age) }).await.expect("add");
        }
        let late = NewJob { project: second, ..job(None, 9) };
        db.add_job(&late).await.expect("add");
        let claim = async || db.claim_job(Lane::Front, "me", 60_000).await.expect("claim").expect("a job").id;
        claim().await;
        assert_eq!(claim().await, late.id, "{name}");
    }
}

#[tokio::test]
async fn jobs_in_hand_are_counted_and_the_last_of_a_work_is_told() {
    for Fresh { name, db, .. } in both().await {
        let sweep = NewJob { lane: Lane::Back, work: "sweep".into(), ..job(Some("sweep"), 0) };
        db.add_job(&sweep).await.expect("add");
        db.add_job(&job(None, 0)).await.expect("add");
        let last = async || db.last_jobs(Lane::Back, "sweep", 2).await.expect("read");
        assert!(last().await.is_empty(), "{name}: it has not begun");
        db.claim_job(Lane::Back, "a", 60_000).await.expect("claim").expect("a job");
        let mut in_hand = db.jobs_in_hand().await.expect("read");
        in_hand.sort_by_key(|(lane, ..)| lane.to_string());
        assert_eq!(in_hand, [(Lane::Back, JobState::Running, 1), (Lane::Front, JobState::Waiting, 1)], "{name}");
        db.end_job(sweep.id, "a", Some("the disk")).await.expect("end");
        let ended = last().await;
        assert_eq!((ended[0].state, ended[0].reason.as_deref()), (JobState::Failed, Some("the disk")), "{name}");
        assert_eq!(db.jobs_in_hand().await.expect("read"), [(Lane::Front, JobState::Waiting, 1)], "{name}");
    }
}
