//! What the linker is told of the server.

fn main() {
    // A program that may lie anywhere has the addresses that the loader must set listed in it, one by one: 1.9 MB, which every
    // process maps at its start. Packed they are 0.1 MB. The C library reads them so since glibc 2.36.
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    if (of("CARGO_CFG_TARGET_OS"), of("CARGO_CFG_TARGET_ENV")) == ("linux".to_owned(), "gnu".to_owned()) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
