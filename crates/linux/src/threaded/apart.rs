//! Operations that are carried out on a thread of their own.
//!
//! To hand one call to another thread and to hear of its end takes longer than most calls on files do. An operation of
//! hundreds of them, as making a container, is handed over once: on its thread, calls that may wait for a disk just do.

use glassdock_abi::BoxFuture;
use std::cell::Cell;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Operations that have a thread at a time. Others are carried out among all tasks, and hand over each call.
pub(super) const MAX: usize = 8;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is an operation's own, and may wait.
pub(super) fn is_here() -> bool {
    HERE.get()
}

/// Who may have a thread.
pub(super) struct Apart(Arc<Semaphore>);

impl Default for Apart {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX)))
    }
}

impl Apart {
    /// Carries an operation out.
    pub(super) fn run(&self, handle: &Handle, operation: BoxFuture<'static, ()>) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            handle.spawn(operation);
            return;
        };
        let of_operation = handle.clone();
        handle.spawn_blocking(move || {
            let _here = Here::new(permit);
            of_operation.block_on(operation);
        });
    }
}

/// While it is there, the thread is an operation's own.
struct Here(#[expect(dead_code, reason = "it is given back with this")] OwnedSemaphorePermit);

impl Here {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        HERE.set(true);
        Self(permit)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(false);
    }
}
