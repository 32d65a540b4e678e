import { afterEach, expect, test } from '@jest/globals';
import type { OdataOptions } from '../../../src/connections/odata/odata-options.ts';
import { type SetRequest, openOdataSource } from '../../../src/connections/odata/odata-source.ts';
import {
  type EmulatedDialect,
  type EmulatedSource,
  refuse,
  startOdataSource,
} from '../../../src/emulators/odata-source.ts';

let source: EmulatedSource | undefined;
afterEach(async () => {
  await source?.close();
  source = undefined;
});

const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ Id: String(n).padStart(5, '0'), Name: `row ${n}` }));

async function start(
  rows: Record<string, unknown>[],
  dialect: EmulatedDialect = 'v4',
  set = 'Rows',
): Promise<EmulatedSource> {
  source = await startOdataSource({ [set]: rows }, dialect);
  return source;
}

function read(
  options: Partial<OdataOptions> = {},
  request: Partial<SetRequest> = {},
  signal = new AbortController().signal,
) {
  const all: OdataOptions = {
    url: source!.url,
    login: null,
    pageSize: 100,
    maxPages: 50,
    maxPageBytes: 1_000_000,
    maxTotalBytes: 10_000_000,
    requestTimeoutMs: 2_000,
    requestAttempts: 3,
    retryInitialMs: 5,
    retryMaxMs: 2_000,
    ...options,
  };
  const set = { set: 'Rows', key: ['Id'], keyOf: (row: Record<string, unknown>) => String(row['Id']), ...request };
  return openOdataSource(all, signal).readSet(set);
}

const idsOf = (rows: Record<string, unknown>[]) => rows.map((row) => row['Id']);

test.each([
  ['v4', 0],
  ['v4', 37],
  ['v3', 0],
  ['v3', 37],
  ['v2', 37],
  ['1c', 0],
] as const)('%s with server pages of %i rows: every row once, in any stored order', async (dialect, serverPage) => {
  const rows = rowsOf(730);
  const { seen } = Object.assign(await start(rows.toReversed(), dialect), { serverPage });
  const result = await read();
  expect(result.dialect).toBe(dialect);
  expect(idsOf(result.rows)).toEqual(idsOf(rows));
  const pages = seen.filter(({ count, query }) => !count && query.get('$top') !== '1');
  expect(pages.every(({ query }) => query.get('$orderby') === 'Id')).toBe(true);
  expect(result.pages).toHaveLength(pages.length);
  expect(seen.filter(({ count }) => count)).toHaveLength(2);
});

test('exactly one page, exactly two pages and no rows at all', async () => {
  for (const count of [0, 99, 100, 101, 200]) {
    const { close } = await start(rowsOf(count));
    expect((await read()).rows).toHaveLength(count);
    await close();
  }
  source = undefined;
});

test('a server that ignores $top has given everything', async () => {
  await start(rowsOf(350), '1c');
  source!.ignoresTop = true;
  expect((await read()).rows).toHaveLength(350);
  source!.withoutCount = true;
  expect((await read()).rows).toHaveLength(350);
});

test('a server that gives fewer rows than asked for, without a next link, is asked for the rest', async () => {
  await start(rowsOf(350));
  source!.serverPage = 60;
  source!.nextLink = () => null as unknown as string;
  expect((await read()).rows).toHaveLength(350);
});

test.each(['v4', 'v3'] as const)('%s without /$count is counted by a page of no rows', async (dialect) => {
  await start(rowsOf(120), dialect);
  source!.withoutCount = true;
  expect((await read()).rows).toHaveLength(120);
  const counted = source!.seen.filter(({ query }) => query.get('$top') === '0');
  expect(counted).toHaveLength(2);
});

test('1C: Cyrillic names, %20 and no +, no $inlinecount, a byte order mark before JSON and count', async () => {
  await start(rowsOf(120), '1c', 'Catalog_Остановки');
  source!.withoutCount = false;
  const { rows, dialect } = await read({}, { set: 'Catalog_Остановки', filter: "Name eq 'row 7'" });
  expect(dialect).toBe('1c');
  expect(idsOf(rows)).toEqual(['00007']);
  const asked = source!.seen.map(({ rawUrl }) => rawUrl);
  expect(asked.every((url) => url.includes('/Catalog_%D0%9E%D1%81'))).toBe(true);
  expect(asked.some((url) => url.includes('$filter=Name%20eq%20'))).toBe(true);
  expect(asked.some((url) => /[+]|inlinecount/.test(url))).toBe(false);
});

test('a server that answers XML unless the address says $format=json', async () => {
  await start(rowsOf(120), '1c');
  source!.xmlUnlessFormat = true;
  expect((await read()).rows).toHaveLength(120);
});

test('a login with other letters than ASCII, and its refusal', async () => {
  await start(rowsOf(3), '1c');
  source!.login = { user: 'Обмен', password: 'пароль:1' };
  expect((await read({ login: { user: 'Обмен', password: 'пароль:1' } })).rows).toHaveLength(3);
  await expect(read()).rejects.toMatchObject({
    code: 'OdataAccessDenied',
    message: expect.stringContaining('Идентификация пользователя не выполнена'),
  });
  await expect(read({ login: { user: 'Обмен', password: 'wrong' } })).rejects.toMatchObject({
    message: expect.not.stringContaining('wrong'),
  });
});

test('V4 is asked for exact numbers: an Int64 comes as a text', async () => {
  await start([{ Id: 9_007_199_254_740_993n, Name: 'x' }]);
  expect((await read()).rows[0]).toMatchObject({ Id: '9007199254740993' });
});

test('$select and $expand in the form of each dialect', async () => {
  for (const dialect of ['v4', 'v3'] as const) {
    const { close } = await start([{ Id: '1', City: { Name: 'Якутск', Code: 'x' } }], dialect);
    const { rows } = await read({}, { select: ['Id', 'City/Name'], expand: ['City'] });
    expect(rows[0]).toMatchObject({ Id: '1', City: { Name: 'Якутск' } });
    const selects = source!.seen.map(({ query }) => query.get('$select')).filter((select) => select !== undefined);
    expect(new Set(selects)).toEqual(new Set([dialect === 'v4' ? 'Id' : 'Id,City/Name']));
    await close();
  }
  source = undefined;
});

test.each([
  ['to another host', (): string => 'http://169.254.169.254/latest/meta-data', /leads to http:\/\/169\.254\.169\.254/],
  ['to another port', (link: string) => link.replace(/:\d+/, ':1'), /leads to http:\/\/127\.0\.0\.1:1/],
  ['back to itself', () => source!.seen.at(-1)!.rawUrl, /leads back to a page that was read/],
  ['nowhere', () => 'http://', /is no address/],
])('a next link %s is refused', async (_where, nextLink, found) => {
  await start(rowsOf(100));
  source!.serverPage = 10;
  source!.nextLink = nextLink;
  await expect(read()).rejects.toMatchObject({ code: 'OdataInvalid', message: expect.stringMatching(found) });
});

test('a relative next link is followed as it is', async () => {
  await start(rowsOf(100));
  source!.serverPage = 10;
  source!.nextLink = (link) => link.replace(/^http:\/\/[^/]+\/service\//, '');
  expect((await read()).rows).toHaveLength(100);
});

test('more pages than allowed', async () => {
  await start(rowsOf(100));
  await expect(read({ pageSize: 10, maxPages: 5 })).rejects.toMatchObject({ code: 'OdataTooLarge' });
});

test('an endless answer is cut off at its limit, and so is the whole read', async () => {
  await start(rowsOf(400));
  await expect(read({ pageSize: 400, maxPageBytes: 5_000 })).rejects.toMatchObject({ code: 'OdataTooLarge' });
  await expect(read({ pageSize: 50, maxTotalBytes: 10_000 })).rejects.toMatchObject({ code: 'OdataTooLarge' });
  let sent = 0;
  source!.fault = ({ count }, response) => {
    if (count) return false;
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 32))) sent += 65_536;
    };
    response.on('drain', more);
    more();
    return true;
  };
  await expect(read()).rejects.toMatchObject({ code: 'OdataTooLarge' });
  expect(sent).toBeLessThan(50_000_000);
});

test.each(['added', 'removed'] as const)('a row that is %s while the set is read makes it read again', async (what) => {
  const rows = rowsOf(300);
  await start(rows);
  source!.onPage = (_set, page) => {
    if (page !== 3) return;
    if (what === 'added') rows.unshift({ Id: '-first', Name: 'new' });
    else rows.shift();
  };
  const result = await read();
  expect(idsOf(result.rows)).toEqual(idsOf(rows.toSorted((a, b) => (a.Id < b.Id ? -1 : 1))));
});

test('a row that is added behind our back, before pages that were read, makes the set be read again', async () => {
  const rows = rowsOf(300);
  await start(rows);
  // The first request learns the dialect; the fourth has the last page.
  source!.onPage = (_set, page) => {
    if (page === 4) rows.unshift({ Id: '-first', Name: 'new' });
  };
  expect(idsOf((await read()).rows)).toEqual(idsOf(rows));
});

test('a source that changes all the time is given up, and so is one that gives a row twice', async () => {
  const rows = rowsOf(300);
  await start(rows);
  source!.onPage = () => rows.push({ Id: `z${rows.length}`, Name: 'new' });
  await expect(read()).rejects.toMatchObject({ code: 'OdataTornRead' });
  source!.onPage = null;
  source!.sets['Rows'] = [...rowsOf(10), ...rowsOf(1)];
  await expect(read()).rejects.toMatchObject({ code: 'OdataTornRead', message: expect.stringContaining('twice') });
});

test('a row that is lost between two pages, at an unchanged count, is noticed', async () => {
  await start(rowsOf(300));
  source!.fault = ({ query }, response) => {
    if (query.get('$skip') !== '100') return false;
    // Row 100 has slipped to the page before, which was read already.
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ '@odata.context': 'x', value: rowsOf(300).slice(101, 201) }));
    return true;
  };
  await expect(read()).rejects.toMatchObject({ code: 'OdataTornRead' });
});

test.each([429, 500, 502, 503, 408])('%i is tried again', async (status) => {
  await start(rowsOf(3));
  source!.fault = (_request, response, attempt) => {
    if (attempt > 2) return false;
    refuse(source!, response, status, 'busy', 'later');
    return true;
  };
  expect((await read()).rows).toHaveLength(3);
});

test('a connection that breaks, a cut answer and one that is late are tried again', async () => {
  await start(rowsOf(3));
  source!.fault = ({ count }, response, attempt) => {
    if (count || attempt > 2) return false;
    if (attempt === 1) response.destroy();
    else {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"value":[');
      setTimeout(() => response.destroy(), 10);
    }
    return true;
  };
  expect((await read()).rows).toHaveLength(3);
  source!.fault = ({ count }, _response, attempt) => !count && attempt === 1 && source!.seen.length < 8;
  expect((await read({ requestTimeoutMs: 300 })).rows).toHaveLength(3);
});

test('a source that stays away is unavailable, after exactly as many attempts as allowed', async () => {
  await start(rowsOf(3));
  source!.fault = (_request, response) => {
    refuse(source!, response, 503, 'busy', 'later');
    return true;
  };
  await expect(read()).rejects.toMatchObject({
    code: 'OdataUnavailable',
    retryable: true,
    message: expect.stringMatching(/after 3 attempts; it answered 503 \(busy: later\)/),
  });
  expect(source!.seen).toHaveLength(3);
  await source!.close();
  await expect(read()).rejects.toMatchObject({
    code: 'OdataUnavailable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  source = undefined;
});

test('Retry-After is kept to, and one that is too long ends the attempts', async () => {
  await start(rowsOf(3));
  let wait = '1';
  source!.fault = (_request, response, attempt) => {
    if (attempt > 1) return false;
    response.setHeader('retry-after', wait);
    refuse(source!, response, 429, 'busy', 'later');
    return true;
  };
  const startedAt = performance.now();
  expect((await read({ retryMaxMs: 1_500 })).rows).toHaveLength(3);
  expect(performance.now() - startedAt).toBeGreaterThan(1_900);
  source!.seen.length = 0;
  wait = '120';
  await expect(read({ retryMaxMs: 1_500 })).rejects.toMatchObject({
    code: 'OdataUnavailable',
    message: expect.stringContaining('asks for a wait of 120 s'),
  });
  expect(source!.seen).toHaveLength(1);
});

test.each([
  ['v4', 400, 'OdataRejected'],
  ['v3', 404, 'OdataRejected'],
  ['v2', 501, 'OdataRejected'],
  ['1c', 403, 'OdataAccessDenied'],
] as const)('the refusal of %s with %i is told in its own words, at once', async (dialect, status, code) => {
  await start(rowsOf(3), dialect);
  source!.fault = ({ count }, response) => {
    if (!count) refuse(source!, response, status, '17', 'Недостаточно прав');
    return !count;
  };
  await expect(read()).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`${status} (17: Недостаточно прав)`),
  });
  expect(source!.seen).toHaveLength(1);
});

test('500 with code -1 is 1C’s own program, and is not tried again; in XML too', async () => {
  for (const xmlUnlessFormat of [false, true]) {
    const { close } = Object.assign(await start(rowsOf(3), '1c'), { xmlUnlessFormat });
    source!.fault = (_request, response) => {
      refuse(source!, response, 500, '-1', 'Обработчик отказал');
      return true;
    };
    await expect(read()).rejects.toMatchObject({
      code: 'OdataRejected',
      message: expect.stringContaining('Обработчик отказал'),
    });
    expect(source!.seen).toHaveLength(1);
    await close();
  }
  source = undefined;
});

test('a redirect is not followed: the login would go along', async () => {
  await start(rowsOf(3));
  source!.fault = (_request, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    return true;
  };
  await expect(read()).rejects.toMatchObject({
    code: 'OdataRejected',
    message: expect.stringContaining('It redirects'),
  });
});

test.each([
  ['cut JSON', '{"value":[{"Id":"secret-row"', 'is no complete JSON'],
  ['a page of a proxy', '<html>sign in, secret-row</html>', 'answers XML although it was asked for JSON'],
  ['no rows', '{"value":{"Id":"secret-row"}}', 'has no list of rows'],
  ['rows that are none', '{"value":["secret-row"]}', 'has no list of rows'],
  ['a list', '[]', 'is no JSON object'],
  ['other than UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'is no UTF-8'],
])('%s is invalid, and nothing of it is quoted', async (_what, body, found) => {
  await start(rowsOf(3));
  source!.fault = ({ count }, response) => {
    if (!count) response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    return !count;
  };
  const error = await read().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'OdataInvalid', retryable: false, message: expect.stringContaining(found) });
  expect(String(error)).not.toContain('secret-row');
});

test('cancelling ends a read that hangs', async () => {
  await start(rowsOf(3));
  source!.fault = () => true;
  const controller = new AbortController();
  const reading = read({ requestTimeoutMs: 60_000 }, {}, controller.signal);
  setTimeout(() => controller.abort(new Error('stop')), 50);
  await expect(reading).rejects.toThrow('stop');
});
