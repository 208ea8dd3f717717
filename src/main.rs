//! The `monban` program: everything it does is in the library.

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|command| command == "hold")
        && let Some(folder) = args.next()
        && monban::runner::hold::run(std::path::Path::new(&folder)).is_err()
    {
        // Whoever started the holder has been told.
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}
