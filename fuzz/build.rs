//! Writes every text of the corpora into a file of its own, as libFuzzer wants them.
//!
//! A build script, because binaries here are built for libFuzzer and run under nothing else.

use std::{env, error::Error, fs, path::PathBuf};

const CORPORA: &str = "../crates/core/tests/fuzz/corpus";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CORPORA}");
    println!("cargo::rerun-if-env-changed=TEXTPROOF_FUZZ_SEEDS");
    let Some(seeds) = env::var_os("TEXTPROOF_FUZZ_SEEDS").map(PathBuf::from) else {
        return Ok(());
    };
    for target in
        ["phone", "code", "keywords", "sms_text", "json", "dialects", "webhook_headers", "webhook_signature"]
    {
        let folder = seeds.join(target);
        fs::create_dir_all(&folder)?;
        let corpus = fs::read_to_string(format!("{CORPORA}/{target}.jsonl"))?;
        for (at, line) in corpus.lines().enumerate() {
            fs::write(folder.join(format!("seed-{at}")), serde_json::from_str::<String>(line)?)?;
        }
    }
    Ok(())
}
