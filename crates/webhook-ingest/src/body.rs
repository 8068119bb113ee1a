//! Reading a body: bounded in bytes and in time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::answer::Answer;

/// Reads at most `limit` bytes within `deadline`; the limit holds while reading, whatever the sender
/// declared.
pub(crate) async fn read(body: Body, limit: usize, deadline: Duration) -> Result<Bytes, Answer> {
    match timeout(deadline, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Answer::TooLarge),
        // The sender went away or broke the framing: nobody reads the answer.
        Ok(Err(_)) => Err(Answer::BadRequest),
        Err(_) => Err(Answer::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_while_reading() {
        let second = Duration::from_secs(1);
        assert_eq!(read(Body::from("12345"), 4, second).await, Err(Answer::TooLarge));
        assert_eq!(read(Body::from("1234"), 4, second).await, Ok(Bytes::from("1234")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_cut_at_the_deadline() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let read = read(never, 4, Duration::from_secs(5)).await;
        assert_eq!(read, Err(Answer::TooSlow));
    }
}
