//! `print`: the rights that a check of a cluster and a Vault of one's own
//! needs, and the same check as a Job or a plugin. Nothing is asked and nothing is created.

use clap::Subcommand;
use k8s_openapi::api::rbac::v1::Subject;
use serde_json::Value;

use super::access::Access;
use super::shared::{catalogue_on, fail};
use super::target::Arguments as TargetArguments;
use super::{push, say};
use crate::check::job::Schedule;
use crate::check::target::Target;
use crate::check::{job, rights, sonobuoy};
use crate::event::Exit;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The least Roles for exactly these flags, and a ClusterRole only with --diagnose-reviewer
    Rbac {
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        target: Box<TargetArguments>,
        /// Also bind them: user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME
        #[arg(long, value_name = "SUBJECT", value_parser = subject)]
        bind_to: Option<Subject>,
    },
    /// The least policy for --vault-token-file, in HCL
    Policy {
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        target: Box<TargetArguments>,
    },
    /// A Job that runs the check in the cluster, with everything that it needs
    Job(Inside),
    /// The same as a CronJob, which runs it again and again
    Cronjob {
        #[command(flatten)]
        inside: Inside,
        /// When: minute, hour, day of the month, month, day of the week, or a word such as `@hourly`
        #[arg(long, value_name = "CRON", default_value = "17 5 * * *", value_parser = cron)]
        schedule: String,
        /// Start none by itself until the CronJob says `suspend: false`
        #[arg(long)]
        suspend: bool,
    },
    /// The same as a plugin of Sonobuoy, which gathers the reports of many clusters
    SonobuoyPlugin(Inside),
}

/// What runs in the cluster.
#[derive(Debug, clap::Args)]
struct Inside {
    #[command(flatten)]
    target: Box<TargetArguments>,
    /// Where it reaches the API server, where the cluster's own Service address cannot be used
    #[arg(long, value_name = "HOST:PORT")]
    api_server: Option<String>,
    #[command(flatten)]
    push: push::To,
}

/// Prints.
pub fn print(arguments: &Arguments) -> Exit {
    let text = match &arguments.what {
        What::Rbac { access, target, bind_to } => {
            shape(target, Some(access)).map(|shape| yaml(&job::rbac(&rights::rules(&shape), bind_to.as_ref())))
        }
        What::Policy { access, target } => {
            shape(target, Some(access)).map(|shape| Ok(rights::policy(&shape, access.policies())))
        }
        What::Job(inside) => inside.made_by(job::job),
        What::Cronjob { inside, schedule, suspend } => {
            let schedule = Schedule { cron: schedule, suspended: *suspend };
            inside.made_by(|target, arguments, api_server| job::cronjob(target, arguments, api_server, schedule))
        }
        What::SonobuoyPlugin(inside) => {
            inside.made_by(|target, arguments, api_server| vec![sonobuoy::plugin(target, arguments, api_server)])
        }
    };
    match text {
        Ok(Ok(text)) => {
            say::text(format_args!("{text}"));
            Exit::Passed
        }
        Ok(Err(error)) => fail(Exit::Inconclusive, &error),
        Err(error) => fail(Exit::Usage, &error),
    }
}

fn shape(target: &TargetArguments, access: Option<&Access>) -> Result<Target, String> {
    target.shape(&catalogue_on(None, &target.page)?.page, access)
}

impl Inside {
    /// It as YAML, made by `make` of the target, the arguments of `check` and the API server's address.
    fn made_by(
        &self,
        make: impl FnOnce(&Target, Vec<String>, Option<(&str, &str)>) -> Vec<Value>,
    ) -> Result<Result<String, String>, String> {
        let Self { target, api_server, push } = self;
        let mut shape = shape(target, None)?;
        shape.ca = target.ca()?;
        let api_server = match api_server {
            None => None,
            Some(text) => {
                let parts =
                    text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
                Some(parts.ok_or("--api-server has the form HOST:PORT, such as 10.0.0.1:6443")?)
            }
        };
        let arguments = target.for_job(&shape).into_iter().chain(push.for_job()?).collect();
        Ok(yaml(&make(&shape, arguments, api_server)))
    }
}

/// As far as its form goes; what the fields may hold says the API server.
fn cron(text: &str) -> Result<String, String> {
    const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let known = |c: char| c.is_ascii_alphanumeric() || "*,-/?".contains(c);
    let fields: Vec<&str> = text.split_whitespace().collect();
    if WORDS.contains(&text) || (fields.len() == 5 && fields.iter().all(|field| field.chars().all(known))) {
        return Ok(text.to_owned());
    }
    Err(format!("it has five fields, such as `17 5 * * *`, or is one of {}", WORDS.join(", ")))
}

fn yaml(objects: &[Value]) -> Result<String, String> {
    let documents: Result<Vec<String>, _> = objects.iter().map(serde_saphyr::to_string).collect();
    documents.map(|documents| documents.join("---\n")).map_err(|error| error.to_string())
}

fn subject(text: &str) -> Result<Subject, String> {
    let of = |kind: &str, name: &str, namespace: Option<&str>, group: Option<&str>| Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        api_group: group.map(str::to_owned),
    };
    const RBAC: Option<&str> = Some("rbac.authorization.k8s.io");
    match text.split_once(':') {
        Some(("user", name)) if !name.is_empty() => Ok(of("User", name, None, RBAC)),
        Some(("group", name)) if !name.is_empty() => Ok(of("Group", name, None, RBAC)),
        Some(("serviceaccount", account)) => match account.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Ok(of("ServiceAccount", name, Some(namespace), None))
            }
            _ => Err("a Service Account is named serviceaccount:NAMESPACE/NAME".to_owned()),
        },
        _ => Err("it has the form user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME".to_owned()),
    }
}
