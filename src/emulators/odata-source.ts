import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type Row = Record<string, unknown>;
export type EmulatedDialect = 'v4' | 'v3' | 'v2' | '1c';

/** A request as the source saw it. */
export interface SeenRequest {
  set: string;
  /** Not decoded, because tests look at the client's encoding. */
  rawUrl: string;
  query: Map<string, string>;
  accept: string;
  authorization: string | undefined;
  count: boolean;
}

/** Runs before a request is answered. It returns `true` when it has answered by itself. */
export type Fault = (request: SeenRequest, response: ServerResponse, attempt: number) => boolean | Promise<boolean>;

export interface EmulatedSource {
  url: string;
  sets: Record<string, Row[]>;
  seen: SeenRequest[];
  dialect: EmulatedDialect;
  /** Rows per page that the server cuts by itself; 0: none. 1C and V2 cut no pages here. */
  serverPage: number;
  login: { user: string; password: string } | null;
  /** 1C and some other servers put a byte order mark in front. */
  byteOrderMark: boolean;
  xmlUnlessFormat: boolean;
  withoutCount: boolean;
  /** The types of properties by set, as `$metadata` tells them; null: there is no such document. */
  types: Record<string, Record<string, string>> | null;
  ignoresTop: boolean;
  fault: Fault | null;
  /** Replaces the next link of a page. */
  nextLink: ((link: string) => string) | null;
  /** Called after each page of rows was made, before it is sent. */
  onPage: ((set: string, page: number) => void) | null;
  close(): Promise<void>;
}

/** Starts an OData server in this process: four dialects as their vendors document them, and faults on demand. */
export async function startOdataSource(
  sets: Record<string, Row[]>,
  dialect: EmulatedDialect = 'v4',
): Promise<EmulatedSource> {
  const server = createServer((request, response) => {
    answer(source, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const root = dialect === '1c' ? '/base/odata/standard.odata' : '/service';
  const source: EmulatedSource = {
    url: `http://127.0.0.1:${port}${root}`,
    sets,
    seen: [],
    dialect,
    serverPage: 0,
    login: null,
    byteOrderMark: dialect === '1c',
    xmlUnlessFormat: false,
    withoutCount: false,
    types: null,
    ignoresTop: false,
    fault: null,
    nextLink: null,
    onPage: null,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return source;
}

async function answer(source: EmulatedSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const seen = readRequest(source, request);
  const attempt = source.seen.filter(({ rawUrl }) => rawUrl === seen.rawUrl).length + 1;
  source.seen.push(seen);
  if (source.login !== null && seen.authorization !== basic(source.login)) {
    refuse(source, response, 401, '0', 'Идентификация пользователя не выполнена');
    return;
  }
  if (await source.fault?.(seen, response, attempt)) return;
  if (seen.set === '$metadata' && source.types !== null) {
    send(source, response, 200, 'application/xml;charset=utf-8', metadataOf(source.types));
    return;
  }
  const rows = source.sets[seen.set];
  if (rows === undefined) {
    refuse(source, response, 404, '8', `Сущность "${seen.set}" не найдена`);
    return;
  }
  if (seen.count) {
    if (source.withoutCount) refuse(source, response, 404, '8', 'no $count here');
    else send(source, response, 200, 'text/plain', String(filtered(rows, seen).length));
    return;
  }
  if (source.xmlUnlessFormat && seen.query.get('$format') !== 'json') {
    send(
      source,
      response,
      200,
      'application/atom+xml',
      '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"/>',
    );
    return;
  }
  sendPage(source, seen, rows, response);
}

function readRequest(source: EmulatedSource, request: IncomingMessage): SeenRequest {
  const rawUrl = request.url ?? '';
  const [path = '', search = ''] = rawUrl.split('?');
  const inside = path.slice(new URL(source.url).pathname.length + 1);
  const [set = '', suffix] = inside.split('/');
  // As in 1C, a `+` is no space.
  const query = new Map(
    search
      .split('&')
      .filter((part) => part !== '')
      .map((part) => part.split('=').map(decodeURIComponent) as [string, string]),
  );
  const { accept = '', authorization } = request.headers;
  return { set: decodeURIComponent(set), rawUrl, query, accept, authorization, count: suffix === '$count' };
}

function sendPage(
  source: EmulatedSource,
  { set, rawUrl, query, accept }: SeenRequest,
  all: Row[],
  response: ServerResponse,
): void {
  const order = query.get('$orderby')?.split(',') ?? [];
  const matching = filtered(all, { query });
  const sorted = order.length === 0 ? matching : matching.toSorted((a, b) => compare(order, a, b));
  const skip = Number(query.get('$skip') ?? 0) + Number(query.get('$skiptoken') ?? 0);
  const inline = query.get('$count') === 'true' || query.get('$inlinecount') === 'allpages';
  // 1C documents that it ignores both when it counts.
  const whole = source.ignoresTop || (source.dialect === '1c' && inline);
  const wanted =
    whole || !query.has('$top') ? Infinity : Number(query.get('$top')) - Number(query.get('$skiptoken') ?? 0);
  const limit = source.serverPage > 0 ? Math.min(wanted, source.serverPage) : wanted;
  const from = whole ? Number(query.get('$skiptoken') ?? 0) : skip;
  const rows = sorted.slice(from, from + limit).map((row) => select(row, query, source.dialect));
  const more = source.serverPage > 0 && limit < wanted && from + limit < sorted.length;
  source.onPage?.(set, source.seen.filter((each) => each.set === set && !each.count).length);
  const done = Number(query.get('$skiptoken') ?? 0) + limit;
  const next = more ? linkTo(source, rawUrl, done) : null;
  const body = envelope(source, set, rows, inline ? sorted.length : null, next);
  const exact = source.dialect === 'v4' && accept.includes('IEEE754Compatible=true');
  send(
    source,
    response,
    200,
    'application/json;charset=utf-8',
    exact ? JSON.stringify(withExactNumbers(body)) : withPlainNumbers(body),
  );
}

function linkTo(source: EmulatedSource, rawUrl: string, token: number): string {
  const clean = rawUrl.replace(/&?\$skiptoken=[0-9]+/, '');
  const link = `${new URL(source.url).origin}${clean}${clean.includes('?') ? '&' : '?'}$skiptoken=${token}`;
  return source.nextLink?.(link) ?? link;
}

function envelope(
  { dialect, url }: EmulatedSource,
  set: string,
  rows: Row[],
  count: number | null,
  next: string | null,
): object {
  const metadata = `${url}/$metadata#${set}`;
  switch (dialect) {
    case 'v4':
      return {
        '@odata.context': metadata,
        ...(count === null ? {} : { '@odata.count': count }),
        value: rows.map((row) => ({ '@odata.etag': 'W/"1"', ...row })),
        ...(next === null ? {} : { '@odata.nextLink': next }),
      };
    case 'v3':
    case '1c':
      return {
        'odata.metadata': metadata,
        ...(count === null ? {} : { 'odata.count': String(count) }),
        value: rows,
        ...(next === null ? {} : { 'odata.nextLink': next }),
      };
    case 'v2':
      return {
        d: {
          ...(count === null ? {} : { __count: String(count) }),
          results: rows.map((row) => ({ __metadata: { uri: `${url}/${set}`, type: set }, ...row })),
          ...(next === null ? {} : { __next: next }),
        },
      };
  }
}

/** A document of V2, whose entity types are named otherwise than their sets. */
function metadataOf(types: Record<string, Record<string, string>>): string {
  const properties = (of: Record<string, string>): string =>
    Object.entries(of)
      .map(([name, type]) => `<Property Name="${name}" Type="${type}" Nullable="false"/>`)
      .join('');
  const sets = Object.entries(types);
  const entityTypes = sets.map(
    ([set, of]) => `<EntityType Name="${set}Type"><Key><PropertyRef Name="Id"/></Key>${properties(of)}</EntityType>`,
  );
  const entitySets = sets.map(([set]) => `<EntitySet Name="${set}" EntityType="Depot.${set}Type"/>`);
  return (
    '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices>' +
    `<Schema Namespace="Depot" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">${entityTypes.join('')}` +
    `<EntityContainer Name="Container">${entitySets.join('')}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>`
  );
}

/** `$select=A,B/C`: V3 and 1C name properties of expanded entities, V4 gives these by `$expand` alone. */
function select(row: Row, query: Map<string, string>, dialect: EmulatedDialect): Row {
  const expanded = query.get('$expand')?.split(',') ?? [];
  const names = query.get('$select')?.split(',') ?? Object.keys(row).filter((name) => !isEntity(row[name]));
  const chosen: Row = {};
  for (const name of [...names, ...(dialect === 'v4' || !query.has('$select') ? expanded : [])]) {
    const [first = '', inner] = name.split('/');
    if (!(first in row)) throw new Error(`no property ${first}`);
    if (inner === undefined) chosen[first] = row[first];
    else if (expanded.includes(first))
      chosen[first] = { ...(chosen[first] as Row), [inner]: (row[first] as Row)?.[inner] };
  }
  return chosen;
}

const isEntity = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** Filters by the one form `Name eq 'value'`. */
function filtered(rows: Row[], { query }: Pick<SeenRequest, 'query'>): Row[] {
  const match = /^(\S+) eq '(.*)'$/.exec(query.get('$filter') ?? '');
  return match === null ? rows : rows.filter((row) => row[match[1]!] === match[2]);
}

function compare(order: string[], a: Row, b: Row): number {
  for (const name of order) {
    const [left, right] = [String(a[name]), String(b[name])];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** With IEEE754Compatible a number of 64 bits, here a bigint, is written as text. */
function withExactNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(withExactNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withExactNumbers(inner)]));
}

/** Without IEEE754Compatible a bigint is written as a number, which JavaScript rounds. */
function withPlainNumbers(body: unknown): string {
  const text = JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? `bigint ${value}` : value));
  return text.replaceAll(/"bigint (-?[0-9]+)"/g, '$1');
}

const basic = ({ user, password }: { user: string; password: string }): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;

/** A refusal in the dialect's own form. */
export function refuse(
  source: EmulatedSource,
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  if (source.dialect === '1c' && source.xmlUnlessFormat) {
    const xml = `<?xml version="1.0" encoding="UTF-8"?><m:error xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><m:code>${code}</m:code><m:message xml:lang="ru">${message}</m:message></m:error>`;
    send(source, response, status, 'application/xml', xml);
    return;
  }
  const body =
    source.dialect === 'v4'
      ? { error: { code, message } }
      : source.dialect === 'v2'
        ? { error: { code, message: { lang: 'ru', value: message } } }
        : { 'odata.error': { code, message: { lang: 'ru', value: message } } };
  send(source, response, status, 'application/json', JSON.stringify(body));
}

function send(source: EmulatedSource, response: ServerResponse, status: number, type: string, text: string): void {
  const version =
    source.dialect === 'v4'
      ? { 'odata-version': '4.0' }
      : { dataserviceversion: source.dialect === 'v2' ? '2.0' : '3.0' };
  response.writeHead(status, { 'content-type': type, ...version });
  response.end(`${source.byteOrderMark ? '\uFEFF' : ''}${text}`);
}
