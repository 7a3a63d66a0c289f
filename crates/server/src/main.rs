//! The `baton` program.

/// Every event is some hundred small pieces of memory that are taken on one thread and given back on another: what the
/// system's allocator does with these took a quarter of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    baton_server::cli::main()
}
