//! What is taken over, by the names that `--not-from-app` has for it.

/// A part of the app's pod that the probe's pods do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Volumes that bring the token.
    Token,
    /// Labels.
    Labels,
    /// Annotations of service meshes and networks.
    Annotations,
    /// Node selector, tolerations, affinity to nodes, runtime class, scheduler.
    Placement,
    /// Host aliases, DNS policy and configuration.
    Names,
    /// `HTTPS_PROXY` and its like.
    Proxy,
    /// Mounted certificate authorities.
    Authorities,
}

impl Part {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::Token, Self::Labels, Self::Annotations, Self::Placement, Self::Names, Self::Proxy, Self::Authorities];

    /// As a flag has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Labels => "labels",
            Self::Annotations => "annotations",
            Self::Placement => "placement",
            Self::Names => "names",
            Self::Proxy => "proxy",
            Self::Authorities => "authorities",
        }
    }
}
