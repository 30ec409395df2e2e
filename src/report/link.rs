//! Where the page is.

/// The page whose claims are tested; a scenario's anchor goes behind it.
pub const PAGE: &str = "https://docs.mendix.com/private-mendix-platform/configure-hashicorp-vault/";
