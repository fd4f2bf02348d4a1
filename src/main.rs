//! The program: its allocator, and the command line ([`effigy::cli`]).

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    effigy::cli::main()
}
