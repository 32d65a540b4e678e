/** The characters of the bytes 0x80 to 0x9f in MySQL's latin1, which is cp1252. Its five gaps are the control characters with that number. */
const CP1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';
const BYTE_OF = new Map(Array.from(CP1252, (character, index) => [character, 0x80 + index] as const));

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of a latin1 column, from the UTF-8 that the server sent for them; null for a text that no latin1 column can hold. */
export function latin1Bytes(text: Buffer): Buffer | null {
  try {
    const bytes: number[] = [];
    for (const character of strictUtf8.decode(text)) {
      const byte = BYTE_OF.get(character) ?? character.codePointAt(0)!;
      if (byte > 0xff) return null;
      bytes.push(byte);
    }
    return Buffer.from(bytes);
  } catch {
    return null;
  }
}

export function isUtf8(bytes: Buffer): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
