import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  /** The authority that signed the two certificates below. All are PEM files, each certificate with its key. */
  authority: string;
  server: { crt: string; key: string };
  client: { crt: string; key: string };
  /** A certificate that the server's authority has not signed. */
  stranger: { crt: string; key: string };
}

/** The name in the server's certificate, unless another is asked for. It has no address, so a client must be told which name to expect. */
export const SERVER_NAME = 'temporal.internal';

/** @param alternativeName of the server, as openssl spells it */
export function makeCertificates(folder: string, alternativeName = `DNS:${SERVER_NAME}`): Certificates {
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
    server: make('server', `/CN=${SERVER_NAME}`, ...signed, '-addext', `subjectAltName=${alternativeName}`),
    client: make('client', '/CN=fleetgraph-worker', ...signed, '-addext', 'extendedKeyUsage=clientAuth'),
    stranger: make('stranger', '/CN=stranger', '-addext', 'extendedKeyUsage=clientAuth'),
  };
}
