//! PyTorch with Demucs, for the processor alone.
//!
//! The wheel that the package index has is linked to CUDA's libraries, which are three gigabytes that nothing calls here. Empty
//! libraries stand in for them, under the names that the linker looks for, and Python is told to look for their functions only when
//! they are called. What is called when a library is loaded is CUDA's small runtime, which is the real one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, files, install, run};

/// Exactly what exporting the network and running it import.
const PACKAGES: &[&str] = &[
    "--no-deps",
    "--no-cache-dir",
    "torch==2.15.0",
    "nvidia-cuda-runtime==13.2.86",
    "demucs==4.1.0",
    "onnx==1.23.2",
    "numpy==2.4.6",
    "einops==0.8.2",
    "julius==0.2.8",
    "ml_dtypes==0.6.0",
    "protobuf==7.36.2",
    "tqdm==4.70.1",
    "typing_extensions==4.16.0",
];

/// The libraries that this version of PyTorch is linked to. One variable of theirs is looked for in any case, by its version.
const STAND_INS: &[(&str, &str)] = &[
    ("libcublas.so.13", ""),
    ("libcublasLt.so.13", ""),
    ("libcudnn.so.9", ""),
    ("libcufft.so.12", ""),
    ("libcufile.so.0", ""),
    ("libcupti.so.13", ""),
    ("libcusparse.so.12", ""),
    ("libcusparseLt.so.0", ""),
    ("libnccl.so.2", ""),
    ("libnvrtc.so.13", ""),
    ("libnvshmem_host.so.3", "void *nvshmem_selected_device_transport;"),
];
const VERSIONS: &str = "NVSHMEM { global: *; };\n";
/// Run by Python whenever it starts.
const LAZY: &str = "import os, sys; sys.setdlopenflags(os.RTLD_LAZY)\n";

/// The interpreter that knows PyTorch and Demucs.
///
/// # Errors
/// As [`install::python_environment`], and `Failed` without a C compiler, which Rust's linker comes with.
pub(super) fn python() -> Result<PathBuf> {
    let folder = install::python_environment("demucs", PACKAGES)?;
    let python = folder.join("bin/python");
    let place = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = PathBuf::from(run::quiet(Command::new(&python).args(["-c", place]))?.trim());
    let libraries = packages.join("nvidia/cu13/lib");
    let versions = folder.join("versions.map");
    files::write(&versions, VERSIONS)?;
    for (name, source) in STAND_INS {
        stand_in(&libraries.join(name), name, &folder.join("stand_in.c"), (source, &versions))?;
    }
    files::write(&packages.join("lazy.pth"), LAZY)?;
    Ok(python)
}

/// Compiles a library with nothing in it but what the source has; only then its names have versions.
fn stand_in(to: &Path, name: &str, file: &Path, (source, versions): (&str, &Path)) -> Result<()> {
    files::write(file, source)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC"]).arg(format!("-Wl,-soname,{name}"));
    if !source.is_empty() {
        compiler.arg(format!("-Wl,--version-script={}", versions.display()));
    }
    run::quiet(compiler.arg(file).arg("-o").arg(to)).map(drop)
}
