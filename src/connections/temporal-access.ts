import { existsSync } from 'node:fs';
import { type ConfigDataSource, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { Failure } from '../errors.ts';
import { EncryptingCodec } from './payload-codec.ts';
import { type PayloadKeys, parsePayloadKeys } from './payload-keys.ts';

const DEFAULT_ADDRESS = '127.0.0.1:7233';

type Environment = Record<string, string | undefined>;

export interface TemporalAccess {
  connectionOptions: ReturnType<typeof toClientOptions>['connectionOptions'] & { address: string };
  namespace: string;
  keys: PayloadKeys;
  codec: EncryptingCodec;
}

/**
 * How Temporal is reached and what its payloads are encrypted with; every client and worker of ours is made from this.
 *
 * The way is Temporal's own environment configuration, as its command line reads it: a profile of temporal.toml (TEMPORAL_CONFIG_FILE,
 * TEMPORAL_PROFILE), and over it TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_….
 *
 * @throws Failure `InvalidConfiguration`
 */
export function temporalAccess(environment: Environment = process.env): TemporalAccess {
  const { connectionOptions, namespace } = readConfiguration(environment);
  const keys = parsePayloadKeys(environment.FLEETGRAPH_PAYLOAD_KEYS);
  const strict = readStrict(environment.FLEETGRAPH_PAYLOAD_STRICT);
  return {
    connectionOptions: { ...connectionOptions, address: connectionOptions.address ?? DEFAULT_ADDRESS },
    namespace: namespace ?? 'default',
    keys,
    codec: new EncryptingCodec({ keys, strict }),
  };
}

function readConfiguration(environment: Environment): ReturnType<typeof toClientOptions> {
  try {
    refuseWhatWouldBeIgnored(environment);
    const overrideEnvVars = Object.fromEntries(
      Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
    const profile = loadClientConfigProfile({ overrideEnvVars, configFileStrict: true });
    const { clientCert, clientKey } = profile.tls ?? {};
    if (isGiven(clientCert) !== isGiven(clientKey)) {
      throw new Error('a client certificate needs its key, and a key its certificate');
    }
    return toClientOptions(profile);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new Failure(
      'InvalidConfiguration',
      `Reading how Temporal is reached (temporal.toml, TEMPORAL_*) found: ${found}. \`temporal config get\` shows what the command line makes of it.`,
      { cause: error },
    );
  }
}

function readStrict(value: string | undefined): boolean {
  if (value === 'true') return true;
  if (value === undefined || value === '' || value === 'false') return false;
  throw new Failure('InvalidConfiguration', 'Reading FLEETGRAPH_PAYLOAD_STRICT: it is true or false.');
}

const isGiven = (source: ConfigDataSource | undefined): boolean => source !== undefined;

/** envconfig silently ignores both: a misspelt file name would lead to 127.0.0.1, and this SDK always checks the certificate. */
function refuseWhatWouldBeIgnored({
  TEMPORAL_CONFIG_FILE: file,
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: unchecked,
}: Environment): void {
  if (file !== undefined && !existsSync(file)) throw new Error(`there is no file ${file} (TEMPORAL_CONFIG_FILE)`);
  if (unchecked === 'true' || unchecked === '1') {
    throw new Error(
      'the server’s certificate is always checked (TEMPORAL_TLS_DISABLE_HOST_VERIFICATION); name its authority by TEMPORAL_TLS_SERVER_CA_CERT_PATH',
    );
  }
}
