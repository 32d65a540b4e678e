import { once } from 'node:events';
import type pg from 'pg';
import { from } from 'pg-copy-streams';
import type { SlotBuffers } from '../../../settings/slot-buffers.ts';

/** A binary COPY under way. One at a time per connection. */
export interface CopyIn {
  /** Tuples without header and trailer; resolves when more may come. */
  write(tuples: Buffer): Promise<void>;
  /** Resolves with the number of rows when PostgreSQL has taken all of them. */
  end(): Promise<number>;
  /** Makes PostgreSQL fail the COPY; the transaction has to be rolled back. */
  abort(reason: Error): void;
}

/** PGCOPY, its guard bytes, no flags, no extension. */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER = Buffer.from('ffff', 'hex');

export function startCopy(
  client: pg.PoolClient,
  target: string,
  { copyBytes }: Pick<SlotBuffers, 'copyBytes'>,
): CopyIn {
  const stream = client.query(from(`COPY ${target} FROM STDIN (FORMAT binary)`, { highWaterMark: copyBytes }));
  // pg-copy-streams emits 'error' and neither ends nor closes, so every wait for the stream also waits for this.
  let over = false;
  const failed = new Promise<never>((_, reject) => {
    stream.on('error', (error) => {
      over = true;
      reject(error);
    });
  });
  failed.catch(() => {});

  async function push(bytes: Buffer): Promise<void> {
    // A write after an error would fail with a second error that says less.
    if (over) await failed;
    else if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), failed]);
  }

  let begun = push(HEADER);
  return {
    async write(tuples) {
      await begun;
      begun = Promise.resolve();
      await push(tuples);
    },
    async end() {
      await begun;
      await push(TRAILER);
      if (over) await failed;
      stream.end();
      await Promise.race([once(stream, 'finish'), failed]);
      over = true;
      return stream.rowCount;
    },
    abort(reason) {
      // pg-copy-streams has no connection any more once PostgreSQL has ended the COPY.
      if (!over) stream.destroy(reason);
      over = true;
    },
  };
}
