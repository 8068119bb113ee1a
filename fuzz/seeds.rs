//! `seeds CORPUS.jsonl FOLDER`: writes every text of a corpus into a file of its own, as libFuzzer wants them.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(corpus), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seeds CORPUS.jsonl FOLDER".into());
    };
    for (at, line) in fs::read_to_string(corpus)?.lines().enumerate() {
        fs::write(folder.join(format!("seed-{at}")), serde_json::from_str::<String>(line)?)?;
    }
    Ok(())
}
