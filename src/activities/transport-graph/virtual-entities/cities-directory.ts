import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Failure } from '../../../errors.ts';
import { isTimeZone } from '../../../settings/time-zone.ts';
import { normalizeCityName } from './normalize-city-name.ts';

const citySchema = z.strictObject({
  name: z.string().trim().min(1),
  /** Other spellings that a source may use. */
  aliases: z.array(z.string().min(1)).default([]),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  timeZone: z.string().refine(isTimeZone, 'not an IANA time zone'),
  population: z.number().int().nonnegative(),
  /** Where the row comes from. */
  source: z.string().min(1),
});
const directorySchema = z.looseObject({ cities: z.array(citySchema).min(1) });

export interface City extends z.infer<typeof citySchema> {
  /** The name as it stands in the virtual stop's id. */
  normalizedName: string;
}

export interface CitiesDirectory {
  cities: City[];
  /** SHA-256 of the file. It is part of what decides whether anything has to be generated. */
  sha256: string;
}

const OWN_FILE = fileURLToPath(new URL('../../../../data/cities/sakha.json', import.meta.url));

/** Reads `file`, or the directory that comes with fleetgraph when `file` is empty. Errors: CitiesInvalid. */
export async function readCities(file: string): Promise<CitiesDirectory> {
  const path = file === '' ? OWN_FILE : file;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new Failure('CitiesInvalid', `Reading the cities directory ${path}: ${error.message}.`, { cause: error });
  });
  return parseCities(text, path);
}

const cache = new Map<string, CitiesDirectory>();

/** Parses the directory once per content. The file itself is read each time, so that a change is seen without a restart. */
export function parseCities(text: string, path: string): CitiesDirectory {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const known = cache.get(sha256);
  if (known !== undefined) return known;
  const parsed = directorySchema.safeParse(parseJson(text, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Failure('CitiesInvalid', `The cities directory ${path}: ${issue!.path.join('.')}: ${issue!.message}.`);
  }
  const cities = parsed.data.cities.map((city) => ({ ...city, normalizedName: normalizeCityName(city.name) }));
  refuseCollisions(cities, path);
  const directory = { cities, sha256 };
  cache.clear();
  cache.set(sha256, directory);
  return directory;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new Failure('CitiesInvalid', `The cities directory ${path} is no JSON.`, { cause: error });
  }
}

function refuseCollisions(cities: City[], path: string): void {
  const taken = new Map<string, City>();
  for (const city of cities) {
    if (city.normalizedName === '') {
      throw new Failure('CitiesInvalid', `The cities directory ${path}: nothing of “${city.name}” is left in an id.`);
    }
    for (const name of new Set([city.normalizedName, ...city.aliases.map(normalizeCityName)])) {
      const other = taken.get(name);
      if (other !== undefined) {
        throw new Failure(
          'CitiesInvalid',
          `The cities directory ${path}: “${other.name}” and “${city.name}” are both “${name}” when normalised. Rename one.`,
        );
      }
      taken.set(name, city);
    }
  }
}
