//! Clients in crowds, and what the system says of a server under them. Shared by the whole-server tests and the benches.
