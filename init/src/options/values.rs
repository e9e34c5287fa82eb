//! Values of options, each read into a type that cannot be wrong.

use core::ffi::CStr;

use super::{Bind, CgroupChoice, Destination, Net, Options, SeccompChoice};
use crate::amount::{count, duration, limit, size};
use crate::guard::Guard;
use crate::limits::QUOTA_PERIOD;
use crate::list::List;
use crate::text::{Parts, last_part, parse_number, strip_prefix, strip_suffix};
use crate::user::{DEFAULT_ID, Range};

/// Why a value was not taken.
pub(super) enum Refused {
    /// It is not of the option's kind.
    Value,
    /// There is no room for one more.
    Full,
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) -> Result<(), Refused> {
    *place = value.ok_or(Refused::Value)?;
    Ok(())
}

pub(super) fn add<T: Copy, const N: usize>(list: &mut List<T, N>, value: Option<T>) -> Result<(), Refused> {
    list.push(value.ok_or(Refused::Value)?).map_err(|_| Refused::Full)
}

pub(super) fn without(options: &mut Options<'_>, value: &CStr) -> Result<(), Refused> {
    options.guards.remove(Guard::from_name(value.to_bytes()).ok_or(Refused::Value)?);
    Ok(())
}

pub(super) fn require(options: &mut Options<'_>, value: &CStr) -> Result<(), Refused> {
    for name in Parts::new(value.to_bytes(), b',') {
        options.guards.require(Guard::from_name(name).ok_or(Refused::Value)?);
    }
    Ok(())
}

pub(super) fn nonempty(value: &CStr) -> Option<&CStr> {
    (!value.is_empty()).then_some(value)
}

pub(super) fn absolute(value: &CStr) -> Option<&CStr> {
    value.to_bytes().starts_with(b"/").then_some(value)
}

pub(super) fn destination(value: &CStr) -> Option<Destination<'_>> {
    match value.to_bytes() {
        b"-" => Some(Destination::Stdout),
        bytes if bytes.starts_with(FD) => descriptor(bytes).map(Destination::Fd),
        _ => nonempty(value).map(Destination::Path),
    }
}

const FD: &[u8] = b"fd:";

pub(super) fn descriptor(text: &[u8]) -> Option<i32> {
    parse_number(strip_prefix(text, FD)?).and_then(|fd| i32::try_from(fd).ok())
}

pub(super) fn bind(text: &[u8]) -> Option<Bind<'_>> {
    let (text, writable) = strip_suffix(text, b":rw").map_or((text, false), |rest| (rest, true));
    // The source may have colons in it, the target may not: the last one divides.
    let target = last_part(text, b':');
    let source = strip_suffix(strip_suffix(text, target)?, b":")?;
    (!source.is_empty() && target.len() > 1 && target.starts_with(b"/")).then_some(Bind {
        source,
        target,
        writable,
    })
}

pub(super) fn environment(value: &CStr) -> Option<&CStr> {
    let equals = value.to_bytes().iter().position(|byte| *byte == b'=')?;
    // A name is not empty; the value may be.
    (equals > 0).then_some(value)
}

/// At least one, or there is no submission. The most is what the kernel takes for pids.max (PID_MAX_LIMIT).
pub(super) fn pids(text: &[u8]) -> Option<Option<u64>> {
    limit(text, count).filter(|limit| limit.is_none_or(|pids| (1..=4 << 20).contains(&pids)))
}

/// No less than the kernel takes (`min_cfs_quota_period`, 1 ms), and no more than a thousand CPUs have.
pub(super) fn quota(text: &[u8]) -> Option<Option<u64>> {
    const RANGE: core::ops::RangeInclusive<u64> = 1_000_000..=1000 * QUOTA_PERIOD;
    limit(text, duration).filter(|limit| limit.is_none_or(|quota| RANGE.contains(&quota)))
}

/// The three streams, and two while the submission is made: our channel and the filter's listener.
pub(super) fn open_files(text: &[u8]) -> Option<Option<u64>> {
    limit(text, count).filter(|limit| limit.is_none_or(|files| files >= 5))
}

/// In whole pages: tmpfs rounds up, and takes 0 for no limit at all (tmpfs(5), size).
pub(super) fn scratch_size(text: &[u8]) -> Option<u64> {
    const PAGE: u64 = 4096;
    size(text).map(|size| size / PAGE * PAGE).filter(|size| *size > 0)
}

/// Never 0: root inside would own what root on the host owns. Never the last: it means "unchanged" to setresuid(2).
pub(super) fn id(value: &[u8]) -> Option<u32> {
    let id = u32::try_from(parse_number(value)?).ok()?;
    (id != 0 && id != u32::MAX).then_some(id)
}

/// Without [`DEFAULT_ID`]: the runs that can have no uid of their own share it, and a uid of a range must not be shared.
pub(super) fn range(value: &CStr) -> Option<Range> {
    let mut ends = Parts::new(value.to_bytes(), b'-');
    let (first, last) = (id(ends.next()?)?, id(ends.rest()?)?);
    let range = Range { first, last };
    (first <= last && !range.contains(DEFAULT_ID)).then_some(range)
}

pub(super) fn digest(value: &CStr) -> Option<&[u8]> {
    let bytes = value.to_bytes();
    // Checked, although init only repeats it: a report must not hold what a caller invents.
    (bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit)).then_some(bytes)
}

/// An array of plain names. Without a colon in it no caller can add a field to the report.
pub(super) fn names(value: &CStr) -> Option<&[u8]> {
    let is_plain = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'"' | b',' | b'[' | b']');
    Some(value.to_bytes()).filter(|bytes| bytes.first() == Some(&b'[') && bytes.iter().all(is_plain))
}

pub(super) fn hostname(value: &CStr) -> Option<&CStr> {
    let bytes = value.to_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    // 64 is the kernel's limit (sethostname(2), HOST_NAME_MAX).
    ((1..=64).contains(&bytes.len()) && bytes.iter().all(plain)).then_some(value)
}

pub(super) fn net(value: &CStr) -> Option<Net> {
    match value.to_bytes() {
        b"none" => Some(Net::None),
        b"loopback" => Some(Net::Loopback),
        b"host" => Some(Net::Host),
        _ => None,
    }
}

pub(super) fn cgroup(value: &CStr) -> Option<CgroupChoice> {
    match value.to_bytes() {
        b"auto" => Some(CgroupChoice::Auto),
        b"v2" => Some(CgroupChoice::V2),
        b"v1" => Some(CgroupChoice::V1),
        b"none" => Some(CgroupChoice::None),
        _ => None,
    }
}

pub(super) fn seccomp(value: &CStr) -> Option<SeccompChoice<'_>> {
    match value.to_bytes() {
        b"default" => Some(SeccompChoice::Default),
        b"off" => Some(SeccompChoice::Off),
        _ => nonempty(value).map(SeccompChoice::File),
    }
}
