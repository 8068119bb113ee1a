//! Finding a pattern that may lie across the border of two chunks.

/// No pattern may be longer than this and one chunk together; a SHA-1 in hex has 40 bytes.
const KEPT: usize = 4096;

/// The last bytes of a stream, to search together with its next chunk.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The tail of what came before, then the chunk.
    bytes: Vec<u8>,
    /// Where the chunk begins.
    chunk_at: usize,
}

impl Tail {
    /// Appends the next chunk.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let surplus = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..surplus);
        self.chunk_at = self.bytes.len();
        self.bytes.extend_from_slice(chunk);
    }

    /// True when the pattern ends in the last chunk, wherever it began.
    pub(super) fn ends_here(&self, pattern: &[u8]) -> bool {
        // One byte less than the pattern: a pattern that lies wholly before the chunk was found before.
        let from = self.chunk_at.saturating_sub(pattern.len() - 1);
        self.bytes[from..].windows(pattern.len()).any(|window| window == pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_once_wherever_the_chunks_are_cut() {
        let stream = b"..needle..";
        for cut in 0..=stream.len() {
            let mut tail = Tail::default();
            let (first, second) = stream.split_at(cut);
            let found = [first, second, b"after"].map(|chunk| {
                tail.push(chunk);
                tail.ends_here(b"needle")
            });
            assert_eq!(found.iter().filter(|found| **found).count(), 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_pattern_is_found_after_more_bytes_than_are_kept() {
        let mut tail = Tail::default();
        for _ in 0..3 {
            tail.push(&[b'.'; KEPT]);
        }
        tail.push(b"nee");
        tail.push(b"dle");
        assert!(tail.ends_here(b"needle"));
    }
}
