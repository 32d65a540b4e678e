import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificates } from './certificates.ts';

const UNAUTHENTICATED = '16';

export interface TlsFront {
  address: string;
  /** The client certificates' common names and the Authorization headers of the accepted calls. */
  seen: { names: Set<string>; authorizations: Set<string> };
  close(): Promise<void>;
}

/** Starts a real TLS front before a Temporal server, as Temporal Cloud has one. It only accepts its client certificates or API keys. */
export async function startTlsFront(
  target: string,
  certificates: Certificates,
  admit: { clientCertificate: true } | { apiKey: string },
): Promise<TlsFront> {
  const upstream = http2.connect(`http://${target}`);
  const asksForCertificate = 'clientCertificate' in admit;
  const server = http2.createSecureServer({
    cert: readFileSync(certificates.server.crt),
    key: readFileSync(certificates.server.key),
    ...(asksForCertificate
      ? { requestCert: true, rejectUnauthorized: true, ca: readFileSync(certificates.authority) }
      : {}),
  });
  const seen: TlsFront['seen'] = { names: new Set(), authorizations: new Set() };
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) =>
    sessions.add(session.on('error', () => {}).on('close', () => sessions.delete(session))),
  );
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if ('apiKey' in admit && headers.authorization !== `Bearer ${admit.apiKey}`) {
      stream.respond({ 'content-type': 'application/grpc', 'grpc-status': UNAUTHENTICATED }, { endStream: true });
      return;
    }
    if (headers.authorization !== undefined) seen.authorizations.add(headers.authorization);
    if (asksForCertificate) {
      const { subject } = (stream.session!.socket as TLSSocket).getPeerCertificate();
      seen.names.add([subject.CN].join());
    }
    forward(upstream, stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      for (const session of sessions) session.destroy();
      upstream.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** gRPC ends a call with trailers, or, without any content, with headers alone. */
function forward(
  upstream: http2.ClientHttp2Session,
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
): void {
  const { ':scheme': _scheme, ':authority': _authority, ...passed } = headers;
  const call = upstream.request(passed);
  let trailers: http2.IncomingHttpHeaders = {};
  call.on('error', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.on('close', () => call.close());
  call.on('response', ({ ':status': _status, ...answer }, flags) => {
    if (stream.destroyed) return;
    const endStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond({ ':status': 200, ...answer }, endStream ? { endStream } : { waitForTrailers: true });
    if (!endStream) call.pipe(stream);
  });
  call.on('trailers', (given) => void (trailers = given));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.pipe(call);
}
