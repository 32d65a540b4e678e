import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { EncryptingCodec } from '../../src/connections/payload-codec.ts';
import { parsePayloadKeys } from '../../src/connections/payload-keys.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'payload-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a key file and returns its entry in FLEETGRAPH_PAYLOAD_KEYS. */
function key(id: string, bytes = randomBytes(32)): string {
  const file = join(folder, randomBytes(6).toString('hex'));
  writeFileSync(file, `${bytes.toString('base64')}\n`);
  return `${id}=file:${file}`;
}
const codecOf = (list: string, strict = false) => new EncryptingCodec({ keys: parsePayloadKeys(list), strict });
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload): unknown => defaultPayloadConverter.fromPayload(payload);
const keyIdOf = ({ metadata }: Payload): string => Buffer.from(metadata?.['encryption-key-id'] ?? []).toString();

describe('what was encrypted', () => {
  test('comes back as it was, whatever it is', async () => {
    const codec = codecOf(key('k1'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 4 }), async (values) => {
        const sealed = await codec.encode(values.map(payloadOf));
        const opened = await codec.decode(sealed);
        expect(JSON.stringify(opened.map(valueOf))).toBe(JSON.stringify(values));
      }),
    );
  });

  test('shows nothing of itself, and never looks the same twice', async () => {
    const codec = codecOf(key('k1'));
    const payloads = Array.from({ length: 200 }, () => payloadOf({ label: 'bus-17' }));
    const sealed = await codec.encode(payloads);
    for (const each of sealed) {
      expect(Buffer.from(each.data!).includes('bus-17')).toBe(false);
      expect(Object.keys(each.metadata!).toSorted()).toEqual(['encoding', 'encryption-cipher', 'encryption-key-id']);
    }
    expect(new Set(sealed.map(({ data }) => Buffer.from(data!).toString('hex').slice(0, 24))).size).toBe(200);
  });

  test('is not encrypted a second time', async () => {
    const codec = codecOf(key('k1'));
    const [once] = await codec.encode([payloadOf('x')]);
    expect(await codec.encode([once!])).toEqual([once]);
  });

  test('is refused after a change of any byte of it, of its key id and of its cipher', async () => {
    const one = key('k1');
    // The same bytes under a second id: only the authenticated id tells them apart.
    const codec = codecOf(`${one},k2=${one.slice('k1='.length)}`);
    const [sealed] = await codec.encode([payloadOf('17')]);
    for (let index = 0; index < sealed!.data!.length; index += 1) {
      const data = Buffer.from(sealed!.data!);
      data[index]! ^= 1;
      await expect(codec.decode([{ ...sealed, data }])).rejects.toMatchObject({ code: 'PayloadUnreadable' });
    }
    for (const [name, value] of [
      ['encryption-key-id', 'k2'],
      ['encryption-cipher', 'AES-256-GCM/2'],
    ] as const) {
      const metadata = { ...sealed!.metadata, [name]: Buffer.from(value) };
      await expect(codec.decode([{ ...sealed, metadata }])).rejects.toMatchObject({ code: 'PayloadUnreadable' });
    }
    for (const data of [Buffer.alloc(0), Buffer.from(sealed!.data!).subarray(0, 20)]) {
      await expect(codec.decode([{ ...sealed, data }])).rejects.toMatchObject({ code: 'PayloadUnreadable' });
    }
  });

  test('is refused with a typed error by who has another key, or none', async () => {
    const [sealed] = await codecOf(key('k1')).encode([payloadOf('17')]);
    await expect(codecOf(key('k1')).decode([sealed!])).rejects.toMatchObject({ code: 'PayloadUnreadable' });
    await expect(codecOf(key('k2')).decode([sealed!])).rejects.toMatchObject({
      code: 'PayloadKeyMissing',
      message: expect.stringMatching(/"k1".*the keys k2/),
    });
    await expect(codecOf('').decode([sealed!])).rejects.toMatchObject({ code: 'PayloadKeyMissing' });
  });
});

test('rotation: the first key writes, all of them read, and one that is gone is missed', async () => {
  const [old, fresh] = [key('2026-05'), key('2026-11')];
  const [before] = await codecOf(old).encode([payloadOf('a')]);
  const during = codecOf(`${fresh},${old}`);
  const [after] = await during.encode([payloadOf('b')]);
  expect([before, after].map((each) => keyIdOf(each!))).toEqual(['2026-05', '2026-11']);
  expect((await during.decode([before!, after!])).map(valueOf)).toEqual(['a', 'b']);
  // The other order: a process that was not told yet which one writes reads both all the same.
  expect((await codecOf(`${old},${fresh}`).decode([before!, after!])).map(valueOf)).toEqual(['a', 'b']);
  await expect(codecOf(fresh).decode([before!])).rejects.toMatchObject({ code: 'PayloadKeyMissing' });
});

describe('in the clear', () => {
  test('a process without keys writes so, and everybody reads it, because histories may have begun so', async () => {
    const [clear] = await codecOf('').encode([payloadOf('x')]);
    expect(clear).toEqual(payloadOf('x'));
    expect((await codecOf(key('k1')).decode([clear!])).map(valueOf)).toEqual(['x']);
  });

  test('it is refused where that is asked for', async () => {
    const codec = codecOf(key('k1'), true);
    await expect(codec.decode([payloadOf('x')])).rejects.toMatchObject({ code: 'PayloadNotEncrypted' });
    expect((await codec.decode(await codec.encode([payloadOf('x')]))).map(valueOf)).toEqual(['x']);
  });
});

describe('the list of keys', () => {
  test.each(['k1', 'k1=', `k1=${randomBytes(32).toString('base64')}`, '=file:/x', 'k1=file:relative', 'k 1=file:/x'])(
    'refuses %s and does not repeat it',
    (list) => {
      expect(() => parsePayloadKeys(list)).toThrow(
        expect.objectContaining({ code: 'InvalidConfiguration', message: expect.not.stringContaining(list) }),
      );
    },
  );

  test('refuses the same id twice', () => {
    expect(() => parsePayloadKeys(`${key('k1')},${key('k1')}`)).toThrow(
      expect.objectContaining({ code: 'InvalidConfiguration', message: expect.stringContaining('k1') }),
    );
  });

  test.each([
    ['16 bytes', randomBytes(16).toString('base64')],
    ['hex', randomBytes(32).toString('hex')],
    ['a text with something after it', `${randomBytes(32).toString('base64')} x`],
    ['nothing', ''],
  ])('refuses %s as a key, naming the place and not the content', async (_, content) => {
    const file = join(folder, 'no-key');
    writeFileSync(file, content);
    const failure = await parsePayloadKeys(`k1=file:${file}`)
      .check()
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'InvalidConfiguration', message: expect.stringContaining(file) });
    if (content !== '') expect(String(failure).includes(content)).toBe(false);
  });

  test('names a key that cannot be read', async () => {
    await expect(parsePayloadKeys('k1=file:/nowhere/key').check()).rejects.toMatchObject({ code: 'SecretUnavailable' });
  });
});
