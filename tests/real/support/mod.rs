//! The testbed that all these tests use, customers on it, and their checks.

pub mod check;
#[path = "../../it/support/commands.rs"]
#[expect(dead_code, reason = "the tests without servers use the rest of it")]
pub mod commands;
pub mod customer;
#[path = "../../it/support/field.rs"]
#[expect(dead_code, reason = "the tests without servers use the rest of it")]
pub mod field;
pub mod ledger;
pub mod making;
pub mod own_vault;
pub mod raft;
pub mod servers;
pub mod situations;
pub mod stand_in;
pub mod testbed;
#[path = "../../it/support/window.rs"]
#[expect(dead_code, reason = "the tests without servers use the rest of it")]
pub mod window;
