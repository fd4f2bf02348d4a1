//! The service is killed: by the clock, at a chosen call, under guests.

use std::time::Duration;

use serde_json::json;

use crate::{
    Ran,
    plan::Plan,
    support::{Effigy, boots, disk_of, micro_disk},
    work::Work,
};

/// `kill -9` at any time under mixed work.
pub async fn by_the_clock(plan: Plan) -> Ran {
    let mut effigy = Effigy::start().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        work.until(async {
            plan.pause(20..1500).await;
            effigy.kill9();
        })
        .await;
        effigy.run().await;
        work.holds(&effigy).await;
    }
    work.end(effigy).await
}

/// `kill -9` at the Nth write, sync, rename, or making or removal of a file.
pub async fn at_a_call(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite("");
    let faults = effigy.faults();
    effigy.run().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        let call = plan.one_of(&["pwrite", "sync", "create", "rename", "unlink", "any"]);
        faults.lay(&format!("{call} */data/* {} KILL", plan.number(1..200)));
        work.until(effigy.is_killed_within(Duration::from_secs(2))).await;
        faults.lift();
        // The next start may be killed too.
        faults.lay(&format!("any */data/* {} KILL", plan.number(1..60)));
        effigy.launch();
        effigy.is_killed_within(Duration::from_millis(plan.number(50..500))).await;
        faults.lift();
        effigy.run().await;
        work.holds(&effigy).await;
    }
    work.end(effigy).await
}

/// `kill -9` at a call of a launch and of a capture: the instance starts all the same, and the capture is its disk.
pub async fn under_guests(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite("[instances]\naccel = \"tcg\"\n");
    let faults = effigy.faults();
    effigy.run().await;
    let alice = effigy.people().await.alice;
    let golden = alice.save_image("golden", "raw", micro_disk("golden", 2 << 20)).await;
    while plan.goes_on() {
        let any = |most| format!("any */data/* {} KILL", plan.number(1..most));
        faults.lay(&any(60));
        let launch = async {
            let flavor = json!({"name": "x", "imageRef": golden, "flavorRef": "1", "networks": "none"});
            let request =
                alice.request(reqwest::Method::POST, "/compute/v2.1/servers").json(&json!({"server": flavor}));
            let request = request.header("OpenStack-API-Version", "compute 2.96");
            crate::support::Answer::try_of(request).await.ok()
        };
        let (answer, ()) = tokio::join!(launch, effigy.is_killed_within(Duration::from_millis(700)));
        faults.lift();
        effigy.run().await;
        if answer.is_some_and(|answer| answer.status == 202) {
            captured(&plan, &mut effigy, &alice, &any(60), &faults).await;
        }
        let servers = alice.get("/compute/v2.1/servers").await.expect(200).json();
        for server in servers["servers"].as_array().expect("a list") {
            let path = format!("/compute/v2.1/servers/{}", server["id"].as_str().expect("an id"));
            alice.delete(&path).await.expect(204);
        }
        crate::support::eventually("no guest runs", Duration::from_secs(30), || async {
            effigy.guests().is_empty().then_some(())
        })
        .await;
    }
    effigy.check_store();
    Ok(())
}

/// Takes the one instance through a capture that is killed.
async fn captured(
    plan: &Plan,
    effigy: &mut Effigy,
    alice: &crate::support::Person,
    rule: &str,
    faults: &crate::support::Faults,
) {
    let servers = alice.get("/compute/v2.1/servers").await.expect(200).json();
    let id = servers["servers"][0]["id"].as_str().expect("an acknowledged instance").to_owned();
    alice.instance_becomes(&id, "ACTIVE").await;
    alice.console_says(&id, "golden 0001 OK").await;
    alice.stop(&id).await;
    let image = alice.cast(&id, "cast").await;
    faults.lay(rule);
    effigy.is_killed_within(Duration::from_millis(400)).await;
    faults.lift();
    effigy.run().await;
    alice.image_becomes(&image, "active").await;
    alice.instance_becomes(&id, "SHUTOFF").await;
    let file = alice.download(&image).await.expect(200).body;
    plan.compared();
    assert_eq!(boots(&disk_of("qcow2", &file)), 1, "the capture is another disk");
    alice.delete(&format!("/image/v2/images/{image}")).await.expect(204);
}
