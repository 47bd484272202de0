//! The browser's files are embedded when the crate is built: build it anew when there are others.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist/assets");
}
