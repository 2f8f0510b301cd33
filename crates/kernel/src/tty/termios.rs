//! Bits and control characters of `struct termios` (`man 3 termios`; values of x86-64 Linux).

use glassdock_abi::types::Termios;

/// A bit that turns a behaviour on.
macro_rules! bits { ($($name:ident = $value:expr;)*) => { $(#[doc = concat!("`", stringify!($name), "`")] pub const $name: u32 = $value;)* } }
/// Index of a control character.
macro_rules! chars { ($($name:ident = $value:expr;)*) => { $(#[doc = concat!("`", stringify!($name), "`")] pub const $name: usize = $value;)* } }

bits! {
    ISTRIP = 0o40; INLCR = 0o100; IGNCR = 0o200; ICRNL = 0o400; IUCLC = 0o1000; IXON = 0o2000; IXANY = 0o4000;
    PARMRK = 0o10; IUTF8 = 0o40000;
    OPOST = 1; OLCUC = 2; ONLCR = 4; OCRNL = 0o10; ONOCR = 0o20; ONLRET = 0o40; XTABS = 0o14000;
    CSIZE = 0o60; CS8 = 0o60; CREAD = 0o200; PARENB = 0o400;
    ISIG = 1; ICANON = 2; ECHO = 0o10; ECHOE = 0o20; ECHOK = 0o40; ECHONL = 0o100; NOFLSH = 0o200; TOSTOP = 0o400;
    ECHOCTL = 0o1000; ECHOPRT = 0o2000; ECHOKE = 0o4000; IEXTEN = 0o100000; EXTPROC = 0o200000;
}
chars! {
    VINTR = 0; VQUIT = 1; VERASE = 2; VKILL = 3; VEOF = 4; VTIME = 5; VMIN = 6; VSTART = 8; VSTOP = 9; VSUSP = 10;
    VEOL = 11; VREPRINT = 12; VWERASE = 14; VLNEXT = 15; VEOL2 = 16;
}

/// What a terminal starts with (`tty_std_termios`, with a pseudo-terminal's control modes).
pub const DEFAULT: Termios = Termios {
    iflag: ICRNL | IXON,
    oflag: OPOST | ONLCR,
    cflag: 0xbf,
    lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    line: 0,
    cc: [
        3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
    ],
};
