//! The zoo of `guests/zoo.sh`: one small disk in every format, and what `guests/zoo.tsv` says of each file.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use super::{fresh_folder, http};

/// A file of the zoo and its verdicts: `ok`, or the name of the rule it breaks.
pub struct Animal {
    pub name: String,
    pub path: PathBuf,
    /// The `disk_format` that is declared for it.
    pub format: String,
    pub verdict: String,
    /// The verdict when it is declared raw.
    pub as_raw: String,
}

impl Animal {
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("a file of the zoo")
    }
}

/// Every file of the zoo, made once.
pub fn zoo() -> &'static [Animal] {
    static ZOO: OnceLock<Vec<Animal>> = OnceLock::new();
    ZOO.get_or_init(|| {
        let folder = fresh_folder("zoo");
        let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/guests");
        let output = Command::new(format!("{guests}/zoo.sh")).arg(&folder).output().expect("guests/zoo.sh");
        assert!(
            output.status.success(),
            "zoo.sh; scripts/install.sh test installs what it needs: {}",
            http::shown(&output)
        );
        let table = std::fs::read_to_string(format!("{guests}/zoo.tsv")).expect("guests/zoo.tsv");
        let animals = table.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let [name, format, verdict, as_raw] = words.try_into().unwrap_or_else(|_| panic!("four words: {line}"));
            Animal { path: folder.join(&name), name, format, verdict, as_raw }
        });
        let animals: Vec<_> = animals.collect();
        let files = std::fs::read_dir(&folder).expect("the zoo").count();
        assert_eq!(files, animals.len(), "guests/zoo.tsv has a line for each file");
        animals
    })
}
