//! From what is seen, the catalogue tells the one cause, and none where it cannot.

use pmp_vault_conformance::page::Stage;
use pmp_vault_conformance::page::cause::{Clues, Fact, Facts};
use pmp_vault_conformance::scenario::load::Catalogue;
use rstest::rstest;

const FORBIDDEN: &str = r#"tokenreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:ns:sa" cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope"#;
const DENIED: &str = "1 error occurred: * permission denied";

fn identify(stage: Stage, status: Option<u16>, client: &str, log: Option<&str>, facts: &[Fact]) -> String {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let facts: Facts = facts.iter().copied().collect();
    let clues = Clues { stage, status, client, log, facts: &facts };
    catalogue.causes.identify(&clues).map_or("unknown".into(), |cause| cause.id.to_string())
}

#[rstest]
#[case("unknown", 403, "permission denied", None, &[])]
#[case("unknown", 403, "permission denied", Some("something that no version said so far"), &[])]
#[case("unknown", 403, "permission denied", Some(FORBIDDEN), &[])]
#[case("login.auth-mount-missing", 403, "permission denied", None, &[Fact::AuthMountMissing])]
#[case("login.role-not-found", 400, r#"invalid role name "pmp-secret-accessor-role""#, None, &[])]
#[case("login.incomplete-request", 400, "missing jwt", None, &[])]
#[case("login.not-configured", 500, "could not load backend configuration", None, &[])]
#[case("login.other-auth-method", 500, "failed to determine alias name from login request", None, &[])]
#[case("login.other-auth-method", 400, "could not load configuration", None, &[])]
#[case("login.other-auth-method", 400, r#"role "r" could not be found"#, None, &[])]
#[case("login.other-auth-method", 400, "audience claim found in JWT but no audiences bound to the role", None, &[])]
#[case("login.other-auth-method", 400, "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience", None, &[])]
#[case("login.other-auth-method", 400, "error validating token: error verifying token signature: no known key successfully validated the token signature", None, &[])]
#[case("login.other-auth-method", 400, r#"claim "email" not found in token"#, None, &[])]
#[case("login.other-auth-method", 400, "tls connection required", None, &[])]
#[case("login.other-auth-method", 500, "missing role_id", None, &[Fact::VaultFailing])]
#[case("login.service-account-not-authorized", 403, "service account name not authorized", None, &[])]
#[case("login.namespace-not-authorized", 403, "namespace not authorized", None, &[])]
#[case("login.namespace-selector-forbidden", 403, r#"namespace not authorized err=failed to get namespace (code 403 status namespaces "app" is forbidden"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-reviewer-unauthorized", 403, r#"namespace not authorized err=failed to get namespace (code 401 status Unauthorized)"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unreachable", 403, r#"namespace not authorized err=Get "https://h:6443/api/v1/namespaces/app": dial tcp 127.0.0.1:1: connect: connection refused"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unreachable", 403, r#"namespace not authorized err=Get "https://h:6443/api/v1/namespaces/app": tls: failed to verify certificate: x509: certificate signed by unknown authority"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unreachable", 403, r#"namespace not authorized err=parse "https://h:6443\n/api/v1/namespaces/app": net/url: invalid control character in URL"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unanswered", 403, r#"namespace not authorized err=failed to get namespace (code 404 status namespaces "app" not found)"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unanswered", 403, r#"namespace not authorized err=failed to get namespace (code 500 status boom)"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unanswered", 403, r#"namespace not authorized err=failed to parse error status on namespace retrieval failure err=invalid character '<' looking for beginning of value"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unanswered", 403, r#"namespace not authorized err=invalid character '<' looking for beginning of value"#, None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-unanswered", 403, "namespace not authorized err=json: cannot unmarshal string into Go struct field Namespace.status of type v1.NamespaceStatus", None, &[Fact::SelectorFailed])]
#[case("login.namespace-selector-without-reviewer", 403, r#"namespace not authorized err=namespace lookup failed: TokenReviewer JWT needs to be configured to use namespace selectors"#, None, &[Fact::SelectorFailed])]
#[case("login.token-not-yet-valid", 403, r#"invalid not before (nbf) claim: token not yet valid"#, None, &[])]
#[case("login.token-not-yet-valid", 403, r#"invalid issued at (iat) claim: token issued in the future"#, None, &[])]
#[case("login.issuer-mismatch", 403, "invalid issuer (iss) claim", None, &[])]
#[case("login.audience-mismatch", 403, "invalid audience (aud) claim: audience claim does not match any expected audience", None, &[])]
#[case("login.token-expired", 403, "invalid expiration time (exp) claim: token is expired", None, &[])]
#[case("login.malformed-token", 403, "permission denied", Some("error verifying token signature: no known key"), &[])]
#[case("login.vault-sealed", 503, "Vault is sealed", None, &[])]
#[case("login.namespace-not-found", 404, "namespace not found", None, &[])]
#[case("login.second-factor", 200, "Vault asks for a second factor", None, &[])]
#[case("login.app-may-not-review", 403, "permission denied", Some(FORBIDDEN), &[Fact::ReviewByApp])]
#[case("login.reviewer-may-not-review", 403, "permission denied", Some(FORBIDDEN), &[Fact::ReviewByReviewer])]
#[case("login.vault-may-not-review", 403, "permission denied", Some(FORBIDDEN), &[Fact::ReviewByVault])]
#[case("login.reviewer-unauthorized", 403, "permission denied", Some("lookup failed: service account unauthorized; this could mean it has been deleted or recreated with a new token"), &[Fact::ReviewerSet])]
#[case("login.app-token-rejected", 403, "permission denied", Some("lookup failed: [invalid bearer token, go-jose/go-jose: error in cryptographic primitive]"), &[])]
#[case("login.app-token-rejected", 403, "permission denied", Some(r#"lookup failed: [invalid bearer token, serviceaccounts "x" not found]"#), &[])]
#[case("login.app-token-rejected", 403, "permission denied", Some("lookup failed: [invalid bearer token, service account token has been invalidated]"), &[])]
#[case("login.api-server-certificate", 403, "permission denied", Some(r#"Post "https://h:6443/apis/authentication.k8s.io/v1/tokenreviews": tls: failed to verify certificate: x509: certificate signed by unknown authority"#), &[])]
#[case("login.api-server-refused", 403, "permission denied", Some("dial tcp 127.0.0.1:1: connect: connection refused"), &[])]
#[case("login.api-server-name-unknown", 403, "permission denied", Some("dial tcp: lookup h: no such host"), &[])]
#[case("login.api-server-timeout", 403, "permission denied", Some("dial tcp 10.0.0.1:6443: i/o timeout"), &[])]
#[case("login.api-server-timeout", 403, "permission denied", Some("net/http: TLS handshake timeout"), &[])]
fn a_login_s_end_shows(
    #[case] cause: &str,
    #[case] status: u16,
    #[case] client: &str,
    #[case] log: Option<&str>,
    #[case] facts: &[Fact],
) {
    assert_eq!(identify(Stage::Login, Some(status), client, log, facts), cause);
}

#[rstest]
#[case("unknown", 403, "something else", &[])]
#[case("unknown", 200, "", &[])]
#[case("read.policy-denies", 403, DENIED, &[])]
#[case("read.policy-missing", 403, DENIED, &[Fact::PolicyMissing])]
#[case("read.trailing-slash", 403, DENIED, &[Fact::TrailingSlash])]
#[case("read.vault-token-not-accepted", 403, "2 errors occurred: * permission denied * invalid token", &[])]
#[case("read.vault-token-not-accepted", 403, "permission denied; invalid token", &[])]
#[case("read.vault-token-not-accepted", 403, "permission denied", &[Fact::OpenBaoDeniesToken])]
#[case("unknown", 403, "permission denied", &[])]
#[case("read.secret-not-found", 404, "", &[])]
#[case("read.secret-at-data-data", 404, "", &[Fact::SecretAtDataData])]
#[case("read.kv-version-1", 404, "", &[Fact::KvVersion1])]
#[case("read.not-version-2-shape", 200, "", &[Fact::NotVersion2Shape, Fact::KvVersion1])]
#[case("read.secret-deleted", 404, "", &[Fact::SecretDeleted])]
#[case("read.version-destroyed", 404, "", &[Fact::VersionDestroyed])]
fn a_read_s_end_shows(#[case] cause: &str, #[case] status: u16, #[case] client: &str, #[case] facts: &[Fact]) {
    assert_eq!(identify(Stage::Read, Some(status), client, None, facts), cause);
}

#[test]
fn a_pod_that_is_not_admitted_shows_its_service_account() {
    let message = r#"pods "p" is forbidden: error looking up service account ns/x: serviceaccount "x" not found"#;
    assert_eq!(identify(Stage::Pod, None, message, Some(message), &[]), "pod.service-account-not-found");
    let quota = r#"pods "p" is forbidden: exceeded quota: q"#;
    assert_eq!(identify(Stage::Pod, None, quota, Some(quota), &[]), "pod.admission-refused");
    let plugin = r#"pods "p" is forbidden: what an admission plugin of tomorrow says"#;
    assert_eq!(identify(Stage::Pod, None, plugin, Some(plugin), &[]), "pod.admission-refused");
    let other = r#"pods "p" is invalid: something that nobody has seen yet"#;
    assert_eq!(identify(Stage::Pod, None, other, Some(other), &[]), "unknown");
}

#[rstest]
#[case("token.not-mounted", Stage::Token, Fact::TokenAbsent)]
#[case("token.unreadable", Stage::Token, Fact::TokenUnreadable)]
#[case("login.vault-unreachable", Stage::Login, Fact::VaultRefused)]
#[case("login.vault-unreachable", Stage::Login, Fact::VaultTimeout)]
#[case("login.vault-unreachable", Stage::Login, Fact::VaultNameNotFound)]
#[case("login.vault-tls", Stage::Login, Fact::VaultTlsFailed)]
#[case("login.vault-authority-unknown", Stage::Login, Fact::VaultAuthorityUnknown)]
#[case("login.vault-certificate-expired", Stage::Login, Fact::VaultCertificateExpired)]
#[case("login.vault-certificate-name", Stage::Login, Fact::VaultCertificateName)]
#[case("login.vault-without-tls", Stage::Login, Fact::VaultWithoutTls)]
#[case("login.client-certificate-wanted", Stage::Login, Fact::ClientCertificateWanted)]
#[case("login.redirected", Stage::Login, Fact::Redirected)]
#[case("read.redirected", Stage::Read, Fact::Redirected)]
#[case("read.vault-failing", Stage::Read, Fact::VaultCertificateExpired)]
#[case("keys.none", Stage::Keys, Fact::NoKey)]
#[case("keys.misplaced", Stage::Keys, Fact::KeyMisplaced)]
#[case("keys.renamed", Stage::Keys, Fact::KeyRenamed)]
#[case("keys.missing", Stage::Keys, Fact::KeyMissing)]
#[case("keys.empty", Stage::Keys, Fact::KeyEmpty)]
#[case("keys.not-a-string", Stage::Keys, Fact::KeyNotAString)]
#[case("keys.wrong-value", Stage::Keys, Fact::KeyWrongValue)]
#[case("boundary.list-allowed", Stage::Boundary, Fact::ListAllowed)]
#[case("boundary.write-allowed", Stage::Boundary, Fact::WriteAllowed)]
#[case("boundary.delete-allowed", Stage::Boundary, Fact::DeleteAllowed)]
#[case("boundary.sibling-allowed", Stage::Boundary, Fact::SiblingAllowed)]
#[case("boundary.token-survives-revocation", Stage::Boundary, Fact::TokenSurvivesRevocation)]
#[case("boundary.lease-not-ttl", Stage::Boundary, Fact::LeaseNotTtl)]
#[case("boundary.patch-allowed", Stage::Boundary, Fact::PatchAllowed)]
#[case("login.vault-not-initialized", Stage::Login, Fact::NotInitialized)]
#[case("login.vault-failing", Stage::Login, Fact::VaultFailing)]
#[case("login.not-vault", Stage::Login, Fact::NotVault)]
#[case("read.vault-failing", Stage::Read, Fact::VaultFailing)]
#[case("read.vault-failing", Stage::Read, Fact::VaultTimeout)]
#[case("read.not-vault", Stage::Read, Fact::NotVault)]
#[case("boundary.vault-failing", Stage::Boundary, Fact::VaultFailing)]
fn a_fact_alone_shows(#[case] cause: &str, #[case] stage: Stage, #[case] fact: Fact) {
    assert_eq!(identify(stage, None, "", None, &[fact]), cause);
}

#[rstest]
#[case("login.vault-sealed", 503, "Vault is sealed", &[])]
#[case("login.vault-not-initialized", 503, "Vault is sealed", &[Fact::NotInitialized])]
#[case("login.not-configured", 500, "could not load backend configuration", &[])]
#[case("login.other-auth-method", 500, "failed to determine alias name from login request", &[])]
#[case("login.vault-failing", 500, "something that no version said so far", &[])]
#[case("login.vault-internal-error", 500, "internal error", &[])]
#[case("login.issuer-mismatch", 500, r#"claim "iss" is invalid"#, &[])]
#[case("login.issuer-mismatch", 500, "invalid issuer (iss) claim", &[])]
#[case("login.audience-mismatch", 500, r#"claim "aud" is invalid"#, &[])]
#[case("login.audience-mismatch", 500, "invalid audience (aud) claim: audience claim does not match any expected audience", &[])]
#[case("login.token-expired", 500, "invalid expiration time (exp) claim: token is expired", &[])]
#[case("login.token-not-yet-valid", 500, "invalid not before (nbf) claim: token not yet valid", &[])]
#[case("login.token-not-yet-valid", 500, "invalid issued at (iat) claim: token issued in the future", &[])]
#[case("login.api-server-authority-missing", 500, "open /var/run/secrets/kubernetes.io/serviceaccount/ca.crt: no such file or directory", &[])]
#[case("login.malformed-token", 500, "not a compact JWS", &[])]
#[case("login.malformed-token", 500, "illegal base64 data at input byte 0", &[])]
#[case("login.malformed-token", 500, "1 error occurred:\n\t* failed to validate JWT: crypto/rsa: verification error\n\n", &[])]
#[case("login.malformed-token", 500, "invalid algorithm (alg) header parameter: token must be signed", &[])]
#[case("login.malformed-token", 500, "could not parse UID from claims", &[])]
#[case("login.service-account-not-authorized", 500, "service account name not authorized", &[])]
#[case("login.namespace-not-authorized", 500, "namespace not authorized", &[])]
#[case("login.rate-limited", 429, "request path \"auth/kubernetes/login\": rate limit quota exceeded", &[])]
fn what_a_failing_vault_explains_goes_before_that_it_fails(
    #[case] cause: &str,
    #[case] status: u16,
    #[case] client: &str,
    #[case] facts: &[Fact],
) {
    let facts = [facts, &[Fact::VaultFailing]].concat();
    assert_eq!(identify(Stage::Login, Some(status), client, None, &facts), cause);
}

#[test]
fn two_facts_that_say_different_things_show_no_cause() {
    assert_eq!(identify(Stage::Keys, None, "", None, &[Fact::KeyEmpty, Fact::KeyWrongValue]), "unknown");
}
