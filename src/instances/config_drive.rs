//! The config drive: the data a guest reads on its first boot, as a small FAT volume.
//!
//! Layout and words are Nova's (`nova/virt/configdrive.py`, `nova/api/metadata/base.py`); cloud-init finds the volume
//! by its label. It is written anew before every start, so a new host name or new metadata reach the guest then.

use std::io::{self, Cursor, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fatfs::{Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::{Value, json};

use super::network;
use crate::{
    config,
    model::instance::{FirstBoot, GuestFile, InstanceRow},
};

/// The label that cloud-init looks for.
const LABEL: [u8; 11] = *b"config-2   ";
/// The versions of the layout that are offered: the newest whose files we all write, and the running one.
const VERSIONS: [&str; 2] = ["latest", "2018-08-27"];
/// Room for the volume's own tables, and for each file's last cluster.
const SLACK_BYTES: usize = 256 << 10;
/// Bytes of randomness for the guest (Nova's number).
const SEED_BYTES: usize = 512;

/// The volume of an instance.
pub(super) fn volume(row: &InstanceRow, first_boot: &FirstBoot, network: &config::Network) -> io::Result<Vec<u8>> {
    let mut files = vec![
        ("meta_data.json", meta_data(row, &first_boot.files)?.to_string().into_bytes()),
        ("network_data.json", network_data(row, network).to_string().into_bytes()),
        ("vendor_data.json", b"{}".to_vec()),
    ];
    if let Some(data) = &first_boot.user_data {
        files.push(("user_data", data.clone()));
    }
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let content_bytes: usize = first_boot.files.iter().map(|file| file.contents.len()).sum();
    let size = (VERSIONS.len() * bytes + content_bytes + SLACK_BYTES).next_multiple_of(64 << 10);
    let mut volume = vec![0; size];
    let options = FormatVolumeOptions::new().volume_label(LABEL).fat_type(FatType::Fat12);
    fatfs::format_volume(Cursor::new(volume.as_mut_slice()), options)?;
    {
        let filesystem = FileSystem::new(Cursor::new(volume.as_mut_slice()), FsOptions::new())?;
        let openstack = filesystem.root_dir().create_dir("openstack")?;
        for version in VERSIONS {
            let folder = openstack.create_dir(version)?;
            for (name, bytes) in &files {
                write(&folder, name, bytes)?;
            }
        }
        let contents = openstack.create_dir("content")?;
        for (index, file) in first_boot.files.iter().enumerate() {
            write(&contents, &content_name(index), &file.contents)?;
        }
    }
    Ok(volume)
}

fn write(folder: &Dir<'_, Cursor<&mut [u8]>>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = folder.create_file(name)?;
    file.write_all(bytes)?;
    file.flush()
}

fn content_name(index: usize) -> String {
    format!("{index:04}")
}

fn meta_data(row: &InstanceRow, files: &[GuestFile]) -> io::Result<Value> {
    let mut seed = [0; SEED_BYTES];
    openssl::rand::rand_bytes(&mut seed).map_err(io::Error::other)?;
    let mut data = json!({
        "uuid": row.id,
        "name": row.name,
        "hostname": row.hostname,
        "availability_zone": "nova",
        "launch_index": row.make.launch_index,
        "project_id": row.project_id,
        "random_seed": STANDARD.encode(seed),
        "meta": row.metadata,
        "devices": [],
        "public_keys": {},
        "keys": [],
    });
    if let (Some(name), Some(key)) = (&row.make.key_name, row.make.public_key.as_deref().map(str::trim)) {
        data["public_keys"] = json!({name: key});
        data["keys"] = json!([{"name": name, "type": "ssh", "data": key}]);
    }
    if !files.is_empty() {
        let place = |(index, file): (usize, &GuestFile)| json!({"path": file.path, "content_path": format!("/content/{}", content_name(index))});
        data["files"] = files.iter().enumerate().map(place).collect();
    }
    Ok(data)
}

fn network_data(row: &InstanceRow, settings: &config::Network) -> Value {
    let Some(mac) = &row.make.mac else { return json!({"links": [], "networks": [], "services": []}) };
    let mut given = json!({"id": "network0", "link": "nic0", "type": "ipv4_dhcp", "network_id": network::ID});
    let mut services = Vec::new();
    if let Some((address, subnet)) = network::of_pool(settings, row.number).zip(settings.subnet) {
        given["type"] = json!("ipv4");
        given["ip_address"] = json!(address);
        given["netmask"] = json!(subnet.netmask());
        let outwards = |gateway| json!({"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": gateway});
        given["routes"] = settings.gateway.iter().map(outwards).collect();
        services = settings.name_servers.iter().map(|address| json!({"type": "dns", "address": address})).collect();
    }
    json!({
        "links": [{"id": "nic0", "type": "phy", "ethernet_mac_address": mac, "mtu": 1500}],
        "networks": [given],
        "services": services,
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use super::*;
    use crate::{
        ids::{ImageId, InstanceId, ProjectId, UserId},
        model::instance::{InstanceMake, InstanceState, Status},
    };

    fn row() -> InstanceRow {
        InstanceRow {
            id: InstanceId::new(),
            project_id: ProjectId::new(),
            user_id: UserId::new(),
            name: "web \"1\"\n".into(),
            description: None,
            hostname: "web-1".into(),
            metadata: BTreeMap::from([("role".into(), "front".into())]),
            tags: vec![],
            access: Default::default(),
            make: InstanceMake {
                image: ImageId::new(),
                image_name: "base".into(),
                inherited: Default::default(),
                hardware: BTreeMap::new(),
                machine: None,
                base_root: String::new(),
                base_store: String::new(),
                base_bytes: 0,
                disk_bytes: 0,
                flavor: crate::model::flavor::Flavor::default(),
                vcpus: 1,
                memory_mib: 64,
                key_name: Some("laptop".into()),
                public_key: Some("ssh-ed25519 AAAA laptop".into()),
                mac: Some("fa:16:3e:00:00:01".into()),
                launch_index: 2,
                reservation_id: "r-1".into(),
            },
            lock: None,
            server_group: None,
            number: 0,
            state: InstanceState::new(Status::Build, None),
            created_ms: 0,
            updated_ms: 0,
        }
    }

    fn read(volume: &mut [u8], path: &str) -> Vec<u8> {
        let filesystem = FileSystem::new(Cursor::new(volume), FsOptions::new()).unwrap();
        assert_eq!(filesystem.volume_label_as_bytes(), LABEL.trim_ascii_end());
        let mut bytes = Vec::new();
        filesystem.root_dir().open_file(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn guest_finds_its_name_keys_index_user_data_and_files_under_both_versions() {
        let data = b"#cloud-config\n".repeat(4000);
        let files = vec![GuestFile { path: "/etc/motd".into(), contents: b"hello\n".to_vec() }];
        let first_boot = FirstBoot { user_data: Some(data.clone()), files };
        let mut volume = volume(&row(), &first_boot, &config::Network::default()).unwrap();
        assert_eq!(read(&mut volume, "openstack/content/0000"), b"hello\n");
        for version in VERSIONS {
            let meta = read(&mut volume, &format!("openstack/{version}/meta_data.json"));
            let meta: Value = serde_json::from_slice(&meta).unwrap();
            assert_eq!(meta["hostname"], "web-1");
            assert_eq!(meta["name"], "web \"1\"\n");
            assert_eq!(meta["launch_index"], 2);
            assert_eq!(meta["public_keys"]["laptop"], "ssh-ed25519 AAAA laptop");
            assert_eq!(meta["meta"]["role"], "front");
            assert_eq!(meta["files"], json!([{"path": "/etc/motd", "content_path": "/content/0000"}]));
            assert_eq!(read(&mut volume, &format!("openstack/{version}/user_data")), data);
        }
    }

    #[test]
    fn instance_is_told_its_address_or_that_it_has_no_network() {
        let mut row = row();
        row.make.mac = None;
        let mut volume = volume(&row, &FirstBoot::default(), &config::Network::default()).unwrap();
        let network: Value = serde_json::from_slice(&read(&mut volume, "openstack/latest/network_data.json")).unwrap();
        assert_eq!(network["links"], json!([]));
        row.make.mac = Some("fa:16:3e:00:00:01".into());
        let mut settings = config::Network::default();
        let dhcp = network_data(&row, &settings);
        assert_eq!(
            (&dhcp["networks"][0]["network_id"], &dhcp["networks"][0]["type"]),
            (&json!(network::ID), &json!("ipv4_dhcp"))
        );
        let pool = |text: &str| Some(config::Pool::try_from(text.to_owned()).unwrap());
        (settings.subnet, settings.pool) = (pool("10.9.0.0/24"), pool("10.9.0.128/25"));
        (settings.gateway, settings.name_servers) = ("10.9.0.1".parse().ok(), vec!["10.9.0.2".parse().unwrap()]);
        let fixed = network_data(&row, &settings);
        let given = &fixed["networks"][0];
        assert_eq!((&given["ip_address"], &given["netmask"]), (&json!("10.9.0.129"), &json!("255.255.255.0")));
        assert_eq!(
            (&given["routes"][0]["gateway"], &fixed["services"][0]["address"]),
            (&json!("10.9.0.1"), &json!("10.9.0.2"))
        );
    }
}
