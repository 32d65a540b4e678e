/**
 * Every failure fleetgraph can name, as the stable code that histories, rows, logs and exit messages carry.
 * `retry: false` means that trying again without a human changes nothing. `infrastructure` failures say nothing about the vehicle:
 * they feed the legacy server's circuit and not the quarantine. docs/errors.md has a section per code; a test holds the two together.
 */
export const FAILURES = {
  // reaching the legacy host
  SshUnreachable: { retry: true, infrastructure: true },
  SshConnectionLost: { retry: true, infrastructure: true },
  SshSessionRefused: { retry: true, infrastructure: true },
  SshAuthRejected: { retry: false, infrastructure: true },
  HostKeyMismatch: { retry: false, infrastructure: true },
  SecretUnavailable: { retry: false, infrastructure: true },
  CircuitOpen: { retry: true, infrastructure: true },
  // on the legacy host
  LegacyDatabaseUnavailable: { retry: true, infrastructure: true },
  LegacyDatabaseAccessDenied: { retry: false, infrastructure: true },
  LegacyQueryFailed: { retry: true, infrastructure: false },
  LegacyToolMissing: { retry: false, infrastructure: true },
  TableMissing: { retry: false, infrastructure: false },
  SchemaDrift: { retry: false, infrastructure: false },
  IdNotUnique: { retry: false, infrastructure: false },
  NoIndexOnVehicle: { retry: false, infrastructure: false },
  VehicleWithoutRows: { retry: false, infrastructure: false },
  SourceReset: { retry: false, infrastructure: false },
  RemoteDiskFull: { retry: true, infrastructure: true },
  ExportFailed: { retry: true, infrastructure: false },
  // the file on its way
  TransferFailed: { retry: true, infrastructure: true },
  TransferStalled: { retry: true, infrastructure: true },
  LocalDiskFull: { retry: true, infrastructure: false },
  DumpTruncated: { retry: true, infrastructure: false },
  DumpCorrupt: { retry: true, infrastructure: false },
  DumpRowCountMismatch: { retry: true, infrastructure: false },
  NotStreamed: { retry: true, infrastructure: false },
  // into PostgreSQL
  DatabaseUnavailable: { retry: true, infrastructure: false },
  DatabaseDiskFull: { retry: true, infrastructure: false },
  ImportFailed: { retry: true, infrastructure: false },
  WatermarkMoved: { retry: true, infrastructure: false },
  QuarantineThresholdExceeded: { retry: false, infrastructure: false },
  // the transport graph
  GraphNoData: { retry: false, infrastructure: false },
  GraphInvalid: { retry: false, infrastructure: false },
  GraphSuperseded: { retry: true, infrastructure: false },
  GraphUnavailable: { retry: true, infrastructure: false },
  RedisUnavailable: { retry: true, infrastructure: false },
  RedisOutOfMemory: { retry: true, infrastructure: false },
  RedisEvictsGraph: { retry: false, infrastructure: false },
  RedisRefused: { retry: false, infrastructure: false },
  CitiesInvalid: { retry: false, infrastructure: false },
  TooManyVirtualRoutes: { retry: false, infrastructure: false },
  // the OData source of the transport graph, and the store of its backups
  OdataUnavailable: { retry: true, infrastructure: false },
  OdataAccessDenied: { retry: false, infrastructure: false },
  OdataRejected: { retry: false, infrastructure: false },
  OdataInvalid: { retry: false, infrastructure: false },
  OdataTooLarge: { retry: false, infrastructure: false },
  OdataTornRead: { retry: true, infrastructure: false },
  DatasetDecisionRefused: { retry: false, infrastructure: false },
  ObjectStoreUnavailable: { retry: true, infrastructure: false },
  ObjectStoreRejected: { retry: false, infrastructure: false },
  // payloads in Temporal
  PayloadKeyMissing: { retry: true, infrastructure: false },
  PayloadUnreadable: { retry: true, infrastructure: false },
  PayloadNotEncrypted: { retry: true, infrastructure: false },
  // the pipeline of the transport graph
  CannotRun: { retry: false, infrastructure: false },
  PipelineStopped: { retry: false, infrastructure: false },
  CustomStageFailed: { retry: true, infrastructure: false },
  // the run itself
  VehicleTimeout: { retry: false, infrastructure: false },
  Cancelled: { retry: false, infrastructure: false },
  EveryVehicleFailed: { retry: false, infrastructure: false },
  EndedByHand: { retry: false, infrastructure: false },
  AlreadyRunning: { retry: true, infrastructure: false },
  NoClaim: { retry: false, infrastructure: false },
  UnknownVehicle: { retry: false, infrastructure: false },
  InvalidSelection: { retry: false, infrastructure: false },
  InvalidSetting: { retry: false, infrastructure: false },
  InvalidConfiguration: { retry: false, infrastructure: false },
  Lost: { retry: true, infrastructure: false },
  Unexpected: { retry: true, infrastructure: false },
  // asked of the API
  InvalidRequest: { retry: false, infrastructure: false },
  Unauthenticated: { retry: false, infrastructure: false },
  Forbidden: { retry: false, infrastructure: false },
  NotFound: { retry: false, infrastructure: false },
  MethodNotAllowed: { retry: false, infrastructure: false },
  WrongState: { retry: false, infrastructure: false },
  RateLimited: { retry: true, infrastructure: false },
  NoWorker: { retry: true, infrastructure: false },
  TemporalUnavailable: { retry: true, infrastructure: false },
} as const satisfies Record<string, { retry: boolean; infrastructure: boolean }>;

export type FailureCode = keyof typeof FAILURES;

/**
 * A failure with a stable code. The message says what was being done, to what, what was found and what to do next;
 * it never holds a secret or a row's content.
 */
export class Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = code;
    this.code = code;
  }

  get retryable(): boolean {
    return FAILURES[this.code].retry;
  }

  get infrastructure(): boolean {
    return FAILURES[this.code].infrastructure;
  }
}

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}
