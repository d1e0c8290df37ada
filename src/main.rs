//! The one program of Sekisho. Everything is in the library; here it is only called.

use std::process::ExitCode;

fn main() -> ExitCode {
    sekisho::cli::run()
}
