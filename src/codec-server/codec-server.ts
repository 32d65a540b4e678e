import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { Payloads } from '../connections/payload-proto.ts';
import { Failure } from '../errors.ts';
import type { Logger } from '../logger.ts';

const ROUTES = { '/encode': 'encode', '/decode': 'decode' } as const;

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Who asks, or null: refused. */
  authorize(request: IncomingMessage): Promise<string | null>;
  /** The Web UI's origin, the only one whose pages may ask: `https://temporal.example.org`. */
  origin: string | null;
  maxBodyBytes: number;
  logger: Logger;
}

/**
 * Temporal's codec endpoint, as the Web UI and `temporal --codec-endpoint` ask it: POST /encode and /decode with
 * `{"payloads":[{"metadata":{"encoding":"…base64"},"data":"…base64"}]}`, answered in the same shape. Nothing is answered to whom
 * `authorize` does not know.
 */
export function createCodecServer(options: CodecServerOptions): Server {
  return createServer((request, response) => {
    void answer(options, request, response).catch((error: unknown) => {
      options.logger.error({ err: error }, 'the codec server failed');
      refuse(response, 500, 'it failed; its log says why');
    });
  });
}

async function answer(options: CodecServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://codec');
  if (!allowOrigin(options, request, response)) return refuse(response, 403, 'pages of this origin may not ask');
  if (request.method === 'OPTIONS') return void response.writeHead(204).end();
  if (!Object.hasOwn(ROUTES, pathname)) return refuse(response, 404, 'there are POST /encode and POST /decode');
  if (request.method !== 'POST') return refuse(response, 405, 'ask by POST');
  const actor = await options.authorize(request);
  if (actor === null) {
    response.setHeader('www-authenticate', 'Bearer');
    return refuse(response, 401, 'send the header `Authorization: Bearer <token>`');
  }
  const body = await readBody(request, options.maxBodyBytes);
  if (body === null) return refuse(response, 413, `the body is larger than ${options.maxBodyBytes} bytes`);
  const payloads = parse(body);
  if (payloads === null) return refuse(response, 400, 'the body is not {"payloads":[…]} as the Web UI sends it');
  const work = ROUTES[pathname as keyof typeof ROUTES];
  options.logger.info({ actor, work, payloads: payloads.length, namespace: request.headers['x-namespace'] }, 'asked');
  try {
    const result = await options.codec[work](payloads);
    send(response, 200, Payloads.toObject(Payloads.fromObject({ payloads: result }), { bytes: String }));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    send(response, 400, { code: error.code, message: error.message });
  }
}

/** Without an origin header it is no page that asks. */
function allowOrigin({ origin }: CodecServerOptions, request: IncomingMessage, response: ServerResponse): boolean {
  const asking = request.headers.origin;
  if (asking === undefined) return true;
  response.setHeader('vary', 'Origin');
  if (asking !== origin) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', 'Authorization, Content-Type, X-Namespace');
  response.setHeader('access-control-max-age', '600');
  return true;
}

/** null: it is too large. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return null;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** null: it is none of ours. */
function parse(body: string): Payload[] | null {
  try {
    const given = JSON.parse(body) as { payloads?: unknown };
    if (!Array.isArray(given?.payloads)) return null;
    return Payloads.fromObject(given).payloads;
  } catch {
    return null;
  }
}

const refuse = (response: ServerResponse, status: number, message: string): void => send(response, status, { message });

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
