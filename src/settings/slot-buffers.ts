import { effectiveWorkers } from './effective-workers.ts';
import type { LegacySyncSettings } from './legacy-sync.ts';

/** What one worker slot may hold in memory at once, each at its place. */
export interface SlotBuffers {
  /** Bytes of a dump that are read, and decompressed, at once. */
  pieceBytes: number;
  /** Of a zstd frame; a larger one is refused. */
  zstdWindowLog: number;
  /** Tuples that wait in the driver for PostgreSQL. */
  copyBytes: number;
  /** Tuples, and rows for quarantine, that wait for their turn. */
  waitingBytes: number;
  /** Bad rows that are kept of a range that is refused. */
  sampleBytes: number;
  /** Of a file whose hash is made. */
  hashBytes: number;
  /** Reads by SFTP that are under way at once, of SFTP_READ_BYTES each. */
  sftpReads: number;
  /** A compressed dump that comes without a file. */
  atOnceBytes: number;
  /** Rows of each side that are compared one by one. */
  comparedRows: number;
  /** Rows of quarantine that are tried again in one transaction. */
  redriveBytes: number;
}

const [KB, MB] = [1024, 1024 * 1024];
/** mysqldump and a compressor with its threads start with less, and have room for a row of 15 MB. */
const LEAST_HOST_BYTES = 128 * MB;
/** OpenSSH answers at most 256 KiB less the packet's head. */
export const SFTP_READ_BYTES = 255 * KB;
/** A worker process that works on nothing has 253 to 270 MB. */
export const PROCESS_BYTES = 280 * MB;
/** A row that is compared: its id, day, hash and time as strings, and its place in a map. */
const COMPARED_ROW_BYTES = 400;
/** What ssh2 lets a host send ahead in a session: it cannot be set. */
const SSH_WINDOW_BYTES = 2 * MB;

/** `unit` bytes a piece, held so often at once: at least `least` pieces, and this share of what is left then, up to `most`. */
interface Part {
  unit: number;
  held: number;
  share: number;
  least: number;
  most: number;
}

/** Above `most` nothing gets faster. Below `least` a step costs more than its bytes. The shares are no more than one, with zstd's. */
const PARTS = {
  // The piece read, the one ahead of it, the decompressed one, and the rest of the one before with it.
  pieceBytes: { unit: 1, held: 4, share: 1 / 64, least: 16 * KB, most: 256 * KB },
  copyBytes: { unit: 1, held: 2, share: 1 / 32, least: 64 * KB, most: MB },
  // New rows, rows of the overlap and bad ones, each in storage that grows by doubling.
  waitingBytes: { unit: 1, held: 6, share: 1 / 16, least: 64 * KB, most: 2 * MB },
  sampleBytes: { unit: 1, held: 1, share: 1 / 32, least: 64 * KB, most: 8 * MB },
  hashBytes: { unit: 1, held: 1, share: 1 / 64, least: 64 * KB, most: MB },
  sftpReads: { unit: SFTP_READ_BYTES, held: 1, share: 1 / 16, least: 1, most: 16 },
  // As it comes, and as one.
  atOnceBytes: { unit: 1, held: 2, share: 1 / 16, least: 64 * KB, most: Number.MAX_SAFE_INTEGER },
  comparedRows: { unit: COMPARED_ROW_BYTES, held: 2, share: 1 / 2, least: 1_000, most: 200_000 },
  // As PostgreSQL's text of them, which has two digits for a byte, as they are, and as tuples.
  redriveBytes: { unit: 1, held: 4, share: 1 / 16, least: 64 * KB, most: 16 * MB },
} as const satisfies Partial<Record<keyof SlotBuffers, Part>>;

/** A frame's window is a power of two. Every zstd reads the least one, and what zstd -7 writes has a smaller one. */
const ZSTD = { share: 1 / 8, least: 23, most: 27 };

export type SlotLimits = Pick<LegacySyncSettings, 'maxMemoryMb' | 'maxWorkers' | 'poolEnabled' | 'streamMaxBytes'>;

/** What a slot has for its buffers: its part of the limit without what the process takes by itself. */
export function slotMemory(settings: Pick<SlotLimits, 'maxMemoryMb' | 'maxWorkers' | 'poolEnabled'>): number {
  return Math.max(0, settings.maxMemoryMb * MB - PROCESS_BYTES) / effectiveWorkers(settings, null);
}

/**
 * Sizes of the buffers of a slot, so that all slots together stay below max_memory_mb. Rows are not cut: the largest one, values.maxRowBytes of
 * its legacy server at most, comes on top.
 */
export function slotBuffers(settings: SlotLimits): SlotBuffers {
  const more = Math.max(0, slotMemory(settings) - LEAST_BYTES);
  const sizes = sizesOf(({ unit, held, share, least, most }) =>
    Math.min(most, least + Math.floor((more * share) / (unit * held))),
  );
  const window = Math.floor(Math.log2(2 ** ZSTD.least + more * ZSTD.share));
  return {
    ...sizes,
    atOnceBytes: Math.min(settings.streamMaxBytes, sizes.atOnceBytes),
    zstdWindowLog: Math.min(ZSTD.most, window),
  };
}

/** All of it at once, which no slot holds: it transfers, imports or compares. */
export function heldBytes({ zstdWindowLog, ...buffers }: SlotBuffers): number {
  const parts = sizesOf(({ unit, held }, name) => unit * held * buffers[name]);
  return SSH_WINDOW_BYTES + 2 ** zstdWindowLog + Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
}

/** What each program of ours at a legacy host may have: a row is in memory there several times, so it is not cut by slots. */
export const hostProgramBytes = ({ maxMemoryMb }: Pick<SlotLimits, 'maxMemoryMb'>): number =>
  Math.max(LEAST_HOST_BYTES, maxMemoryMb * MB);

type Sizes = Record<keyof typeof PARTS, number>;

const sizesOf = (size: (part: Part, name: keyof Sizes) => number): Sizes =>
  Object.fromEntries(
    Object.entries<Part>(PARTS).map(([name, part]) => [name, size(part, name as keyof Sizes)]),
  ) as Sizes;

const LEAST_BYTES = heldBytes({ ...sizesOf(({ least }) => least), zstdWindowLog: ZSTD.least });
