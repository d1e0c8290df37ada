//! `sekisho-jail`: started by a Sekisho worker, never by hand, except `attack` and `check`.

use std::process::ExitCode;

use sekisho_jail::limits::EndWhenFull;
use sekisho_jail::{check, clamd, jail, sys};

#[global_allocator]
static ALLOCATOR: EndWhenFull = EndWhenFull;

fn main() -> ExitCode {
    // A parser's bug ends its child with a code of its own. The default message would go to a descriptor that holds
    // pixels, and unwinding on purpose is not something a hostile file should be able to steer.
    std::panic::set_hook(Box::new(|_| sys::exit(EXIT_PANIC)));
    sys::reset_fault_handlers();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["serve"] => jail::serve(),
        ["attack" | "check"] | ["check", "--json"] => check::run(),
        ["clamd", options @ ..] => clamd::run(options),
        _ => {
            eprintln!(
                "usage: sekisho-jail serve | attack | check [--json] | clamd OPTIONS -- PROGRAM ARGUMENTS"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            eprintln!("sekisho-jail: {error}");
            ExitCode::FAILURE
        }
    }
}

const EXIT_PANIC: i32 = 101;
