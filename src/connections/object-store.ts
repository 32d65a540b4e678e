import { GetObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { Failure } from '../errors.ts';

export interface ObjectStoreOptions {
  /** Empty: Amazon's own, by its region. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  pathStyle: boolean;
  /** Longest request. */
  timeoutMs: number;
}

/** One bucket of an S3-compatible store. Errors: ObjectStoreUnavailable, ObjectStoreRejected. */
export interface ObjectStore {
  /** Writes an object unless there is one under that key: keys name their content. */
  putOnce(key: string, body: Buffer, contentType: string): Promise<'stored' | 'present'>;
  /** null when there is none. */
  get(key: string): Promise<Buffer | null>;
  close(): void;
}

export function openObjectStore({ bucket, ...options }: ObjectStoreOptions): ObjectStore {
  const client = new S3Client({
    region: options.region,
    forcePathStyle: options.pathStyle,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    // Many stores outside Amazon refuse the checksum trailers that the client sends by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(options.endpoint === '' ? {} : { endpoint: options.endpoint }),
  });
  const deadline = () => ({ abortSignal: AbortSignal.timeout(options.timeoutMs) });
  return {
    async putOnce(key, body, contentType) {
      const request = { Bucket: bucket, Key: key, Body: body, ContentType: contentType, IfNoneMatch: '*' };
      try {
        await client.send(new PutObjectCommand(request), deadline());
        return 'stored';
      } catch (error) {
        if (statusOf(error) === 412) return 'present';
        throw failureOf(`Writing ${key} to the bucket ${bucket}`, error);
      }
    },
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), deadline());
        return Body === undefined ? null : Buffer.from(await Body.transformToByteArray());
      } catch (error) {
        if (error instanceof S3ServiceException && error.name === 'NoSuchKey') return null;
        throw failureOf(`Reading ${key} from the bucket ${bucket}`, error);
      }
    },
    close: () => client.destroy(),
  };
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

function failureOf(doing: string, error: unknown): Failure {
  const status = statusOf(error);
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (status !== undefined && status >= 300 && status < 500 && status !== 408 && status !== 429) {
    return new Failure(
      'ObjectStoreRejected',
      `${doing}: the store refused with ${status} (${said}). Check the settings under backup.`,
      {
        cause: error,
      },
    );
  }
  return new Failure('ObjectStoreUnavailable', `${doing}: the store did not do it (${said}). It is tried again.`, {
    cause: error,
  });
}
