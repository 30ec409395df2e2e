//! Processes that this one starts, and their end.

use tokio::process::Child;

/// A process group that is killed unless it is over.
pub struct Group(Option<u32>);

impl Group {
    /// The group of a child that leads one.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Nothing of it is left.
    pub fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself at this moment.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
