import type { SFTPWrapper } from 'ssh2';
import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure } from '../../../errors.ts';
import { SFTP_READ_BYTES } from '../../../settings/slot-buffers.ts';
import type { TransferTarget } from './transfer-target.ts';

interface SftpTransfer {
  file: string;
  size: number;
  target: TransferTarget;
  /** So many reads are under way at once: with sixteen a long link stays full. */
  readsAhead: number;
  signal: AbortSignal;
}

/** Reads the rest of the file by SFTP, many reads ahead, for hosts that allow nothing else. */
export async function transferBySftp(
  shell: RemoteShell,
  { file, size, target, readsAhead, signal }: SftpTransfer,
): Promise<void> {
  await shell.sftp(
    async (sftp) => {
      const handle = await opened(sftp, file);
      const ahead: Promise<Buffer>[] = [];
      let next = target.offset();
      const request = (): void => {
        while (ahead.length < readsAhead && next < size) {
          const read = readFully(sftp, handle, { at: next, length: Math.min(SFTP_READ_BYTES, size - next) });
          // After one read failed nobody awaits the others; their failures must not end the process.
          read.catch(() => {});
          ahead.push(read);
          next += SFTP_READ_BYTES;
        }
      };
      request();
      for (let read = ahead.shift(); read !== undefined; read = ahead.shift()) {
        signal.throwIfAborted();
        await target.write(await read);
        request();
      }
      sftp.close(handle, () => {});
    },
    { signal },
  );
}

function opened(sftp: SFTPWrapper, file: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sftp.open(file, 'r', (error, handle) => (error ? reject(failed(file, error)) : resolve(handle)));
  });
}

/** A server may answer with less than was asked for. */
async function readFully(
  sftp: SFTPWrapper,
  handle: Buffer,
  { at, length }: { at: number; length: number },
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const from = done;
    done += await new Promise<number>((resolve, reject) => {
      sftp.read(handle, buffer, from, length - from, at + from, (error, bytesRead) =>
        error ? reject(failed('the file', error)) : resolve(bytesRead),
      );
    });
    if (done === from) throw failed('the file', new Error(`it ends at byte ${at + from}`));
  }
  return buffer;
}

function failed(file: string, cause: Error): Failure {
  return new Failure('TransferFailed', `Reading ${file} by SFTP: ${cause.message}. It is tried again.`, { cause });
}
