//! Metrics that are pushed: what a Pushgateway is sent, and what is said where it does not take it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use pmp_vault_conformance::page::Names;
use pmp_vault_conformance::report::push::{Gateway, PushError};
use rstest::rstest;
use secrecy::SecretString;

/// Method, path, type, `Authorization`, body of each request.
type Sent = Arc<Mutex<Vec<[String; 5]>>>;

/// A Pushgateway that answers everything in that way, for as long as the runtime lives.
async fn stand_in(status: StatusCode, says: &'static str) -> (SocketAddr, Sent) {
    let sent = Sent::default();
    let note = move |State(sent): State<Sent>, request: Request| async move {
        let (parts, body) = request.into_parts();
        let header =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let [kind, authorization] = ["content-type", "authorization"].map(header);
        sent.lock().unwrap().push([parts.method.to_string(), parts.uri.to_string(), kind, authorization, body]);
        (status, says)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(note).with_state(sent.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, sent)
}

fn names() -> Names {
    Names { namespace: "shop-prod".to_owned(), runtime: "shop".to_owned(), ..Names::default() }
}

fn gateway(address: &str, authorization: Option<&str>) -> Result<Gateway, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Gateway::new(address, authorization.map(SecretString::from).as_ref(), None)
}

#[rstest]
#[case::at_the_root("", "")]
#[case::with_a_slash("/", "")]
#[case::below_a_prefix("/push", "/push")]
#[tokio::test]
async fn metrics_take_the_place_of_those_of_the_same_app(#[case] path: &str, #[case] before: &str) {
    let (address, sent) = stand_in(StatusCode::OK, "").await;
    let gateway = gateway(&format!("http://{address}{path}"), Some("Bearer a-token-of-nobody\n")).unwrap();
    gateway.push(&names(), "a 1\n").await.unwrap();
    let place = format!("{before}/metrics/job/pmp-vault-check/app_namespace/shop-prod/app/shop");
    let expected = ["PUT", &place, "text/plain; version=0.0.4; charset=utf-8", "Bearer a-token-of-nobody", "a 1\n"];
    assert_eq!(*sent.lock().unwrap(), [expected.map(str::to_owned)]);
    assert!(!format!("{gateway:?}").contains("a-token-of-nobody"));
}

#[rstest]
#[case::inconsistent(
    StatusCode::BAD_REQUEST,
    "two samples\nof one name",
    "HTTP 400: two samples of one name",
    "own log"
)]
#[case::who_are_you(StatusCode::UNAUTHORIZED, "", "HTTP 401", "--push-authorization-file")]
#[case::a_page_of_something_else(StatusCode::NOT_FOUND, "<html>", "HTTP 404: <html>", "the Pushgateway itself")]
#[case::elsewhere(StatusCode::FOUND, "", "HTTP 302", "the Pushgateway itself")]
#[tokio::test]
async fn what_is_not_taken_is_told_with_its_place_and_its_remedy(
    #[case] status: StatusCode,
    #[case] says: &'static str,
    #[case] told: &str,
    #[case] remedy: &str,
) {
    let (address, _) = stand_in(status, says).await;
    let error = gateway(&format!("http://{address}"), None).unwrap().push(&names(), "").await.unwrap_err();
    let place = format!("http://{address}/metrics/job/pmp-vault-check/app_namespace/shop-prod/app/shop");
    assert_eq!(error.to_string(), format!("the metrics could not be pushed to {place}: {told}"));
    assert!(error.remedy().contains(remedy), "{}", error.remedy());
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_told() {
    let gateway = gateway("http://127.0.0.1:1", None).unwrap();
    let error = gateway.push(&names(), "").await.unwrap_err();
    assert!(matches!(error, PushError::NoAnswer { .. }), "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:1/metrics/job/"), "{error}");
}

#[rstest]
#[case::no_url("pushgateway", "is no URL")]
#[case::another_scheme("ftp://pushgateway.example", "http://HOST:9091")]
#[case::a_query("http://pushgateway.example?x=y", "http://HOST:9091")]
#[case::a_user("http://someone@pushgateway.example", "--push-authorization-file")]
#[case::a_password("https://someone:hunter2@pushgateway.example", "--push-authorization-file")]
fn an_address_that_cannot_be_used_is_refused_and_credentials_in_it_never_repeated(
    #[case] address: &str,
    #[case] says: &str,
) {
    let error = gateway(address, None).unwrap_err();
    assert!(error.contains(says) && !error.contains("someone") && !error.contains("hunter2"), "{error}");
}

#[rstest]
#[case::empty("")]
#[case::blank(" \n")]
#[case::two_lines("Bearer one\ntwo")]
fn a_file_that_is_no_header_is_refused_and_never_repeated(#[case] content: &str) {
    let error = gateway("http://pushgateway.example", Some(content)).unwrap_err();
    assert!(error.contains("holds no Authorization header") && !error.contains("one\n"), "{error}");
}
