//! CPUs as far as the choice of libraries depends on them.

/// How capable a CPU is, as glibc's `glibc-hwcaps` directories and its older hardware directories distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cpu {
    /// The x86-64 psABI level.
    pub level: Level,
    /// `$PLATFORM`: AT_PLATFORM (getauxval(3)), or the value that glibc replaces it with.
    pub platform: &'static str,
    /// Whether glibc ≤ 2.36 searches the `avx512_1` hardware directory.
    pub avx512_1: bool,
}

/// Micro-architecture levels of the x86-64 psABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Every 64-bit x86.
    #[default]
    Baseline,
    /// Nehalem and later.
    V2,
    /// Haswell and later.
    V3,
    /// Skylake-X and later.
    V4,
}

impl Level {
    /// All levels, the least capable first.
    pub const ALL: [Level; 4] = [Level::Baseline, Level::V2, Level::V3, Level::V4];

    /// The psABI's name.
    pub fn word(self) -> &'static str {
        match self {
            Level::Baseline => "x86-64",
            Level::V2 => "x86-64-v2",
            Level::V3 => "x86-64-v3",
            Level::V4 => "x86-64-v4",
        }
    }

    /// The names of the `glibc-hwcaps` directories that a CPU of this level uses, best first (glibc,
    /// sysdeps/x86_64/dl-hwcaps_subdirs.c).
    pub fn directories(self) -> &'static [&'static str] {
        const ALL: &[&str] = &["x86-64-v4", "x86-64-v3", "x86-64-v2"];
        match self {
            Level::V4 => ALL,
            Level::V3 => &ALL[1..],
            Level::V2 => &ALL[2..],
            Level::Baseline => &[],
        }
    }
}

impl Cpu {
    /// Any CPU of the architecture.
    pub const BASELINE: Cpu = Cpu { level: Level::Baseline, platform: "x86_64", avx512_1: false };

    /// The CPU of this machine, judged as glibc does (sysdeps/x86/cpu-features.c, dl-hwcap.h).
    #[cfg(target_arch = "x86_64")]
    pub fn host() -> Cpu {
        use std::arch::is_x86_feature_detected as has;
        let v2 = has!("cmpxchg16b") && has!("popcnt") && has!("sse4.2") && has!("ssse3");
        let v3 = v2
            && has!("avx2")
            && has!("bmi1")
            && has!("bmi2")
            && has!("f16c")
            && has!("fma")
            && has!("lzcnt")
            && has!("movbe");
        let v4 = v3
            && has!("avx512f")
            && has!("avx512bw")
            && has!("avx512cd")
            && has!("avx512dq")
            && has!("avx512vl");
        let level = match (v2, v3, v4) {
            (_, _, true) => Level::V4,
            (_, true, _) => Level::V3,
            (true, ..) => Level::V2,
            _ => Level::Baseline,
        };
        let intel = has_intel_vendor();
        let platform = if intel && v3 { "haswell" } else { "x86_64" };
        Cpu { level, platform, avx512_1: intel && v4 }
    }

    /// The baseline: only the levels of x86-64 are known.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn host() -> Cpu {
        Cpu::BASELINE
    }
}

/// glibc sets `haswell` and `avx512_1` for Intel's CPUs only (sysdeps/x86/cpu-features.c, `init_cpu_features`).
#[cfg(target_arch = "x86_64")]
fn has_intel_vendor() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}
