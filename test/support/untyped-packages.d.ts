// The part of a package without types that the tests use.

declare module 'simple-odata-server' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  interface Query {
    $filter: Record<string, unknown>;
    $sort?: Record<string, 1 | -1>;
    $skip?: number;
    $limit?: number;
    /** The request was for `/$count`. */
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
