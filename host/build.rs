//! Has the templates read again when one was added or removed: their macro sees only those that it has read.

fn main() {
    for folder in ["templates", "../plugins/policy-kit/src", "../plugins/common/src"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
