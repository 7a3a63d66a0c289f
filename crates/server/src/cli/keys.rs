//! Keys that are pressed on a terminal, without waiting for a line to end. The terminal is as it was when this is
//! dropped.

use std::io::{IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A letter; the line's end is `\n`.
    Letter(char),
    /// There are no more.
    Ended,
}

/// The keys of the terminal on standard input.
pub(crate) struct Keys {
    pressed: mpsc::UnboundedReceiver<char>,
    before: Termios,
}

impl Keys {
    /// Those of the terminal, if somebody sits at one and reads what is printed.
    pub(crate) fn of_terminal() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut modes = before.clone();
        // Key by key and not shown; Ctrl-C still ends the program.
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &modes).ok()?;
        let (sender, pressed) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while std::io::stdin().read_exact(&mut byte).is_ok() && sender.send(char::from(byte[0])).is_ok() {
            }
        });
        Some(Self { pressed, before })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Key {
        self.pressed.recv().await.map_or(Key::Ended, Key::Letter)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that went away needs nothing.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}
