import { type KeyObject, createSecretKey } from 'node:crypto';
import { Failure } from '../errors.ts';
import { readSecret } from './secrets.ts';

const KEY_BYTES = 32;
const ENTRY = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})=(file:\/.+|env:[A-Za-z_][A-Za-z0-9_]*)$/;

/** The keys that encrypt payloads, each under an id that is written beside the payload. */
export interface PayloadKeys {
  /** Id of the key that writes; null: payloads are written in the clear. */
  readonly writing: string | null;
  /** @throws Failure `PayloadKeyMissing` for an id that is not listed, `SecretUnavailable`, `InvalidConfiguration` for what is no key */
  read(id: string): Promise<KeyObject>;
  /** Reads every key once, so that a process without its keys fails before it begins to work. @throws as `read` */
  check(): Promise<void>;
}

/**
 * Keys from a list `id=reference,id=reference` (`file:/path` or `env:NAME`, each 32 bytes in base64). The first one writes, all of them
 * read: a new key goes to the front, an old one stays as long as a history may need it.
 *
 * @throws Failure `InvalidConfiguration`
 */
export function parsePayloadKeys(list: string | undefined): PayloadKeys {
  const entries = (list ?? '').split(',').filter(Boolean).map(parseEntry);
  const references = new Map(entries);
  const twice = entries.find(([id], index) => entries.findIndex(([other]) => other === id) !== index);
  if (twice !== undefined) {
    throw new Failure(
      'InvalidConfiguration',
      `Reading FLEETGRAPH_PAYLOAD_KEYS: the id ${twice[0]} stands there twice.`,
    );
  }
  const loaded = new Map<string, KeyObject>();
  const read = async (id: string): Promise<KeyObject> => {
    const known = loaded.get(id);
    if (known !== undefined) return known;
    const reference = references.get(id);
    if (reference === undefined) throw keyMissing(id, [...references.keys()]);
    const key = await importKey(reference);
    loaded.set(id, key);
    return key;
  };
  return {
    writing: references.keys().next().value ?? null,
    read,
    check: async () => void (await Promise.all([...references.keys()].map(read))),
  };
}

function parseEntry(entry: string): [id: string, reference: string] {
  const [, id, reference] = ENTRY.exec(entry.trim()) ?? [];
  if (id !== undefined && reference !== undefined) return [id, reference];
  // The entry may be a key that was put in by mistake, so the message does not repeat it.
  throw new Failure(
    'InvalidConfiguration',
    'Reading FLEETGRAPH_PAYLOAD_KEYS: an entry is not of the form `id=file:/path` or `id=env:NAME`. Name where each key lies, never the key.',
  );
}

async function importKey(reference: string): Promise<KeyObject> {
  const text = (await readSecret(reference)).toString('latin1').trim();
  const bytes = Buffer.from(text, 'base64');
  // Node ignores characters that are not base64, so only the exact text is accepted.
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text) {
    throw new Failure(
      'InvalidConfiguration',
      `Reading the payload key ${reference}: it is not ${KEY_BYTES} bytes in base64. Make one with \`openssl rand -base64 ${KEY_BYTES}\`.`,
    );
  }
  return createSecretKey(bytes);
}

function keyMissing(id: string, known: string[]): Failure {
  const has = known.length === 0 ? 'no key' : `the keys ${known.join(', ')}`;
  return new Failure(
    'PayloadKeyMissing',
    `Reading a payload from Temporal: it is encrypted with the key ${JSON.stringify(id)}, and this process has ${has}. Add that key to FLEETGRAPH_PAYLOAD_KEYS and restart.`,
  );
}
