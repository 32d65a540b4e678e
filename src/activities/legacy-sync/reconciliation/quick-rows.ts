import { FLAGS } from '../dump/flags.ts';
import type { Bucket, Buckets } from './buckets.ts';
import { floatOf, RowBytes } from './quick-bytes.ts';
import { NO_NUMBER, type QuickRow } from './quick-row.ts';
import { crcBothWays, QuickSum, type TwoWays } from './quick-sums.ts';
import type { AskedVehicle } from './source-sql.ts';
import { offsetAt, type ZoneOffset } from './zone-offsets.ts';

/** PGCOPY, its guard bytes, no flags, no extension. */
const HEADER_BYTES = 19;
/** Stands where a row's number of fields would be, when no row follows. */
const TRAILER = -1;
const POSTGRES_EPOCH = 946_684_800_000_000;
/** Longer than any gap of a zone's clocks: as in `compared-times.ts`. */
const BEFORE_THE_GAP = 3 * 3_600;
const HIGH = 2 ** 32;

interface OpenBucket {
  rows: number;
  sum: QuickSum;
  minId: number;
  maxId: number;
}

interface QuickRowsOptions {
  row: QuickRow;
  offsets: readonly ZoneOffset[];
  vehicles: readonly AskedVehicle[];
  blockOf: (id: number) => number;
}

/** Of a vehicle. */
interface WantedRows {
  upTo: number;
  legacyId: Uint8Array;
}

/**
 * Sums rows of `positions` by vehicle and day while a binary COPY brings them: vehicle, id, time, flags, received, latitude, longitude, the
 * measured numbers, the texts.
 */
export class QuickRows {
  readonly #row: QuickRow;
  readonly #offsets: readonly ZoneOffset[];
  readonly #bytes: RowBytes;
  readonly #vehicles: ReadonlyMap<number, WantedRows>;
  readonly #blockOf: (id: number) => number;
  /** By block, vehicle and day. */
  readonly #found = new Map<number, Map<number, Map<number, OpenBucket>>>();
  readonly #crcs: TwoWays = { forth: 0, back: 0 };
  #left: Buffer = Buffer.alloc(0);
  #headed = false;
  /** The offset of the row before, and the seconds between which it holds. */
  #offset = { from: 1, until: 0, seconds: 0 };

  /** Other vehicles' rows may come as well. `blockOf`: of an id. */
  constructor({ row, offsets, vehicles, blockOf }: QuickRowsOptions) {
    this.#row = row;
    this.#offsets = offsets;
    this.#vehicles = new Map(
      vehicles.map(({ vehicle: { id, legacyVehicleId }, upTo }) => [
        Number(id),
        { upTo: Number(upTo), legacyId: Buffer.from(legacyVehicleId ?? '') },
      ]),
    );
    this.#blockOf = blockOf;
    this.#bytes = new RowBytes(2 + (row.receivedLocal === null ? 0 : 1) + row.rounded.length);
  }

  /** Takes the next bytes of the COPY, wherever they are cut. */
  take(bytes: Buffer): void {
    const all = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes]);
    let at = 0;
    if (!this.#headed) {
      if (all.length < HEADER_BYTES) return void (this.#left = all);
      this.#headed = true;
      at = HEADER_BYTES;
    }
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    for (let end = endOfRow(view, at); end > 0; end = endOfRow(view, at)) {
      this.#add(all, view, at + 2);
      at = end;
    }
    this.#left = all.subarray(at);
  }

  /** What was found, by block, vehicle and day. */
  get blocks(): Map<number, Map<string, Buckets>> {
    const closed = ({ rows, sum, minId, maxId }: OpenBucket): Bucket => ({
      rows,
      sum: sum.value,
      minId: BigInt(minId),
      maxId: BigInt(maxId),
    });
    const ofVehicle = (days: Map<number, OpenBucket>): Buckets =>
      new Map([...days].map(([day, bucket]) => [day, closed(bucket)]));
    return new Map(
      [...this.#found].map(([block, vehicles]) => [
        block,
        new Map([...vehicles].map(([id, days]) => [String(id), ofVehicle(days)])),
      ]),
    );
  }

  /** A row from its first field's length on. */
  #add(bytes: Uint8Array, view: DataView, start: number): void {
    const { timeLocal, receivedLocal, rounded } = this.#row;
    const vehicle = int8(view, start + 4);
    const id = int8(view, start + 16);
    const wanted = this.#vehicles.get(vehicle);
    if (wanted === undefined || id > wanted.upTo) return;
    const micros = int8(view, start + 28) + POSTGRES_EPOCH;
    const flags = view.getInt16(start + 40);
    const shifted = timeLocal && (flags & FLAGS.DST_SHIFTED) !== 0;
    const local = micros + 1e6 * this.#offsetAt(micros / 1e6 - (shifted ? BEFORE_THE_GAP : 0));
    let [at, place] = [start + 42, 2];
    this.#bytes.setNumber(0, id);
    this.#bytes.setNumber(1, timeLocal ? local : micros);
    const received = view.getInt32(at);
    if (receivedLocal !== null) {
      const value = received < 0 ? NO_NUMBER : int8(view, at + 4) + POSTGRES_EPOCH;
      const zoned = receivedLocal && received >= 0;
      this.#bytes.setNumber(place++, zoned ? value + 1e6 * this.#offsetAt(value / 1e6) : value);
    }
    at += 4 + Math.max(0, received);
    for (const isRounded of rounded) {
      const length = view.getInt32(at);
      const value = length < 0 ? NO_NUMBER : view.getFloat64(at + 4);
      this.#bytes.setNumber(place++, isRounded && length >= 0 ? floatOf(value) : value);
      at += 4 + Math.max(0, length);
    }
    this.#bytes.clearTexts();
    if (this.#row.withVehicle) this.#bytes.addText(wanted.legacyId, 0, wanted.legacyId.length, true);
    this.#addTexts(bytes, view, at);
    crcBothWays(this.#bytes.bytes, this.#bytes.length, this.#crcs);
    const bucket = this.#bucketOf(this.#blockOf(id), vehicle, Math.floor(local / 86_400e6));
    bucket.sum.add(this.#crcs);
    bucket.rows += 1;
    if (id < bucket.minId) bucket.minId = id;
    if (id > bucket.maxId) bucket.maxId = id;
  }

  #addTexts(bytes: Uint8Array, view: DataView, start: number): void {
    let at = start;
    for (let text = 0; text < this.#row.texts.length; text += 1) {
      const length = view.getInt32(at);
      at += 4;
      this.#bytes.addText(length < 0 ? null : bytes, at, at + length, text === 0 && !this.#row.withVehicle);
      at += Math.max(0, length);
    }
  }

  #bucketOf(block: number, vehicle: number, day: number): OpenBucket {
    let vehicles = this.#found.get(block);
    if (vehicles === undefined) this.#found.set(block, (vehicles = new Map()));
    let days = vehicles.get(vehicle);
    if (days === undefined) vehicles.set(vehicle, (days = new Map()));
    let bucket = days.get(day);
    if (bucket === undefined) {
      bucket = { rows: 0, sum: new QuickSum(), minId: Number.POSITIVE_INFINITY, maxId: Number.NEGATIVE_INFINITY };
      days.set(day, bucket);
    }
    return bucket;
  }

  /** The zone's offset from UTC at this moment, in seconds. */
  #offsetAt(seconds: number): number {
    if (seconds >= this.#offset.from && seconds < this.#offset.until) return this.#offset.seconds;
    const index = this.#offsets.findIndex(({ fromSeconds }) => seconds >= fromSeconds);
    const until = this.#offsets[index - 1]?.fromSeconds ?? Number.POSITIVE_INFINITY;
    const from = this.#offsets[index]?.fromSeconds ?? Number.NEGATIVE_INFINITY;
    this.#offset = { from, until, seconds: offsetAt(this.#offsets, seconds) };
    return this.#offset.seconds;
  }
}

const int8 = (view: DataView, at: number): number => view.getInt32(at) * HIGH + view.getUint32(at + 4);

/** Where the row that begins at `start` ends; 0: its end has not come yet, or it is the trailer. */
function endOfRow(view: DataView, start: number): number {
  const end = view.byteLength;
  if (start + 2 > end) return 0;
  const fields = view.getInt16(start);
  if (fields === TRAILER) return 0;
  let at = start + 2;
  for (let field = 0; field < fields; field += 1) {
    if (at + 4 > end) return 0;
    at += 4 + Math.max(0, view.getInt32(at));
  }
  return at <= end ? at : 0;
}
