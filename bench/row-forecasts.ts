/** How many rows one vehicle had in each hour that is known so far, the oldest first. Hours are counted from 1970, in the fleet's own time. */
export interface Hourly {
  hours: number[];
  rows: number[];
}

/** Says how many rows a vehicle will have in an hour, from the hours before it. */
export interface RowForecast {
  name: string;
  expect(known: Hourly, hour: number): number;
}

const HOURS_OF_WEEK = 168;
const HOURS_OF_DAY = 24;
/** How much of an EWMA is its newest value. */
const NEWEST = 0.3;
/** A mean of an hour of week weighs as much as that of all the week's same hours of day after so many weeks. */
const SHRINKAGE = 2;

/** From the simplest to the least simple: of those that are as good, the first stays. */
export const ROW_FORECASTS: RowForecast[] = [
  { name: 'same as last time', expect: ({ rows }) => rows.at(-1) ?? 0 },
  { name: 'same hour yesterday', expect: (known, hour) => lastOf(known, hour, HOURS_OF_DAY) },
  { name: 'same hour last week', expect: (known, hour) => lastOf(known, hour, HOURS_OF_WEEK) },
  { name: `EWMA of the hours (${NEWEST})`, expect: ({ rows }) => ewma(rows) },
  { name: `EWMA of the same hour of day (${NEWEST})`, expect: (known, hour) => ewma(same(known, hour, HOURS_OF_DAY)) },
  { name: 'mean by hour of week, shrunk to the hour of day', expect: shrunkMean },
];

/** Of the last day or week that is known; where none is, as last time. */
function lastOf(known: Hourly, hour: number, period: number): number {
  return same(known, hour, period).at(-1) ?? known.rows.at(-1) ?? 0;
}

function shrunkMean(known: Hourly, hour: number): number {
  const ofWeek = same(known, hour, HOURS_OF_WEEK);
  const ofDay = same(known, hour, HOURS_OF_DAY);
  const around = mean(ofDay.length > 0 ? ofDay : known.rows);
  return (sum(ofWeek) + SHRINKAGE * around) / (ofWeek.length + SHRINKAGE);
}

const same = ({ hours, rows }: Hourly, hour: number, period: number): number[] =>
  rows.filter((_, index) => (hour - hours[index]!) % period === 0);

const ewma = (values: number[]): number =>
  values.reduce((mean, value, index) => (index === 0 ? value : mean + NEWEST * (value - mean)), 0);

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
