import { once } from 'node:events';
import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type Row = Record<string, unknown>;

export interface OdataService {
  url: string;
  /** When the last answer had been sent, by performance.now(). */
  lastAnswerAt(): number;
  /** Replaces what is published. */
  publish(sets: Record<string, Row[]>): void;
  close(): Promise<void>;
}

/**
 * Starts a V4 service with pages rendered beforehand, so that a measurement contains the client's work and nearly none of the server's.
 * `delayMs`: how long the service waits before each answer.
 */
export async function startOdataService(pageSize: number, { delayMs = 0 } = {}): Promise<OdataService> {
  let answers = new Map<string, Buffer>();
  let lastAnswerAt = 0;
  const answer: RequestListener = (request, response) => {
    const [path = '', search = ''] = decodeURIComponent(request.url ?? '').split('?');
    const set = path.split('/')[1] ?? '';
    const skip = /\$skip=([0-9]+)/.exec(search)?.[1] ?? '0';
    const body = answers.get(path.endsWith('/$count') ? `${set} count` : `${set} ${skip}`);
    response.on('finish', () => (lastAnswerAt = performance.now()));
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json', 'odata-version': '4.0' });
    response.end(body);
  };
  const server = createServer(
    delayMs === 0 ? answer : (request, response) => void setTimeout(answer, delayMs, request, response),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lastAnswerAt: () => lastAnswerAt,
    publish: (sets) => (answers = rendered(sets, pageSize)),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function rendered(sets: Record<string, Row[]>, pageSize: number): Map<string, Buffer> {
  const answers = new Map<string, Buffer>();
  for (const [set, rows] of Object.entries(sets)) {
    answers.set(`${set} count`, Buffer.from(String(rows.length)));
    for (let skip = 0; skip === 0 || skip < rows.length; skip += pageSize) {
      const page = { '@odata.context': `$metadata#${set}`, value: rows.slice(skip, skip + pageSize) };
      answers.set(`${set} ${skip}`, Buffer.from(JSON.stringify(page)));
    }
  }
  return answers;
}

/** `records` rows: stops, routes and flights in the ratio 1 : 1 : 3, under the names of the default mapping. */
export function network(records: number): Record<string, Row[]> {
  const stops = Math.max(2, Math.floor(records / 5));
  const id = (kind: string, n: number) => `${kind}-${String(n).padStart(7, '0')}`;
  const at = (minute: number) => new Date(Date.UTC(2027, 0, 1) + minute * 60_000).toISOString();
  const Stops = Array.from({ length: stops }, (_, n) => ({
    Id: id('stop', n),
    Name: `Остановка № ${n}`,
    CityName: `Город ${n % 60}`,
    Latitude: 56 + (n % 1_000) / 100,
    Longitude: 110 + (n % 997) / 20,
  }));
  const Routes = Array.from({ length: stops }, (_, n) => ({
    Id: id('route', n),
    Name: `${n} → ${(n * 7 + 1) % stops}`,
    FromStopId: id('stop', n),
    ToStopId: id('stop', (n * 7 + 1) % stops),
    TransportType: 'BUS',
    DurationMinutes: 10 + (n % 600),
    DistanceKm: 1 + (n % 900) / 2,
    FareRub: 150.5,
  }));
  const Flights = Array.from({ length: records - 2 * stops }, (_, n) => ({
    Id: id('flight', n),
    RouteId: id('route', n % stops),
    FromStopId: id('stop', n % stops),
    ToStopId: id('stop', ((n % stops) * 7 + 1) % stops),
    DepartureAt: at(n),
    ArrivalAt: at(n + 10 + (n % 600)),
    AvailableSeats: 50,
  }));
  return { Stops, Routes, Flights };
}
