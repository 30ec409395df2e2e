//! The testbed that all these tests use, customers on it, and their checks.

pub mod broken;
pub mod check;
pub mod customer;
pub mod ledger;
pub mod servers;
pub mod testbed;
