import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  /** Signs what follows; the others are PEM files, each with its key. */
  authority: string;
  server: { crt: string; key: string };
  client: { crt: string; key: string };
  /** Signed by nobody the server knows. */
  stranger: { crt: string; key: string };
}

/** The server's certificate names this, and no address: a client must be told whom to expect. */
export const SERVER_NAME = 'temporal.internal';

export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const make = (name: string, subject: string, ...more: string[]): { crt: string; key: string } => {
    const files = { crt: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
    const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj ${subject}`.split(
      ' ',
    );
    execFileSync('openssl', [...request, '-keyout', files.key, '-out', files.crt, ...more], { stdio: 'pipe' });
    return files;
  };
  const authority = make('authority', '/CN=test-authority');
  const signed = ['-CA', authority.crt, '-CAkey', authority.key, '-addext', 'basicConstraints=critical,CA:FALSE'];
  return {
    authority: authority.crt,
    server: make('server', `/CN=${SERVER_NAME}`, ...signed, '-addext', `subjectAltName=DNS:${SERVER_NAME}`),
    client: make('client', '/CN=fleetgraph-worker', ...signed, '-addext', 'extendedKeyUsage=clientAuth'),
    stranger: make('stranger', '/CN=stranger', '-addext', 'extendedKeyUsage=clientAuth'),
  };
}
