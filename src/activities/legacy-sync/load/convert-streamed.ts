import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { type DumpConverter, createDumpConverter } from '../dump/dump-converter.ts';
import type { ConverterSummary } from '../dump/row-intake.ts';
import type { WorkPace } from './work-pace.ts';
import type { DumpBuffers } from './decompress.ts';
import { readDump } from './read-dump.ts';

export interface StreamedRows {
  manifest: Omit<ExportManifest, 'file' | 'rows'>;
  content: Buffer;
}

export interface RowsOf {
  vehicle: Vehicle;
  server: LegacyServer;
  tableColumns: TableColumn[];
  signal: AbortSignal;
  buffers: DumpBuffers;
  pace?: WorkPace | undefined;
}

/**
 * Converts a small dump in memory as an import would, and stores nothing of it.
 * @throws Failure DumpTruncated, DumpCorrupt, SchemaDrift
 */
export async function convertStreamed(
  { manifest, content }: StreamedRows,
  { vehicle, server, tableColumns, signal, buffers, pace }: RowsOf,
): Promise<{ converter: DumpConverter; summary: ConverterSummary }> {
  const converter = createDumpConverter({
    table: vehicle.table,
    tableColumns,
    vehicleId: vehicle.id,
    legacyVehicleId: vehicle.legacyVehicleId,
    columns: server.columns,
    values: server.values,
    timeZone: server.timeZone,
    fromId: BigInt(manifest.fromId),
    watermark: BigInt(manifest.watermark),
    seenFromId: 0n,
    toId: BigInt(manifest.toId),
    now: Date.now,
  });
  for await (const piece of readDump(content, manifest, { signal, buffers })) {
    converter.write(piece);
    await pace?.(signal, piece.length);
  }
  return { converter, summary: converter.end() };
}
