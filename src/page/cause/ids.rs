//! The causes that the program itself names: those that a check states, and those
//! that what is known rules out. `tests/it/causes_named.rs` holds them to the
//! catalogue; no other file has an identity as text.

use super::id::CauseId;

macro_rules! ids {
    ($(#[$about:meta])* $stage:ident { $($name:ident = $id:literal;)* }) => {
        $(#[$about])*
        pub mod $stage {
            use super::CauseId;

            $(#[doc = concat!("`", $id, "`")]
            pub const $name: CauseId = CauseId::known($id);)*
        }
    };
}

ids! {
    /// Stage `pod`.
    pod {
        NOT_AS_RUNTIME = "pod.not-as-runtime";
        NOT_AS_APP = "pod.not-as-app";
    }
}

ids! {
    /// Stage `token`.
    token {
        OPERATOR_AUTOMOUNT_OFF = "token.operator-automount-off";
        ACCOUNT_MADE_ANEW = "token.account-made-anew";
        NEVER_RENEWED = "token.never-renewed";
        NEXT_POD_DIFFERS = "token.next-pod-differs";
    }
}

ids! {
    /// Stage `login`.
    login {
        VAULT_UNREACHABLE = "login.vault-unreachable";
        VAULT_TLS = "login.vault-tls";
        VAULT_AUTHORITY_UNKNOWN = "login.vault-authority-unknown";
        VAULT_CERTIFICATE_EXPIRED = "login.vault-certificate-expired";
        VAULT_CERTIFICATE_NAME = "login.vault-certificate-name";
        VAULT_WITHOUT_TLS = "login.vault-without-tls";
        CLIENT_CERTIFICATE_WANTED = "login.client-certificate-wanted";
        VAULT_SEALED = "login.vault-sealed";
        VAULT_FAILING = "login.vault-failing";
        VAULT_NOT_INITIALIZED = "login.vault-not-initialized";
        PLAIN_HTTP_TO_TLS = "login.plain-http-to-tls";
        HTTP_WITHOUT_TLS = "login.http-without-tls";
        VAULT_CERTIFICATE_ENDS = "login.vault-certificate-ends";
        VAULT_AUTHORITY_ENDS = "login.vault-authority-ends";
        API_SERVER_AUTHORITY_ENDS = "login.api-server-authority-ends";
        REVIEWER_TOKEN_ENDS = "login.reviewer-token-ends";
        HEALTH_NOT_TOLD = "login.health-not-told";
        NAMESPACE_FROM_ENVIRONMENT = "login.namespace-from-environment";
        NAMESPACE_MAY_DIFFER = "login.namespace-may-differ";
        VAULT_TOO_OLD = "login.vault-too-old";
        AUTH_MOUNT_MISSING = "login.auth-mount-missing";
        OTHER_AUTH_METHOD = "login.other-auth-method";
        ROLE_NOT_FOUND = "login.role-not-found";
        NOT_CONFIGURED = "login.not-configured";
        MALFORMED_TOKEN = "login.malformed-token";
        SERVICE_ACCOUNT_NOT_AUTHORIZED = "login.service-account-not-authorized";
        NAMESPACE_NOT_AUTHORIZED = "login.namespace-not-authorized";
        ROLE_WILDCARD = "login.role-wildcard";
        DEFAULT_BOUND = "login.default-bound";
        FRESH_ACCOUNT_ACCEPTED = "login.fresh-account-accepted";
        OTHER_NAMESPACE_ACCEPTED = "login.other-namespace-accepted";
        REVIEWER_MAY_NOT_REVIEW = "login.reviewer-may-not-review";
        REVIEWER_UNAUTHORIZED = "login.reviewer-unauthorized";
        REVIEWER_TOKEN_MALFORMED = "login.reviewer-token-malformed";
        APP_TOKEN_REJECTED = "login.app-token-rejected";
        API_SERVER_FRONT = "login.api-server-front";
        API_SERVER_CERTIFICATE = "login.api-server-certificate";
        API_SERVER_UNREACHABLE = "login.api-server-unreachable";
    }
}

ids! {
    /// Stage `read`.
    read {
        POLICY_DENIES = "read.policy-denies";
        POLICY_MISSING = "read.policy-missing";
        SECRET_NOT_FOUND = "read.secret-not-found";
        SECRET_AT_DATA_DATA = "read.secret-at-data-data";
        KV_VERSION_1 = "read.kv-version-1";
        OTHER_ENGINE = "read.other-engine";
        NO_POLICY = "read.no-policy";
        POLICY_NAME_ODD = "read.policy-name-odd";
        POLICY_CONDITIONS = "read.policy-conditions";
        SECRET_NAME_COPIED = "read.secret-name-copied";
        TRAILING_SLASH = "read.trailing-slash";
        SECRET_DELETED = "read.secret-deleted";
        VERSION_DESTROYED = "read.version-destroyed";
        MOUNT_MISSING = "read.mount-missing";
        OPEN_WITHOUT_TOKEN = "read.open-without-token";
        VERSION_OLD = "read.version-old";
        VERSION_ENDS = "read.version-ends";
    }
}

ids! {
    /// Stage `keys`.
    keys {
        MISSING = "keys.missing";
        EMPTY = "keys.empty";
        NOT_A_STRING = "keys.not-a-string";
        UNEXPECTED = "keys.unexpected";
        MISPLACED = "keys.misplaced";
        RENAMED = "keys.renamed";
        OF_ANOTHER_REVISION = "keys.of-another-revision";
        NONE = "keys.none";
        DOUBTFUL_VALUE = "keys.doubtful-value";
    }
}

ids! {
    /// Stage `boundary`.
    boundary {
        LIST_ALLOWED = "boundary.list-allowed";
        WRITE_ALLOWED = "boundary.write-allowed";
        DELETE_ALLOWED = "boundary.delete-allowed";
        PATCH_ALLOWED = "boundary.patch-allowed";
        CHECK_TOKEN_TOO_STRONG = "boundary.check-token-too-strong";
        SIBLING_ALLOWED = "boundary.sibling-allowed";
        TOKEN_SURVIVES_REVOCATION = "boundary.token-survives-revocation";
        VAULT_FAILING = "boundary.vault-failing";
        LEASE_NOT_TTL = "boundary.lease-not-ttl";
        BATCH_TOKEN = "boundary.batch-token";
        TOKEN_MAY_NOT_REVOKE_ITSELF = "boundary.token-may-not-revoke-itself";
        TOKEN_MAY_NOT_ASK = "boundary.token-may-not-ask";
        TOKEN_USED_UP = "boundary.token-used-up";
    }
}
