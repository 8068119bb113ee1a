//! How a target is run.

use std::{panic, time::Duration};

use arbtest::{
    arbitrary::{Result, Unstructured},
    arbtest,
};

const SECONDS: u64 = 10;

/// Something to be fuzzed: properties of any text, and of inputs that are made on purpose.
pub(crate) struct Target {
    /// JSON strings, one a line.
    pub(crate) corpus: &'static str,
    /// Panics where a property does not hold for this text.
    pub(crate) text: fn(&str),
    /// Makes an input that gets past the first check, and panics where a property does not hold for it.
    pub(crate) generated: fn(&mut Unstructured<'_>) -> Result<()>,
}

impl Target {
    /// Replays the corpus, then searches.
    pub(crate) fn run(&self) {
        let corpus: Vec<String> = self
            .corpus
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
            .collect();
        assert!(!corpus.is_empty(), "a corpus is part of the target");
        for text in &corpus {
            self.on(text);
        }
        let pieces: Vec<char> = corpus.iter().flat_map(|text| text.chars()).collect();
        let mut inputs = 0_u64;
        arbtest(|u| {
            inputs += 1;
            match u.int_in_range(0..=3)? {
                0 => self.on(&String::from_utf8_lossy(u.bytes(u.len().min(200))?)),
                1 => self.on(&mutated(u, &corpus, &pieces)?),
                _ => (self.generated)(u)?,
            }
            Ok(())
        })
        .size_max(2_048)
        .budget(budget())
        .run();
        println!("{} of the corpus and {inputs} more", corpus.len());
    }

    /// Says which text it was: a seed alone is nothing to read.
    fn on(&self, text: &str) {
        if let Err(failure) = panic::catch_unwind(|| (self.text)(text)) {
            let line = serde_json::to_string(text).unwrap_or_default();
            eprintln!("the text, as a line of the corpus: {line}");
            panic::resume_unwind(failure);
        }
    }
}

fn budget() -> Duration {
    let seconds = match std::env::var("TEXTPROOF_FUZZ_SECONDS") {
        Ok(seconds) => seconds.parse().expect("TEXTPROOF_FUZZ_SECONDS is a whole number of seconds"),
        Err(_) => SECONDS,
    };
    Duration::from_secs(seconds)
}

/// One text of the corpus with a few characters put in, taken out, repeated or exchanged.
fn mutated(u: &mut Unstructured<'_>, corpus: &[String], pieces: &[char]) -> Result<String> {
    let mut text: Vec<char> = u.choose(corpus)?.chars().collect();
    for _ in 0..u.int_in_range(1..=4)? {
        let at = u.int_in_range(0..=text.len())?;
        let piece = match u.ratio(1, 4)? {
            true => u.arbitrary()?,
            false => *u.choose(pieces)?,
        };
        match u.int_in_range(0..=3)? {
            0 => text.insert(at, piece),
            1 if at < text.len() => drop(text.remove(at)),
            2 if at < text.len() => text[at] = piece,
            _ => {
                let times = u.int_in_range(1..=200)?;
                text.splice(at..at, std::iter::repeat_n(piece, times));
            }
        }
    }
    Ok(text.into_iter().collect())
}
