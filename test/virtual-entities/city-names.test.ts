import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseCities, readCities } from '../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import { normalizeCityName } from '../../src/activities/transport-graph/virtual-entities/normalize-city-name.ts';

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
  for (const { latitude, longitude, timeZone, source, name } of (await readCities('')).cities) {
    expect(latitude).toBeGreaterThan(55.4);
    expect(latitude).toBeLessThan(77);
    expect(longitude).toBeGreaterThan(105.5);
    expect(longitude).toBeLessThan(163);
    expect(['Asia/Yakutsk', 'Asia/Khandyga', 'Asia/Vladivostok', 'Asia/Ust-Nera', 'Asia/Srednekolymsk']).toContain(
      timeZone,
    );
    expect(source.length).toBeGreaterThan(10);
    expect(normalizeCityName(name)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  }
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
