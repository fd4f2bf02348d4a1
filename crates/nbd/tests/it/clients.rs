//! Real clients read what is there.

use crate::support::{Memory, NAME, Server, sample_disk};

#[tokio::test(flavor = "multi_thread")]
async fn qemu_img_reads_every_byte() {
    let server = Server::start(Memory::new(sample_disk()));
    let (ok, said) = server.run("qemu-img", &["convert", "-f", "raw", "-O", "raw", &server.uri(), "copy"]).await;
    assert!(ok, "{said}");
    assert!(std::fs::read(server.path("copy")).unwrap() == sample_disk());
    let (ok, said) = server.run("qemu-img", &["compare", "-f", "raw", "-F", "raw", &server.uri(), "copy"]).await;
    assert!(ok, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_img_maps_holes_as_holes() {
    let server = Server::start(Memory::new(sample_disk()));
    let (ok, said) = server.run("qemu-img", &["map", "-f", "raw", "--output=json", &server.uri()]).await;
    assert!(ok, "{said}");
    assert!(
        said.contains(r#""start": 0, "length": 458752, "depth": 0, "present": true, "zero": false, "data": true"#),
        "{said}"
    );
    assert!(
        said.contains(
            r#""start": 458752, "length": 2686976, "depth": 0, "present": true, "zero": true, "data": false"#
        ),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nbdcopy_reads_over_several_connections() {
    let server = Server::start(Memory::new(sample_disk()));
    for more in [vec!["--connections=4", "--requests=64"], vec!["--synchronous"], vec!["--allocated"]] {
        let uri = server.uri();
        let mut arguments = more.clone();
        arguments.extend([uri.as_str(), "copied"]);
        let (ok, said) = server.run("nbdcopy", &arguments).await;
        assert!(ok, "{more:?}: {said}");
        assert!(std::fs::read(server.path("copied")).unwrap() == sample_disk(), "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nbdinfo_lists_the_one_export_and_no_other() {
    let server = Server::start(Memory::new(sample_disk()));
    let root = server.uri().replace(&format!("/{NAME}?"), "/?");
    let (ok, said) = server.run("nbdinfo", &["--list", &root]).await;
    assert!(ok && said.contains("export=\"disk\"") && said.contains("is_read_only: true"), "{said}");
    assert!(said.contains("base:allocation") && said.contains("can_multi_conn: true"), "{said}");
    let other = server.uri().replace("/disk?", "/other?");
    let (ok, said) = server.run("nbdinfo", &[&other]).await;
    assert!(!ok && said.contains("No such file or directory for export"), "{said}");
}
