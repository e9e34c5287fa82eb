//! ELF files: facts, notes and symbols.

use closure::loader::objects::Content;

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let content = closure::loader::objects::classify(bytes, bytes);
    if let Content::Elf(facts) = &content {
        closure::dlopen::dlopen_notes(facts);
    }
    closure::elf::imports(bytes, b"dlopen");
    matches!(content, Content::Elf(_))
}
