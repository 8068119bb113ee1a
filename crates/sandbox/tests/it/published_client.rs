//! A client as the published examples are written: it knows field names and nothing of this workspace.

use serde::Deserialize;

use crate::support::host;

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct OtpAnswer {
    status: String,
    message_id: String,
    code: String,
    parts: u32,
}

#[tokio::test]
async fn a_client_written_for_the_real_gateway_works_unchanged() {
    let host = host().await;
    let base = host.sandbox.connexus_base_url();
    let token: Token = host
        .client
        .post(format!("{base}/auth/token"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Accept", "application/json")
        .body("grant_type=client_credentials&client_id=cid_sandbox&client_secret=csk_sandbox&scope=")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(token.expires_in, 86_400);

    let answer: OtpAnswer = host
        .client
        .post(format!("{base}/sms/otp"))
        .header("Authorization", format!("Bearer {}", token.access_token))
        .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body("to=6421234567&msgCompany=Caf%C3%A9+%26+Co&msgComment=Valid%20for%205%20minutes.&unknown=1")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((answer.status.as_str(), answer.parts), ("success", 1));
    assert!(!answer.message_id.is_empty());
    let text = format!("{} is your Café & Co verification code. Valid for 5 minutes.", answer.code);
    assert_eq!(host.inbox("6421234567").await[0]["text"], text);
}
