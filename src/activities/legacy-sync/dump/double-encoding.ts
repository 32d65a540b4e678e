import { isUtf8, latin1Bytes } from './latin1-text.ts';

/**
 * Mends UTF-8 that was stored under a latin1 label and so was encoded twice (`Ã©` for `é`). Returns the intended bytes, or null for a text
 * that was not encoded twice.
 */
export function mendDoubleEncoding(text: Buffer): Buffer | null {
  const mended = latin1Bytes(text);
  return mended === null || mended.length === text.length || !isUtf8(mended) ? null : mended;
}
