//! The `baton` program.

fn main() -> std::process::ExitCode {
    baton_server::cli::main()
}
