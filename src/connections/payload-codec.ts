import { type KeyObject, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { Failure } from '../errors.ts';
import type { PayloadKeys } from './payload-keys.ts';
import { Payload as ProtoPayload } from './payload-proto.ts';

const ENCODING = 'binary/encrypted';
const CIPHER = 'AES-256-GCM/1';
const IV_BYTES = 12;
const TAG_BYTES = 16;

export interface PayloadCodecOptions {
  keys: PayloadKeys;
  /** Refuses unencrypted payloads. To be set only when the last workflow that began unencrypted has left its namespace. */
  strict: boolean;
}

/**
 * Encrypts payloads with AES-256-GCM under a random 96-bit nonce: `data` is nonce, ciphertext and tag, the key's id stands beside it. The
 * id and the cipher are authenticated too, so that neither can be changed. Without a key it writes unencrypted payloads, and still refuses
 * those that it cannot read.
 *
 * `decode` @throws Failure `PayloadKeyMissing`, `PayloadUnreadable`, `PayloadNotEncrypted`
 */
export class EncryptingCodec implements PayloadCodec {
  readonly #keys: PayloadKeys;
  readonly #strict: boolean;

  constructor({ keys, strict }: PayloadCodecOptions) {
    this.#keys = keys;
    this.#strict = strict;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const { writing } = this.#keys;
    if (writing === null) return payloads;
    const key = await this.#keys.read(writing);
    return payloads.map((payload) => (isEncrypted(payload) ? payload : encrypt(key, writing, payload)));
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.all(payloads.map((payload) => (isEncrypted(payload) ? this.#open(payload) : this.#clear(payload))));
  }

  async #open(payload: Payload): Promise<Payload> {
    const id = entry(payload, 'encryption-key-id');
    const key = await this.#keys.read(id);
    try {
      return decrypt(key, id, payload);
    } catch (error) {
      throw unreadable(id, error);
    }
  }

  async #clear(payload: Payload): Promise<Payload> {
    if (!this.#strict) return payload;
    throw new Failure(
      'PayloadNotEncrypted',
      'Reading a payload from Temporal: it is not encrypted, and FLEETGRAPH_PAYLOAD_STRICT refuses that. Somebody without the key wrote it, or the workflow began before encryption was switched on.',
    );
  }
}

function encrypt(key: KeyObject, id: string, payload: Payload): Payload {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(authenticated(id, CIPHER));
  const sealed = [iv, cipher.update(ProtoPayload.encode(payload).finish()), cipher.final(), cipher.getAuthTag()];
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      'encryption-cipher': Buffer.from(CIPHER),
      'encryption-key-id': Buffer.from(id),
    },
    data: Buffer.concat(sealed),
  };
}

function decrypt(key: KeyObject, id: string, payload: Payload): Payload {
  const data = Buffer.from(payload.data ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(authenticated(id, entry(payload, 'encryption-cipher')))
    .setAuthTag(data.subarray(-TAG_BYTES));
  const plain = [decipher.update(data.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
  return ProtoPayload.decode(Buffer.concat(plain));
}

const isEncrypted = (payload: Payload): boolean => entry(payload, 'encoding') === ENCODING;

const entry = ({ metadata }: Payload, name: string): string => Buffer.from(metadata?.[name] ?? []).toString();

const authenticated = (id: string, cipher: string): Buffer => Buffer.from(`${cipher} ${id}`);

function unreadable(id: string, cause: unknown): Failure {
  return new Failure(
    'PayloadUnreadable',
    `Reading a payload from Temporal: the key ${JSON.stringify(id)} of this process does not open it. The key is another one under the same id, or the payload was altered.`,
    { cause },
  );
}
