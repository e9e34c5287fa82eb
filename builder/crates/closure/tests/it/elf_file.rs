//! ELF files for tests: small, but a real loader maps them, with any dynamic section.

use std::path::Path;

/// A file to be written. Its only segment has everything; it does not have any code.
#[derive(Debug, Clone)]
pub struct ElfFile {
    class: u8,
    machine: u16,
    interpreter: Option<String>,
    /// Tag and string, in the order of the dynamic section.
    strings: Vec<(u64, String)>,
    flags_1: u64,
    notes: Vec<u8>,
}

const DT_NEEDED: u64 = 1;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;

impl ElfFile {
    /// A 64-bit x86 library without dependencies.
    pub fn library() -> Self {
        let (class, machine) = (2, 62);
        Self { class, machine, interpreter: None, strings: vec![], flags_1: 0, notes: vec![] }
    }

    /// A 64-bit x86 program of glibc.
    pub fn program() -> Self {
        Self { interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()), ..Self::library() }
    }

    /// The same for another machine.
    pub fn machine(mut self, class: u8, machine: u16) -> Self {
        (self.class, self.machine) = (class, machine);
        self
    }

    /// Another program interpreter.
    pub fn interpreter(mut self, path: &str) -> Self {
        self.interpreter = Some(path.into());
        self
    }

    /// `DT_NEEDED`
    pub fn needs(self, name: &str) -> Self {
        self.string(DT_NEEDED, name)
    }

    /// `DT_SONAME`
    pub fn soname(self, name: &str) -> Self {
        self.string(DT_SONAME, name)
    }

    /// `DT_RPATH`
    pub fn rpath(self, path: &str) -> Self {
        self.string(DT_RPATH, path)
    }

    /// `DT_RUNPATH`
    pub fn runpath(self, path: &str) -> Self {
        self.string(DT_RUNPATH, path)
    }

    /// `DT_FILTER`
    pub fn filter(self, name: &str) -> Self {
        self.string(DT_FILTER, name)
    }

    /// `DT_AUXILIARY`
    pub fn auxiliary(self, name: &str) -> Self {
        self.string(DT_AUXILIARY, name)
    }

    /// `DT_FLAGS_1`
    pub fn flags_1(mut self, flags: u64) -> Self {
        self.flags_1 |= flags;
        self
    }

    /// A `.note.dlopen` note with this JSON text.
    pub fn dlopen_note(mut self, json: &str) -> Self {
        let desc = [json.as_bytes(), b"\0"].concat();
        self.notes.extend([4u32, desc.len() as u32, 0x407c_0c0a].map(u32::to_le_bytes).concat());
        self.notes.extend(b"FDO\0");
        self.notes.extend(&desc);
        self.notes.resize(self.notes.len().next_multiple_of(4), 0);
        self
    }

    fn string(mut self, tag: u64, text: &str) -> Self {
        self.strings.push((tag, text.into()));
        self
    }

    /// Replaces every `@` by a directory.
    pub fn with_directory(mut self, directory: &Path) -> Self {
        for (_, text) in &mut self.strings {
            *text = text.replace('@', directory.to_str().unwrap());
        }
        self
    }

    /// Writes the file, with the directories above it.
    pub fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.bytes()).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The file's bytes: header, program headers, interpreter, notes, strings, symbols, hash, dynamic section.
    pub fn bytes(&self) -> Vec<u8> {
        let wide = self.class == 2;
        let (header, segment) = if wide { (64, 56) } else { (52, 32) };
        let mut body = Vec::new();
        let base = header + 4 * segment;
        let mut put = |bytes: &[u8]| {
            body.resize(usize::next_multiple_of(body.len(), 16), 0);
            body.extend_from_slice(bytes);
            (base + body.len() - bytes.len(), bytes.len())
        };
        let interpreter = self.interpreter.as_ref().map(|path| put(format!("{path}\0").as_bytes()));
        let notes = put(&self.notes);
        let mut texts = vec![0u8];
        let mut entries: Vec<(u64, u64)> = Vec::new();
        for (tag, text) in &self.strings {
            entries.push((*tag, texts.len() as u64));
            texts.extend([text.as_bytes(), b"\0"].concat());
        }
        let strings = put(&texts);
        let symbols = put(&vec![0; if wide { 24 } else { 16 }]);
        let hash = put(&[1u32, 1, 0, 0].map(u32::to_le_bytes).concat());
        entries.push((5, strings.0 as u64));
        entries.push((10, strings.1 as u64));
        entries.push((6, symbols.0 as u64));
        entries.push((11, if wide { 24 } else { 16 }));
        entries.push((4, hash.0 as u64));
        entries.push((DT_FLAGS_1, self.flags_1));
        entries.push((0, 0));
        let word = |value: u64| {
            if wide { value.to_le_bytes().to_vec() } else { (value as u32).to_le_bytes().to_vec() }
        };
        let raw: Vec<u8> =
            entries.iter().flat_map(|(tag, value)| [word(*tag), word(*value)].concat()).collect();
        let dynamic = put(&raw);
        let size = base + body.len();
        let mut segments = vec![(1, 0, size, 0x1000), (2, dynamic.0, dynamic.1, 8)];
        segments.extend(interpreter.map(|(at, length)| (3, at, length, 1)));
        if !self.notes.is_empty() {
            segments.push((4, notes.0, notes.1, 4));
        }
        let mut out = vec![0x7f, b'E', b'L', b'F', self.class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(3u16.to_le_bytes());
        out.extend(self.machine.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend([word(0), word(header as u64), word(0)].concat());
        out.extend(0u32.to_le_bytes());
        out.extend(
            [header as u16, segment as u16, segments.len() as u16, 0, 0, 0].map(u16::to_le_bytes).concat(),
        );
        for (kind, at, length, align) in segments {
            let (at, length) = (word(at as u64), word(length as u64));
            let (kind, flags) = (u32::to_le_bytes(kind).to_vec(), 6u32.to_le_bytes().to_vec());
            let align = word(align);
            out.extend(if wide {
                [kind, flags, at.clone(), at.clone(), at, length.clone(), length, align].concat()
            } else {
                [kind, at.clone(), at.clone(), at, length.clone(), length, flags, align].concat()
            });
        }
        out.resize(base, 0);
        out.extend(body);
        out
    }
}
