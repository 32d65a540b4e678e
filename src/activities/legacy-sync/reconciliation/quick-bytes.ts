import { NO_NUMBER, NO_TEXT, SEPARATOR } from './quick-row.ts';

/** What MySQL keeps in front of a point's two doubles: no SRID, little-endian, a point. */
const POINT_HEAD = Buffer.from('000000000101000000', 'hex');
const POINT_BYTES = POINT_HEAD.length + 16;

/** The bytes of a row as MySQL has them, its numbers as CONCAT(POINT(…), POINT(…), …) and then its texts as CONCAT_WS; used again for each row. */
export class RowBytes {
  bytes: Uint8Array;
  length: number;
  #view: DataView;
  readonly #places: readonly number[];
  readonly #ofNumbers: number;

  /** `count`: doubles; where they are odd, the last point has 0 besides. */
  constructor(count: number) {
    const points = Math.ceil(count / 2);
    this.#ofNumbers = points * POINT_BYTES;
    this.length = this.#ofNumbers;
    this.bytes = new Uint8Array(this.#ofNumbers + ROOM_FOR_TEXTS);
    this.#view = new DataView(this.bytes.buffer);
    for (let at = 0; at < points; at += 1) this.bytes.set(POINT_HEAD, at * POINT_BYTES);
    this.#places = Array.from(
      { length: count },
      (_, at) => Math.floor(at / 2) * POINT_BYTES + POINT_HEAD.length + (at % 2) * 8,
    );
  }

  setNumber(at: number, value: number): void {
    this.#view.setFloat64(this.#places[at]!, value, true);
  }

  clearTexts(): void {
    this.length = this.#ofNumbers;
  }

  /** Adds bytes `from` up to `to` of a text; null: the row has none. */
  addText(text: Uint8Array | null, from: number, to: number, isFirst: boolean): void {
    this.#makeRoom(2 + (text === null ? 0 : to - from));
    const { bytes } = this;
    let at = this.length;
    if (!isFirst) bytes[at++] = SEPARATOR;
    if (text === null) bytes[at++] = NOTHING;
    // Texts are short: a call of a copy costs more than their bytes.
    else for (let place = from; place < to; place += 1) bytes[at++] = text[place]!;
    this.length = at;
  }

  #makeRoom(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(2 * (this.length + more));
    larger.set(this.bytes);
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

const ROOM_FOR_TEXTS = 1_024;
const NOTHING = NO_TEXT.charCodeAt(0);
const MOST_DIGITS = 1e6;
const SCALES = Array.from({ length: 10 }, (_, decimals) => 10 ** decimals);

/**
 * The FLOAT whose six digits a double is. Of any decimal of six digits or fewer the nearest FLOAT has just these digits. A double that is none such
 * decimal gets a number that no column has, so that its row is looked at by itself.
 */
export function floatOf(value: number): number {
  for (const scale of SCALES) {
    const whole = Math.round(value * scale);
    if (Math.abs(whole) >= MOST_DIGITS) break;
    if (whole / scale === value) return Math.fround(value);
  }
  return 2 * NO_NUMBER;
}
