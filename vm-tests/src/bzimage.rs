//! The kernel inside of a bzImage, unpacked on the host.
//!
//! A bzImage is a small program followed by the packed kernel, which it unpacks first. An emulated CPU takes a fifth of
//! the whole boot for that. The kernel itself is an ELF file with a second entry for loaders that start it unpacked: PVH,
//! a note that QEMU looks for in the file that `-kernel` names.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use goblin::elf::Elf;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// A kernel that lies unpacked in memory, as long as this lives. It is sealed against writes, and it has no path at which
/// another file could take its place after the image was checked.
#[derive(Debug, Clone)]
pub struct Unpacked(Arc<File>);

impl Unpacked {
    /// Unpacks the kernel of `image`. The error is why it cannot be started unpacked.
    pub(crate) fn of(image: &[u8]) -> Result<Unpacked, String> {
        let kernel = kernel_of(image)?;
        if !has_entry(&kernel) {
            return Err("its kernel was built without CONFIG_PVH".into());
        }
        held(&kernel).map_err(|cause| format!("no memory for it unpacked: {cause}"))
    }

    /// Where every process of this user finds it.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()))
    }
}

fn held(kernel: &[u8]) -> io::Result<Unpacked> {
    let mut file = File::from(memfd_create("vmlinux", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(kernel)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(Unpacked(Arc::new(file)))
}

/// One way to pack: its first bytes, its name, and its reader.
type Packing = (&'static [u8], &'static str, fn(&[u8], &mut Vec<u8>) -> io::Result<usize>);

/// What kernels are packed with (their build's CONFIG_KERNEL_*), but for the ones that no distribution takes any more.
const PACKINGS: &[Packing] = &[
    (&[0x1f, 0x8b], "gzip", |packed, kernel| flate2::read::GzDecoder::new(packed).read_to_end(kernel)),
    (b"\xfd7zXZ\0", "xz", |packed, kernel| liblzma::read::XzDecoder::new(packed).read_to_end(kernel)),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", |packed, kernel| zstd::Decoder::new(packed)?.read_to_end(kernel)),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4", |packed, kernel| {
        lz4_flex::frame::FrameDecoder::new(packed).read_to_end(kernel)
    }),
];

/// The ELF file that is packed in `image`. Its length follows it (with gzip it is a part of the format).
fn kernel_of(image: &[u8]) -> Result<Vec<u8>, String> {
    let payload = payload(image).ok_or("not a bzImage")?;
    let known = PACKINGS.iter().find(|(magic, ..)| payload.starts_with(magic));
    let (_, name, unpack) = known.ok_or("packed in a way that is not known here")?;
    let (packed, length) = payload.split_last_chunk::<4>().ok_or("its kernel is cut short")?;
    let packed = if *name == "gzip" { payload } else { packed };
    let length = u32::from_le_bytes(*length) as usize;
    let mut kernel = Vec::with_capacity(length);
    unpack(packed, &mut kernel).map_err(|cause| format!("{name}: {cause}"))?;
    if kernel.len() == length {
        Ok(kernel)
    } else {
        Err(format!("{name}: {} bytes instead of {length}", kernel.len()))
    }
}

/// The packed kernel, which the image's header locates (the kernel's Documentation/arch/x86/boot.rst, protocol
/// 2.08 and later).
fn payload(image: &[u8]) -> Option<&[u8]> {
    const SECTOR: usize = 512;
    let field = |at| Some(u32::from_le_bytes(*image.get(at..)?.first_chunk()?));
    let protocol = u16::from_le_bytes(*image.get(0x206..)?.first_chunk()?);
    if image.get(0x202..0x206)? != b"HdrS" || protocol < 0x0208 {
        return None;
    }
    // After the boot sector and this many more; zero stands for four.
    let sectors = match *image.get(0x1f1)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let begin = (sectors + 1) * SECTOR + field(0x248)? as usize;
    image.get(begin..begin + field(0x24c)? as usize)
}

/// Which kernel an image has: release, maker and version in one line (the kernel's Documentation/arch/x86/boot.rst,
/// `kernel_version`). `None` for other images.
pub(crate) fn version(image: &[u8]) -> Option<String> {
    payload(image)?;
    let at = u16::from_le_bytes(*image.get(0x20e..)?.first_chunk()?);
    let text = image.get(usize::from(at).checked_add(0x200)?..)?.split(|byte| *byte == 0).next()?;
    (at > 0).then(|| String::from_utf8_lossy(text).into_owned())
}

/// Whether the kernel can be entered by PVH: Xen's note number 18 (its public/elfnote.h) holds the address.
fn has_entry(kernel: &[u8]) -> bool {
    const PHYS32_ENTRY: u32 = 18;
    let Ok(elf) = Elf::parse(kernel) else { return false };
    let mut notes = elf.iter_note_headers(kernel).into_iter().flatten().flatten();
    notes.any(|note| note.name == "Xen" && note.n_type == PHYS32_ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with nothing but one note of Xen's, of this type.
    fn elf(note: u32) -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        elf.extend([2, 0, 62, 0, 1, 0, 0, 0]); // ET_EXEC, EM_X86_64
        elf.extend([0u64, 64, 0].iter().flat_map(|field| field.to_le_bytes()));
        elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]); // one program header
        elf.extend([4u32, 0].iter().flat_map(|field| field.to_le_bytes())); // PT_NOTE
        elf.extend([120u64, 0, 0, 20, 20, 4].iter().flat_map(|field| field.to_le_bytes()));
        elf.extend([4u32, 4, note].iter().flat_map(|field| field.to_le_bytes()));
        elf.extend(b"Xen\0\0\0\0\x01");
        elf
    }

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024];
        image[0x1f1] = 1;
        image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image.extend(payload);
        image.extend(b"what follows it");
        image
    }

    #[test]
    fn an_image_says_which_kernel_it_has() {
        let mut image = bzimage(b"packed");
        assert_eq!((version(&image), version(b"no image")), (None, None));
        image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        image[0x300..0x30d].copy_from_slice(b"6.1.0-57 (a) ");
        assert_eq!(version(&image).as_deref(), Some("6.1.0-57 (a) "));
    }

    fn with_length(mut packed: Vec<u8>, length: usize) -> Vec<u8> {
        packed.extend((length as u32).to_le_bytes());
        packed
    }

    fn packed(how: &str, kernel: &[u8]) -> Vec<u8> {
        let packed = match how {
            "gzip" => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                gzip.write_all(kernel).unwrap();
                return gzip.finish().unwrap();
            }
            "xz" => {
                let mut packed = Vec::new();
                liblzma::read::XzEncoder::new(kernel, 6).read_to_end(&mut packed).unwrap();
                packed
            }
            "zstd" => zstd::encode_all(kernel, 19).unwrap(),
            "lz4" => {
                let block = lz4_flex::block::compress(kernel);
                [&[0x02, 0x21, 0x4c, 0x18][..], &(block.len() as u32).to_le_bytes(), &block].concat()
            }
            other => panic!("{other}"),
        };
        with_length(packed, kernel.len())
    }

    #[test]
    fn a_kernel_comes_out_however_it_is_packed() {
        for (_, how, _) in PACKINGS {
            let image = bzimage(&packed(how, &elf(18)));
            let unpacked = Unpacked::of(&image).unwrap_or_else(|why| panic!("{how}: {why}"));
            assert_eq!(std::fs::read(unpacked.path()).unwrap(), elf(18), "{how}");
        }
    }

    #[test]
    fn what_was_unpacked_stays_as_it_is() {
        let unpacked = Unpacked::of(&bzimage(&packed("zstd", &elf(18)))).unwrap();
        let mut file = std::fs::OpenOptions::new().write(true).open(unpacked.path()).unwrap();
        assert!(file.write_all(b"x").is_err());
    }

    #[test]
    fn what_cannot_be_started_unpacked_is_said_with_its_reason() {
        let zstd = packed("zstd", &elf(18));
        let short = zstd[..zstd.len() - 9].to_vec();
        for (image, why) in [
            (b"MZ".to_vec(), "not a bzImage"),
            (elf(18), "not a bzImage"),
            (bzimage(&packed("zstd", &elf(17))), "its kernel was built without CONFIG_PVH"),
            (bzimage(&packed("zstd", b"not a kernel")), "its kernel was built without CONFIG_PVH"),
            (bzimage(b"BZh9"), "packed in a way that is not known here"),
            (bzimage(&with_length(zstd[..zstd.len() - 4].to_vec(), 1)), "zstd: 140 bytes instead of 1"),
            (bzimage(&with_length(short, 140)), "zstd: incomplete frame"),
            (bzimage(&zstd)[..1030].to_vec(), "not a bzImage"),
        ] {
            assert_eq!(Unpacked::of(&image).unwrap_err(), why);
        }
    }
}
