//! One configuration of Vault, the cluster and PMP: what the page documents
//! ([`Base`]), or that with single fields changed ([`Change`]).
//!
//! The fields stand in the order of the page's sections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::block::{Distribution, Fallback};
use super::day_two::DayTwo;

/// The documented starting point that a scenario changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// Example A of `#configure-k8s-auth`: the custom Service Account
    /// `pmp-secret-accessor`, bound by the role and named by the Runtime.
    Custom,
    /// Example B of the same section: the namespace's `default` Service
    /// Account, the Runtime's `serviceAccountName` left unset.
    Default,
}

/// The Service Account token that the app shows at its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppToken {
    /// The one that Kubernetes mounts and renews.
    Mounted,
    /// One that ended an hour ago, as an app has that read the file once and kept what it read.
    Expired,
}

/// What the engine at the documented mount `pmp-dev` is. The page says of all but the first that they "will not work".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KvEngine {
    /// KV version 2, as the page requires.
    V2,
    /// KV version 1.
    V1,
    /// One that encrypts and keeps nothing.
    Transit,
    /// One that makes credentials of databases.
    Database,
    /// Each Vault token's own, always at `cubbyhole`, which the Secret Name then names: nobody can mount another.
    Cubbyhole,
}

impl KvEngine {
    /// The version of KV; none of another engine.
    #[must_use]
    pub fn version(self) -> Option<u8> {
        match self {
            Self::V2 => Some(2),
            Self::V1 => Some(1),
            Self::Transit | Self::Database | Self::Cubbyhole => None,
        }
    }
}

/// How the credentials are stored (`#create-vault-secret`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Put {
    /// By the HTTP API, at the path that the app reads: `MOUNT/data/admin`.
    Api,
    /// By Vault's own command line, as documented: `vault kv put MOUNT/data/admin`.
    CliDocumented,
    /// By Vault's own command line, without `data/`: `vault kv put MOUNT/admin`.
    CliMended,
}

/// What is stored under the central secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// Every key of the catalogue with a value that is a string.
    AllKeys,
    /// Only the keys of the page's own `kv put` example.
    PageExample,
    /// Every key, each value an object `{"value": …}`.
    Nested,
    /// Every key, the value of `Email.SMTPPassword` empty.
    OneEmpty,
    /// Every key, the value of `Email.SMTPPassword` a JSON number.
    OneNumber,
    /// Every key, but `Email.SMTPPassword` stored as `email.smtppassword`.
    OneInWrongCase,
    /// Every key, and one that the page does not name.
    OneTooMany,
    /// Every key, within an object of its group, `{"VCS": {"GitlabAdminPAT": …}}`, as the sibling page about AWS has it.
    NestedByGroup,
    /// Every key, with hyphens for dots, `VCS-GitlabAdminPAT`, as the sibling page about Azure has it.
    WithHyphens,
}

impl Stored {
    /// The name at the top of the secret under which a key's value lies: for most of them the key's own.
    #[must_use]
    pub fn name_of(self, key: &str) -> String {
        match self {
            Self::NestedByGroup => key.split_once('.').map_or(key, |(group, _)| group).to_owned(),
            Self::WithHyphens => key.replace('.', "-"),
            _ => key.to_owned(),
        }
    }
}

/// What happens to the central secret after it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretFate {
    /// Nothing.
    Kept,
    /// Its latest version is deleted (`DELETE MOUNT/data/admin`).
    Deleted,
    /// Its latest version is destroyed (`PUT MOUNT/destroy/admin`).
    Destroyed,
    /// A second `vault kv put` stores `Email.SMTPPassword` alone, as who updates one credential might.
    PutAgainInPart,
}

/// Where Vault runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VaultPlace {
    /// Outside the cluster, listening on port 8200.
    Outside,
    /// Outside the cluster, listening on port 80.
    #[serde(rename = "outside-on-port-80")]
    OutsideOnPort80,
    /// As a pod in the cluster, listening on port 8200.
    Pod,
}

/// Which of the page's names are replaced with one's own. Mounts, policies and namespaces of a shared testbed have an
/// ending of their own in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OwnName {
    /// None.
    None,
    /// The KV mount's.
    Mount,
    /// The central secret's.
    Secret,
    /// The policy's.
    Policy,
    /// The role's.
    Role,
    /// The custom Service Account's.
    ServiceAccount,
    /// The Runtime's.
    Runtime,
    /// All of these.
    All,
}

impl OwnName {
    /// Whether that one is replaced.
    #[must_use]
    pub fn covers(self, one: Self) -> bool {
        self == one || self == Self::All
    }
}

/// How the auth mount is configured (`#configure-k8s-auth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// Method 2: `token_reviewer_jwt`, `kubernetes_host`, `kubernetes_ca_cert`.
    TokenReviewer,
    /// Method 1: `issuer`, `kubernetes_host`, `kubernetes_ca_cert`.
    Issuer,
    /// `kubernetes_host` and `kubernetes_ca_cert` alone, as the sibling page about CSI has it.
    HostAndCa,
    /// The page's block of commands for generic Kubernetes, typed into bash.
    GenericBlock,
    /// Its block for OpenShift, with a stand-in for `oc`.
    OpenshiftBlock,
    /// Its block for EKS, with a stand-in for `aws`.
    EksBlock,
    /// Its block for AKS, with a stand-in for `az`.
    AksBlock,
    /// The method is enabled, `auth/MOUNT/config` never written.
    NotConfigured,
    /// The method is not enabled at all.
    NotEnabled,
}

impl AuthMethod {
    /// The distribution whose block is typed, where one is.
    #[must_use]
    pub fn block(self) -> Option<Distribution> {
        match self {
            Self::GenericBlock => Some(Distribution::Generic),
            Self::OpenshiftBlock => Some(Distribution::Openshift),
            Self::EksBlock => Some(Distribution::Eks),
            Self::AksBlock => Some(Distribution::Aks),
            Self::TokenReviewer | Self::Issuer | Self::HostAndCa | Self::NotConfigured | Self::NotEnabled => None,
        }
    }
}

/// The kubeconfig of whoever types a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kubeconfig {
    /// An administrator's, the certificate authority in it.
    Whole,
    /// The same, the certificate authority in a file that it names.
    CertificateFile,
    /// The same, with another cluster, user and context before them.
    SeveralContexts,
    /// The same, with no current context.
    NoContext,
    /// Of a user who may do all that the blocks do, but not ask for the issuer.
    OrdinaryUser,
}

/// How a block is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shell {
    /// Into an interactive bash.
    Interactive,
    /// As a file that bash runs.
    Script,
}

/// The token reviewer of method 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reviewer {
    /// `vault-reviewer`, bound to `system:auth-delegator`.
    Documented,
    /// `vault-reviewer` without the ClusterRoleBinding.
    WithoutAuthDelegator,
    /// `vault-reviewer` deleted after its token went into Vault.
    Deleted,
}

/// The `kubernetes_host` given to Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KubernetesHost {
    /// The API server, at an address that Vault can reach.
    Reachable,
    /// A closed port of the same address.
    ClosedPort,
}

/// The `kubernetes_ca_cert` given to Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaCert {
    /// The cluster's own.
    Cluster,
    /// A valid certificate authority that did not sign the API server's certificate.
    Foreign,
}

/// The policy `pmp-secret-access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// `read` on `MOUNT/data/admin`.
    Documented,
    /// The same, with comments before and in it, as the page's file has them.
    WithComments,
    /// `read` on `MOUNT/admin`.
    WithoutData,
    /// The role names a policy that was never written.
    Missing,
}

/// The role `pmp-secret-accessor-role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Written as documented.
    Documented,
    /// Never written.
    Missing,
}

/// A Service Account that the page names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccountName {
    /// `pmp-secret-accessor`.
    PmpSecretAccessor,
    /// `default`.
    Default,
}

impl AccountName {
    /// The name of the Kubernetes object.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PmpSecretAccessor => "pmp-secret-accessor",
            Self::Default => "default",
        }
    }
}

/// The namespace that the role binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleNamespace {
    /// The app's own.
    App,
    /// Another one.
    Other,
}

/// A boolean of Kubernetes that may also be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// `true`.
    On,
    /// `false`.
    Off,
    /// The field is absent.
    Unset,
}

impl Switch {
    /// As an optional field of a Kubernetes object.
    #[must_use]
    pub fn to_option(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::Unset => None,
        }
    }
}

/// `automountServiceAccountToken` of the pod itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodAutomount {
    /// Whatever the operator makes of `runtimeAutomountServiceAccountToken`.
    FromOperator,
    /// `true`, past the operator.
    On,
    /// `false`, past the operator.
    Off,
    /// Absent, past the operator.
    Unset,
}

/// The Runtime's `spec.template.spec.serviceAccountName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeAccount {
    /// `pmp-secret-accessor`.
    PmpSecretAccessor,
    /// `default`, spelt out.
    Default,
    /// Absent.
    Unset,
}

/// What was otherwise when the app started, and was edited while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EditedWhileRunning {
    /// Nothing.
    Nothing,
    /// The Runtime: its `serviceAccountName` was `default`.
    RuntimeFromDefault,
    /// The Runtime: its `serviceAccountName` was `pmp-secret-accessor`.
    RuntimeFromCustom,
    /// The OperatorConfiguration: automount was off.
    OperatorFromOff,
}

/// The form of the Secret Name URL in the admin panel (`#configure-pmp-credentials`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UrlForm {
    /// `http://ADDR:8200/MOUNT/admin`.
    WithPort,
    /// `http://ADDR/MOUNT/admin`.
    WithoutPort,
    /// `http://ADDR:8200/MOUNT/admin/`.
    TrailingSlash,
    /// `https://ADDR:8200/MOUNT/admin`, though Vault listens without TLS.
    Https,
    /// `http://vault.hashicorptest.svc.cluster.local/MOUNT/admin`, a Service's name, which the pod's `/etc/hosts` knows:
    /// the testbed has no DNS.
    ServiceName,
}

/// The page's commands, typed into the real `vault` and `kubectl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Literal {
    /// Nothing is typed: the harness makes the same objects by API.
    No,
    /// Every command as it stands.
    AsWritten,
    /// Only the commands that do not do what the page says are mended.
    Mended,
}

/// Who types the page's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// An administrator of Vault and of the cluster.
    Administrator,
    /// Somebody with the rights that the page's prerequisites list, and no others; the KV engine is there, as they say.
    AsListed,
}

macro_rules! configuration {
    ($( $(#[$doc:meta])* $field:ident: $kind:ty = $custom:expr, $default:expr; )*) => {
        /// A whole configuration.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Configuration { $( $(#[$doc])* pub $field: $kind, )* }

        /// The fields in which a scenario differs from its base.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Change { $( $(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>, )* }

        impl Base {
            /// The documented configuration.
            #[must_use]
            pub fn configuration(self) -> Configuration {
                match self {
                    Self::Custom => Configuration { $( $field: $custom, )* },
                    Self::Default => Configuration { $( $field: $default, )* },
                }
            }
        }

        impl Change {
            /// The base with these fields changed.
            #[must_use]
            pub fn apply(&self, base: Base) -> Configuration {
                let base = base.configuration();
                Configuration { $( $field: self.$field.unwrap_or(base.$field), )* }
            }
        }

        impl Configuration {
            /// The names of the fields in which two configurations differ, as in scenario files.
            #[must_use]
            pub fn differences(&self, other: &Self) -> Vec<String> {
                let mut names = Vec::new();
                $( if self.$field != other.$field { names.push(stringify!($field).replace('_', "-")); } )*
                names
            }
        }
    };
}

configuration! {
    /// The engine at the documented mount.
    kv_engine: KvEngine = KvEngine::V2, KvEngine::V2;
    /// Whether `vault secrets enable` is run once more on the mount in use.
    enable_again: bool = false, false;
    /// How the credentials are stored.
    put: Put = Put::Api, Put::Api;
    /// What is stored.
    stored: Stored = Stored::AllKeys, Stored::AllKeys;
    /// What happens to the secret afterwards.
    secret_fate: SecretFate = SecretFate::Kept, SecretFate::Kept;
    /// Which of the page's names are replaced with one's own.
    own_name: OwnName = OwnName::None, OwnName::None;
    /// Where Vault runs.
    vault: VaultPlace = VaultPlace::Outside, VaultPlace::Outside;
    /// How the auth mount is configured.
    auth_method: AuthMethod = AuthMethod::TokenReviewer, AuthMethod::TokenReviewer;
    /// With a block: what becomes of its method 2.
    fallback: Fallback = Fallback::AsWritten, Fallback::AsWritten;
    /// With a block: the reader's kubeconfig.
    kubeconfig: Kubeconfig = Kubeconfig::Whole, Kubeconfig::Whole;
    /// With a block: whether `jq` is there, which the page calls optional.
    jq: bool = true, true;
    /// With a block: how it is typed.
    shell: Shell = Shell::Interactive, Shell::Interactive;
    /// With the block of a cloud: whether its command line names an issuer.
    cloud_issuer: bool = true, true;
    /// The token reviewer of method 2.
    reviewer: Reviewer = Reviewer::Documented, Reviewer::Documented;
    /// The API server's address given to Vault.
    kubernetes_host: KubernetesHost = KubernetesHost::Reachable, KubernetesHost::Reachable;
    /// The certificate authority given to Vault.
    kubernetes_ca_cert: CaCert = CaCert::Cluster, CaCert::Cluster;
    /// Whether the app's Service Account holds `system:auth-delegator`.
    app_may_review: bool = false, false;
    /// Whether the Service Account of a Vault in the cluster holds `system:auth-delegator`.
    vault_may_review: bool = false, false;
    /// The policy.
    policy: Policy = Policy::Documented, Policy::Documented;
    /// The role.
    role: Role = Role::Documented, Role::Documented;
    /// `bound_service_account_names` of the role.
    role_service_account: AccountName = AccountName::PmpSecretAccessor, AccountName::Default;
    /// `bound_service_account_namespaces` of the role.
    role_namespace: RoleNamespace = RoleNamespace::App, RoleNamespace::App;
    /// Whether the role has `audience=vault`, which the app's token lacks.
    role_audience: bool = false, false;
    /// Whether the other example's role command is run afterwards under the one documented name.
    role_overwritten: bool = false, false;
    /// `OperatorConfiguration`'s `spec.runtimeAutomountServiceAccountToken`.
    operator_automount: Switch = Switch::On, Switch::On;
    /// `automountServiceAccountToken` of the app's Service Account.
    service_account_automount: Switch = Switch::Unset, Switch::Unset;
    /// Whether the custom Service Account is annotated as the sibling pages say.
    service_account_annotated: bool = false, false;
    /// `automountServiceAccountToken` of the app's pod.
    pod_automount: PodAutomount = PodAutomount::FromOperator, PodAutomount::FromOperator;
    /// Whether the custom Service Account is created.
    create_service_account: bool = true, true;
    /// The token that the app shows.
    app_token: AppToken = AppToken::Mounted, AppToken::Mounted;
    /// The Runtime's Service Account.
    runtime_service_account: RuntimeAccount = RuntimeAccount::PmpSecretAccessor, RuntimeAccount::Unset;
    /// What was otherwise when the app started, and was edited while it ran.
    edited_while_running: EditedWhileRunning = EditedWhileRunning::Nothing, EditedWhileRunning::Nothing;
    /// What happens while the app lives.
    day_two: DayTwo = DayTwo::Nothing, DayTwo::Nothing;
    /// The form of the Secret Name URL.
    url: UrlForm = UrlForm::WithPort, UrlForm::WithPort;
    /// Whether the page's commands are typed.
    literal: Literal = Literal::No, Literal::No;
    /// With the page's commands: who types them.
    reader: Reader = Reader::Administrator, Reader::Administrator;
}

impl Configuration {
    /// What was there when the app started, where something was edited while it ran.
    #[must_use]
    pub fn before_the_edit(&self) -> Option<Self> {
        let mut before = self.clone();
        match self.edited_while_running {
            EditedWhileRunning::Nothing => return None,
            EditedWhileRunning::RuntimeFromDefault => before.runtime_service_account = RuntimeAccount::Default,
            EditedWhileRunning::RuntimeFromCustom => before.runtime_service_account = RuntimeAccount::PmpSecretAccessor,
            EditedWhileRunning::OperatorFromOff => before.operator_automount = Switch::Off,
        }
        Some(before)
    }
}
