import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { bearerToken } from '../../src/codec-server/bearer-token.ts';
import { createCodecServer } from '../../src/codec-server/codec-server.ts';
import { EncryptingCodec } from '../../src/connections/payload-codec.ts';
import { parsePayloadKeys } from '../../src/connections/payload-keys.ts';

const ORIGIN = 'https://temporal.example.org';
const TOKEN = randomBytes(24).toString('hex');
const CLEAR = { metadata: { encoding: base64('json/plain') }, data: base64('{"label":"bus-17"}') };

let server: Server;
let url: string;
const lines: string[] = [];

beforeAll(async () => {
  process.env.TEST_PAYLOAD_KEY = randomBytes(32).toString('base64');
  process.env.TEST_CODEC_TOKEN = TOKEN;
  server = createCodecServer({
    codec: new EncryptingCodec({ keys: parsePayloadKeys('k1=env:TEST_PAYLOAD_KEY'), strict: false }),
    authorize: await bearerToken('env:TEST_CODEC_TOKEN'),
    origin: ORIGIN,
    maxBodyBytes: 10_000,
    logger: pino({}, { write: (line: string) => lines.push(line) }),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

const ask = (path: string, body: string | object, headers: Record<string, string> = AUTHORIZED, method = 'POST') =>
  fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  });

type Encoded = { payloads: (typeof CLEAR)[] };
const encode = async (...payloads: (typeof CLEAR)[]): Promise<Encoded> =>
  (await (await ask('/encode', { payloads })).json()) as Encoded;

test('encodes, and decodes what it encoded, in the shape it came in', async () => {
  const encoded = await encode(CLEAR, CLEAR);
  expect(encoded.payloads).toHaveLength(2);
  expect(JSON.stringify(encoded)).not.toContain(CLEAR.data);
  expect(encoded.payloads[0]!.metadata.encoding).toBe(base64('binary/encrypted'));
  const decoded = await ask('/decode', encoded);
  expect(decoded.headers.get('cache-control')).toBe('no-store');
  expect(await decoded.json()).toEqual({ payloads: [CLEAR, CLEAR] });
});

test('passes what is not encrypted', async () => {
  expect(await (await ask('/decode', { payloads: [CLEAR] })).json()).toEqual({ payloads: [CLEAR] });
});

describe('nothing is answered to whom it does not know', () => {
  test.each([
    ['nobody', {}],
    ['another token', { authorization: `Bearer ${randomBytes(24).toString('hex')}` }],
    ['a part of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['an empty cookie', { cookie: 'codec-token=' }],
    ['a cookie of another name', { cookie: `other-codec-token=${TOKEN}` }],
  ])('%s', async (_, headers) => {
    for (const path of ['/decode', '/encode']) {
      const response = await ask(path, { payloads: [CLEAR] }, headers as unknown as Record<string, string>);
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain(CLEAR.data);
    }
  });

  test('the cookie of a Web UI without a login is known', async () => {
    expect((await ask('/decode', { payloads: [CLEAR] }, { cookie: `a=b; codec-token=${TOKEN}` })).status).toBe(200);
  });

  test('a token that was exchanged counts at once', async () => {
    process.env.TEST_CODEC_TOKEN = randomBytes(24).toString('hex');
    expect((await ask('/decode', { payloads: [] })).status).toBe(401);
    process.env.TEST_CODEC_TOKEN = TOKEN;
    expect((await ask('/decode', { payloads: [] })).status).toBe(200);
  });

  test('a token that could be guessed is refused at the start', async () => {
    process.env.TEST_SHORT_TOKEN = 'secret';
    await expect(bearerToken('env:TEST_SHORT_TOKEN')).rejects.toMatchObject({ code: 'InvalidConfiguration' });
    await expect(bearerToken('env:TEST_NO_TOKEN')).rejects.toMatchObject({ code: 'SecretUnavailable' });
  });
});

describe('pages', () => {
  test('the preflight of the Web UI is answered for its origin', async () => {
    const response = await ask('/decode', '', { origin: ORIGIN, 'access-control-request-method': 'POST' }, 'OPTIONS');
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Namespace',
      vary: 'Origin',
    });
  });

  test.each(['https://evil.example', `${ORIGIN}.evil.example`, 'http://temporal.example.org', 'null'])(
    'of %s may not ask, with the token neither',
    async (origin) => {
      for (const method of ['OPTIONS', 'POST']) {
        const response = await ask('/decode', { payloads: [CLEAR] }, { ...AUTHORIZED, origin }, method);
        expect(response.status).toBe(403);
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
      }
    },
  );
});

test.each([
  ['no JSON', '{', 400],
  ['no payloads', {}, 400],
  ['payloads that are none', { payloads: 'x' }, 400],
  ['a payload that is none', { payloads: [7] }, 400],
  ['too much', { payloads: [{ data: 'A'.repeat(20_000) }] }, 413],
])('%s is refused', async (_, body, status) => {
  expect((await ask('/decode', body as object)).status).toBe(status);
});

test('what it cannot open is a typed error, and not a failed server', async () => {
  const { payloads } = await encode(CLEAR);
  const altered = Buffer.from(payloads[0]!.data, 'base64');
  altered[20]! ^= 1;
  const response = await ask('/decode', { payloads: [{ ...payloads[0], data: altered.toString('base64') }] });
  expect([response.status, await response.json()]).toEqual([
    400,
    expect.objectContaining({ code: 'PayloadUnreadable' }),
  ]);
});

test('other ways and methods', async () => {
  expect((await ask('/', {})).status).toBe(404);
  expect((await ask('/decode', '', AUTHORIZED, 'GET')).status).toBe(405);
  expect((await ask('/constructor', {})).status).toBe(404);
});

test('who asked for how much is logged, and never what', () => {
  const log = lines.join('');
  expect(log).toContain('"work":"decode"');
  expect([log.includes(TOKEN), log.includes('bus-17'), log.includes(CLEAR.data)]).toEqual([false, false, false]);
});
