//! The `ingest` command. Parses what was typed and leaves the rest to [`ingest::cli`].

use clap::Parser;
use ingest::{
    cli::{self, Cli},
    convert,
};
use std::{
    future::Future,
    pin::pin,
    process::ExitCode,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

fn main() -> anyhow::Result<ExitCode> {
    kb::memory::share_pools();
    if let Some(code) = convert::serve_if_asked(std::env::args_os()) {
        return Ok(code);
    }
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let entered = runtime.enter();
    let code = wait_for(cli::run(cli));
    drop(entered);
    // An interrupted run does not wait for work whose result is not needed any more.
    std::mem::forget(runtime);
    Ok(code)
}

/// Runs a future to its end on this thread. The runtime's own way wakes the thread by writing to a file of the kernel,
/// and waits for ever where writing fails; a run must end also when every write does.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            // A wake-up that came in between makes this return at once.
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
