//! `runbookd`: see [`runbookd::cli`].

fn main() -> std::process::ExitCode {
    runbookd::cli::run()
}
