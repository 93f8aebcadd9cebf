//! Limits of sign-ins: how long credentials are remembered, how many there are, and how often one may fail.

/// How long a checked credential is remembered.
pub const CREDENTIAL_REMEMBERED_MS: u64 = 300_000;
/// How many checked credentials are remembered.
pub const CREDENTIALS_REMEMBERED_MAX: usize = 4_096;
/// Failed sign-ins of one address for one user before further ones are refused…
pub const SIGN_IN_FAILURES_MAX: u32 = 10;
/// …and failed sign-ins of one address for all users together…
pub const SIGN_IN_FAILURES_PER_ADDRESS_MAX: u32 = 100;
/// …within this time.
pub const SIGN_IN_WINDOW_MS: u64 = 60_000;
/// Pairs of address and user whose failures are counted.
pub const SIGN_IN_TRACKED_MAX: usize = 4_096;
/// How long a session lives without use.
pub const SESSION_MS: u64 = 30 * 24 * 3_600_000;
/// How long a browser may keep the cookie of a session: 400 days, the most that browsers allow.
pub const SESSION_COOKIE_SECONDS: u64 = 400 * 24 * 3_600;
/// How long a signed link is valid.
pub const LINK_MS: u64 = 12 * 3_600_000;
/// How often the database is asked whether another process changed a credential.
pub const CREDENTIAL_WATCH_MS: u64 = 500;
/// API keys of one user.
pub const KEYS_PER_USER_MAX: usize = 64;
/// App passwords of one user: each is tried when one of them signs in.
pub const APP_PASSWORDS_PER_USER_MAX: usize = 32;
/// Sessions of one user; a further one ends the oldest.
pub const SESSIONS_PER_USER_MAX: usize = 64;
/// What opened a session is called by so many characters at most.
pub const SESSION_AGENT_CHARS_MAX: usize = 256;
/// The shortest login password, in bytes; the longest is `CREDENTIAL_BYTES_MAX`.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// The longest user name, in characters.
pub const USER_NAME_CHARS_MAX: usize = 64;
/// The longest salt of a token sign-in, in bytes.
pub const TOKEN_SALT_BYTES_MAX: usize = 256;
/// The longest password, key or name that is looked at.
pub const CREDENTIAL_BYTES_MAX: usize = 1_024;
