import { z } from 'zod';
import { readSecret } from '../../../connections/secrets.ts';
import { Failure } from '../../../errors.ts';
import { DEFAULT_ODATA_MAPPING, type OdataMapping, parseOdataMapping } from '../../../settings/odata-mapping.ts';

export interface ConfiguredMapping {
  mapping: OdataMapping;
  /** Somebody wrote this mapping. A property that the source lacks is then a mistake; in the default mapping it may be optional. */
  explicit: boolean;
}

/** Reads the mapping that the setting `odata.mapping` names. Errors: InvalidConfiguration, when its file cannot be read or used. */
export async function readMapping(setting: string): Promise<ConfiguredMapping> {
  if (setting === '') return { mapping: DEFAULT_ODATA_MAPPING, explicit: false };
  try {
    const json = setting.startsWith('file:') ? (await readSecret(setting)).toString('utf8') : setting;
    return { mapping: parseOdataMapping(json), explicit: true };
  } catch (error) {
    const found = error instanceof z.ZodError ? `\n${z.prettifyError(error)}` : ` ${String(error)}`;
    throw new Failure('InvalidConfiguration', `Reading transport_graph.odata.mapping:${found}`, { cause: error });
  }
}
