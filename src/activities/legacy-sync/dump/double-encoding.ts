/** What MySQL's latin1 (that is cp1252) shows for the bytes 0x80 to 0x9f; its five holes are the control characters of that number. */
const CP1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';
const BYTE_OF = new Map(Array.from(CP1252, (character, index) => [character, 0x80 + index] as const));

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * UTF-8 that was once stored under a latin1 label and so was encoded twice (`Ã©` for `é`): the bytes as they were meant, or null
 * when the text is not of that kind.
 */
export function mendDoubleEncoding(text: Buffer): Buffer | null {
  try {
    const bytes: number[] = [];
    for (const character of strictUtf8.decode(text)) {
      const code = character.codePointAt(0)!;
      const byte = BYTE_OF.get(character) ?? code;
      if (byte > 0xff) return null;
      bytes.push(byte);
    }
    const mended = Buffer.from(bytes);
    strictUtf8.decode(mended);
    return mended.length === text.length ? null : mended;
  } catch {
    return null;
  }
}
