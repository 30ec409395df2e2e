//! A Vault in a container that a test has for itself, on the testbed's network. It carries the label of the run that
//! owns the testbed, and goes with the value.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use pmp_vault_conformance::vault::client::{Client, Roots};
use pmp_vault_conformance::vault::objects;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::customer::{ACCOUNT, Customer, ROLE, VALUE};
use super::servers::{Admin, context, keys, kubeconfig};
use super::testbed::{self, eventually, record};

/// How long anything of it may take.
const LIMIT: Duration = Duration::from_secs(60);

pub struct OwnVault {
    /// The container's name, which others on the network may use.
    pub name: String,
    /// Where it listens, as pods see it; empty until it does.
    pub url: String,
    /// Whom its certificate is checked with, in PEM; none where it speaks plain HTTP.
    pub ca: Option<String>,
    pub token: Option<SecretString>,
}

/// A file for a container: its path without the first slash, its content, its mode.
pub type File<'a> = (&'a str, &'a [u8], u32);

fn docker(arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl OwnVault {
    /// Makes the container, with further arguments for the engine and for Vault's `server`.
    pub fn create(label: &str, with: &[&str], server: &[&str]) -> Self {
        let vault =
            Self { name: format!("pvc-{}-{label}", testbed::owner()), url: String::new(), ca: None, token: None };
        let made_of = testbed::made_of();
        let text = |name: &str| made_of[name].as_str().unwrap().to_owned();
        let owner = format!("pmp-vault-conformance.run={}", testbed::owner());
        let (network, image) = (text("network"), text("vault-image"));
        let name = ["create", "--name", &vault.name, "--label", &owner, "--network", &network];
        let always = ["--env", "SKIP_SETCAP=true", "--env", "VAULT_LOG_LEVEL=debug"];
        docker(&[&name[..], &always[..], with, &[&image, "server"], server].concat(), &[]);
        vault
    }

    /// Puts files into it.
    pub fn put(&self, files: &[File<'_>]) {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content, mode) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            archive.append_data(&mut header, path, *content).unwrap();
        }
        docker(&["cp", "-", &format!("{}:/", self.name)], &archive.into_inner().unwrap());
    }

    /// Starts it, and gives its address when it listens.
    pub fn start(&mut self) -> IpAddr {
        docker(&["start", &self.name], &[]);
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address: IpAddr = docker(&["inspect", "--format", format, &self.name], &[]).parse().unwrap();
        eventually(&format!("{} listens", self.name), LIMIT, || TcpStream::connect((address, 8200)).is_ok());
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        self.url = format!("{scheme}://{address}:8200");
        address
    }

    /// Makes it a new Vault, and unseals it; gives what unseals others that join it.
    pub fn initialise(&mut self) -> Value {
        let made = self.must("PUT", "sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 }));
        self.token = Some(SecretString::from(made["root_token"].as_str().unwrap()));
        let unseal = json!({ "key": made["keys"][0] });
        self.must("PUT", "sys/unseal", unseal.clone());
        self.is(200);
        unseal
    }

    /// For customers in it, whose auth method is of that name.
    pub fn admin(&self, method: &str) -> Admin {
        let token = self.token.clone().unwrap();
        Admin { address: self.url.clone(), url: self.url.clone(), token, method: method.to_owned() }
    }

    /// Sends its process a signal.
    pub fn signal(&self, signal: &str) {
        docker(&["kill", "--signal", signal, &self.name], &[]);
    }

    /// What it logged.
    pub fn log(&self) -> String {
        let output = Command::new("docker").args(["logs", &self.name]).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    }

    /// Asks it as its administrator; `body` null for none. Status 0 where there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let roots = self.ca.as_ref().map_or(Roots::Public, |ca| Roots::Pem(ca.clone().into_bytes()));
        let client = Client::new(&self.url, self.token.clone(), &roots).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = Some(body).filter(|body| !body.is_null());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = runtime.block_on(client.send(method, path, body.as_ref()));
        reply.map_or_else(|error| (0, json!(error.to_string())), |reply| (reply.status, reply.body))
    }

    /// The same, and it must succeed, if need be after a while: a certificate is read anew, a mount becomes version 2.
    pub fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let last = RefCell::new(Value::Null);
        eventually(&format!("{method} {path} succeeds"), LIMIT, || {
            let (status, answer) = self.ask(method, path, body.clone());
            let done = (200..300).contains(&status);
            if !done {
                println!("{method} {path}: {status} {answer}");
            }
            *last.borrow_mut() = answer;
            done
        });
        last.into_inner()
    }

    /// Waits until its health is this: 200 for an active node, 429 for a standby.
    pub fn is(&self, status: u16) {
        eventually(&format!("{} is {status}", self.name), LIMIT, || {
            self.ask("GET", "sys/health", Value::Null).0 == status
        });
    }

    /// The page's set-up for a customer, with an auth method of that type.
    pub fn set_up(&self, customer: &Customer, kind: &str) {
        let Customer { mount, auth, policy, .. } = customer;
        let value = |key: String| (key.clone(), format!("{VALUE}{key}"));
        let values: BTreeMap<String, String> = keys().into_iter().map(value).collect();
        let (server, reviewer) = (&record()["api-server"], customer.reviewer_token());
        let text = |name: &str| server[name].as_str().unwrap();
        let config = objects::token_reviewer_config(&reviewer, text("address"), text("ca"));
        let read = objects::read_policy(&format!("{mount}/data/admin"));
        self.must("POST", &format!("sys/mounts/{mount}"), objects::kv_mount(2));
        self.must("POST", &format!("{mount}/data/admin"), json!({ "data": values }));
        self.must("PUT", &format!("sys/policies/acl/{policy}"), read.body());
        self.must("POST", &format!("sys/auth/{auth}"), json!({ "type": kind }));
        self.must("POST", &format!("auth/{auth}/config"), config);
        self.must("POST", &format!("auth/{auth}/role/{ROLE}"), role(customer));
    }

    /// The flags of a check of the customer that asks here; the harness asks where the app asks.
    pub fn flags(&self, customer: &Customer) -> Vec<String> {
        let url = format!("{}/{}/admin", self.url, customer.mount);
        let mut flags = customer.flags_with(&kubeconfig(), &context(), &url);
        flags.retain(|flag| !flag.starts_with("--vault-via="));
        flags
    }

    /// The file of a token that has exactly the policy that a check with these flags asks for.
    pub fn token_for(&self, customer: &Customer, label: &str, flags: &[String]) -> std::path::PathBuf {
        let file = customer.state.path().join(format!("own-token-{label}"));
        let policy = json!({ "policy": customer.printed_for(flags, "policy", &[]) });
        self.must("PUT", &format!("sys/policies/acl/check-{label}"), policy);
        let wanted = json!({ "policies": [format!("check-{label}")], "ttl": "1h" });
        let made = self.must("POST", "auth/token/create", wanted);
        std::fs::write(&file, made["auth"]["client_token"].as_str().unwrap()).unwrap();
        file
    }
}

/// The documented role.
pub fn role(customer: &Customer) -> Value {
    objects::role(ACCOUNT, &customer.namespace, &customer.policy, None)
}

impl Drop for OwnVault {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", "--volumes", &self.name]).output();
    }
}
