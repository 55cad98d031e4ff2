//! A disk of a few MiB, for what must happen when it is full.

use std::path::{Path, PathBuf};
use std::process::Command;

const OWN_WORLD: &str = "TRUCELINE_TEST_OWN_WORLD";

/// A disk that is mounted until this is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many MiB at a folder that it makes; `None` where the test named has already run with one, in a
    /// world of its own, for whoever may not mount may where nobody else sees it.
    pub fn mount(at: &Path, mib: u32, test: &str) -> Option<Self> {
        std::fs::create_dir(at).expect("a folder");
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        if mounted.as_ref().is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(at.to_path_buf()));
        }
        assert!(std::env::var_os(OWN_WORLD).is_none(), "a small disk cannot be mounted: {mounted:?}");
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .arg(std::env::current_exe().expect("this test"))
            .args(["--exact", test])
            .env(OWN_WORLD, "1")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "run as root, or where user namespaces are allowed");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
