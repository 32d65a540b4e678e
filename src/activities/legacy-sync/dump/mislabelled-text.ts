import type { HiddenEncoding } from '../../../settings/column-mapping.ts';
import { mendDoubleEncoding } from './double-encoding.ts';
import { FLAGS } from './flags.ts';
import { latin1Bytes } from './latin1-text.ts';

/** Text of a latin1 column that has another encoding. */
export interface Relabelling {
  /** Returns the intended text in UTF-8; null when the text is right already. */
  mend: (text: Buffer) => Buffer | null;
  flag: number;
}

const WHATWG_NAMES = { cp1251: 'windows-1251', cp1250: 'windows-1250', 'koi8-r': 'koi8-r' } as const;

export function relabelling(encoding: HiddenEncoding): Relabelling {
  if (encoding === 'utf8') return { mend: mendDoubleEncoding, flag: FLAGS.DOUBLE_ENCODING_MENDED };
  const decoder = new TextDecoder(WHATWG_NAMES[encoding]);
  return {
    mend: (text) => {
      const bytes = latin1Bytes(text);
      // A text as long in UTF-8 as in latin1 is ASCII alone, which is the same in all these encodings.
      return bytes === null || bytes.length === text.length ? null : Buffer.from(decoder.decode(bytes));
    },
    flag: FLAGS.TEXT_RELABELLED,
  };
}
