/** What MySQL keeps of a geometry: four bytes of SRID, and then WKB, always little-endian. */
const SRID_BYTES = 4;
const HEAD_BYTES = SRID_BYTES + 1 + 4;
const LITTLE_ENDIAN = 1;
/** Where the type of the WKB ends, and the flag there by which EWKB says that a SRID follows. */
const FLAG_AT = HEAD_BYTES - 1;
const HAS_SRID = 0x20;

/**
 * Returns the WKB of a geometry as MySQL keeps it, or EWKB when it has a SRID. MySQL's own bytes must not be passed on: PostGIS and others take the
 * SRID 0 that they begin with for the head of another point, and read it without an error. null: the bytes are no geometry.
 */
export function geometryBytes(kept: Buffer): Buffer | null {
  if (kept.length < HEAD_BYTES || kept[SRID_BYTES] !== LITTLE_ENDIAN) return null;
  if (kept.readUInt32LE(0) === 0) return kept.subarray(SRID_BYTES);
  const head = kept.subarray(SRID_BYTES, FLAG_AT);
  return Buffer.concat([
    head,
    Buffer.of(kept[FLAG_AT]! | HAS_SRID),
    kept.subarray(0, SRID_BYTES),
    kept.subarray(HEAD_BYTES),
  ]);
}
