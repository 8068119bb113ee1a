use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use textproof_service::health::{Check, internal_routes, public_routes};
use textproof_service::telemetry::metrics;
use tower::ServiceExt;

async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status();
    let body = to_bytes(response.into_body(), 65_536).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

async fn well() -> Vec<Check> {
    vec![Check::new("redis", Ok::<_, String>(()))]
}

async fn ill() -> Vec<Check> {
    vec![Check::new("redis", Err("connection refused")), Check::new("gateway", Ok::<_, String>(()))]
}

#[tokio::test]
async fn the_public_face_says_yes_or_no() {
    let (well, ill) = (public_routes(well), public_routes(ill));
    for router in [&well, &ill] {
        assert_eq!(get(router, "/healthz").await.0, StatusCode::OK);
    }
    assert_eq!(get(&well, "/readyz").await.0, StatusCode::OK);
    let (status, kind, body) = get(&ill, "/readyz").await;
    assert_eq!((status, kind.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "application/problem+json"));
    assert!(!body.contains("redis") && !body.contains("refused"), "{body}");
}

#[tokio::test]
async fn the_internal_face_says_why() {
    let (well, ill) = (internal_routes(well, metrics()), internal_routes(ill, metrics()));
    let (status, _, body) = get(&well, "/readyz").await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()["checks"][0]["name"].clone()),
        (StatusCode::OK, json!("redis"))
    );
    let (status, kind, body) = get(&ill, "/readyz").await;
    assert_eq!((status, kind.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "application/problem+json"));
    let expected =
        json!([{"name": "redis", "problem": "connection refused"}, {"name": "gateway", "problem": null}]);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["checks"], expected);
}

#[tokio::test]
async fn a_warning_is_shown_inside_and_makes_nothing_unready() {
    let warned = async || vec![Check::warning("secrets", vec!["one ends soon".to_owned()])];
    let (status, _, body) = get(&internal_routes(warned, metrics()), "/readyz").await;
    let expected = json!([{"name": "secrets", "problem": null, "warnings": ["one ends soon"]}]);
    assert_eq!(
        (status, &serde_json::from_str::<Value>(&body).unwrap()["checks"]),
        (StatusCode::OK, &expected)
    );
    let (status, _, body) = get(&public_routes(warned), "/readyz").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "ready\n"));
}

#[tokio::test]
async fn a_check_that_hangs_is_not_ready() {
    let router = internal_routes(std::future::pending::<Vec<Check>>, metrics());
    let (status, _, body) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("no answer within 2s"), "{body}");
}

#[tokio::test]
async fn metrics_are_on_the_internal_face_only() {
    let internal = internal_routes(well, metrics());
    let (status, kind, _) = get(&internal, "/metrics").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; version=0.0.4"));
    let (status, kind, _) = get(&internal, "/nothing").await;
    assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "application/problem+json"));
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = public_routes(well).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
