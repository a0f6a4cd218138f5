//! The binary runs wherever glibc does: it links the system's own libraries and no others.

use std::process::Command;

/// What ldd may name: the C library and its parts, the unwinder, the loader and the kernel's own page.
const ALLOWED: [&str; 5] = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux", "linux-vdso.so."];

#[test]
fn the_binary_links_nothing_but_the_systems_own() {
    let ldd = Command::new("ldd").arg(env!("CARGO_BIN_EXE_runnel")).output().expect("ldd runs");
    let said = String::from_utf8_lossy(&ldd.stdout);
    assert!(ldd.status.success() && said.contains("libc.so."), "{said}");
    assert_eq!(others(&said), Vec::<&str>::new(), "{said}");
}

/// The libraries that may not be there, by name.
fn others(ldd: &str) -> Vec<&str> {
    let paths = ldd.lines().filter_map(|line| line.split_whitespace().next());
    let names = paths.map(|path| path.rsplit('/').next().unwrap_or(path));
    names.filter(|name| !ALLOWED.iter().any(|allowed| name.starts_with(allowed))).collect()
}

#[test]
fn the_check_catches_a_library() {
    let said = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibzstd.so.1 => /lib/libzstd.so.1 (0x00007f1b)\n\
                \tlibssl.so.3 => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f1c)\n";
    assert_eq!(others(said), ["libzstd.so.1", "libssl.so.3"]);
}
