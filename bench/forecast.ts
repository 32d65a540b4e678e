import { type Hourly, ROW_FORECASTS, type RowForecast } from './row-forecasts.ts';
import { count } from '../src/cli/figures.ts';
import { plainTable } from '../src/cli/run-table.ts';
import { type RealPosition, readCapmetrics } from '../src/emulators/capmetrics.ts';

export const FORECAST_DAYS = 1;

interface Errors {
  name: string;
  /** Sums over all vehicles and hours that were held back. */
  perVehicle: number;
  perRun: number;
}

/**
 * How far off forecasts of a real fleet's rows are. A run an hour is taken for granted: the last days are gone through hour by hour, and each
 * forecast knows only what came before. No servers are needed.
 */
export async function forecastRows({ folder, days }: { folder: string; days: number }): Promise<void> {
  const positions = await readCapmetrics(folder, Number.POSITIVE_INFINITY);
  const fleet = byHour(positions);
  const dates = [...new Set(fleet.hours.map(dayOf))];
  if (dates.length <= days) {
    throw new Error(
      `Holding back the last ${days} days of ${folder}: positions of ${dates.length} days were found there, and some must be left to learn from. Give more files, or a smaller --days.`,
    );
  }
  const heldBack = new Set(dates.slice(-days));
  const first = fleet.hours.findIndex((hour) => heldBack.has(dayOf(hour)));
  const truth = sumRows(fleet, first);
  console.log(
    `rows: ${count(positions.length)} real positions of ${fleet.vehicles.length} vehicles on ${dates.length} days; held back: ${days} days, ${fleet.hours.length - first} runs, ${count(truth)} rows`,
  );
  const errors = ROW_FORECASTS.map((forecast) => errorsOf(forecast, fleet, first));
  const share = (rows: number): string => `${((100 * rows) / truth).toFixed(1)} %`;
  const runs = (fleet.hours.length - first) * fleet.vehicles.length;
  const lines = errors.map(({ name, perVehicle, perRun }) => [
    name,
    (perVehicle / runs).toFixed(2),
    share(perVehicle),
    share(perRun),
  ]);
  const heads = ['forecast', 'rows off, mean of a vehicle and run', 'of its rows', 'of a run’s rows'];
  console.log(`\n${plainTable(heads, lines)}`);
}

interface HourlyFleet {
  hours: number[];
  vehicles: string[];
  /** By vehicle and hour. */
  rows: Map<string, number[]>;
}

/** An hour without a row of anybody is one in which nothing was recorded: these files have such gaps, and a feed that stands still says nothing of a fleet. */
function byHour(positions: RealPosition[]): HourlyFleet {
  const hours = [...new Set(positions.map(({ localTime }) => hourOf(localTime)))].sort((a, b) => a - b);
  const indexOf = new Map(hours.map((hour, index) => [hour, index]));
  const rows = new Map<string, number[]>();
  for (const { vehicleId, localTime } of positions) {
    const own = rows.get(vehicleId) ?? hours.map(() => 0);
    own[indexOf.get(hourOf(localTime))!]! += 1;
    rows.set(vehicleId, own);
  }
  return { hours, vehicles: [...rows.keys()].sort(), rows };
}

function errorsOf({ name, expect }: RowForecast, { hours, vehicles, rows }: HourlyFleet, first: number): Errors {
  let [perVehicle, perRun] = [0, 0];
  for (let index = first; index < hours.length; index += 1) {
    let off = 0;
    for (const vehicle of vehicles) {
      const own = rows.get(vehicle)!;
      const known: Hourly = { hours: hours.slice(0, index), rows: own.slice(0, index) };
      const error = expect(known, hours[index]!) - own[index]!;
      perVehicle += Math.abs(error);
      off += error;
    }
    perRun += Math.abs(off);
  }
  return { name, perVehicle, perRun };
}

const sumRows = ({ rows }: HourlyFleet, first: number): number =>
  [...rows.values()].reduce((sum, own) => own.slice(first).reduce((total, each) => total + each, sum), 0);

const hourOf = (localTime: string): number => Math.floor(Date.parse(`${localTime.replace(' ', 'T')}Z`) / 3_600_000);
const dayOf = (hour: number): number => Math.floor(hour / 24);
