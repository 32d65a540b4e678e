const EARTH_RADIUS_KM = 6371.0088;
const RADIANS = Math.PI / 180;

export interface Place {
  latitude: number;
  longitude: number;
}

/** Length of the great circle on a sphere, in kilometres. It is within 0.6 % of the length on the ellipsoid. */
export function haversineKm(a: Place, b: Place): number {
  const sinLatitude = Math.sin(((b.latitude - a.latitude) * RADIANS) / 2);
  const sinLongitude = Math.sin(((b.longitude - a.longitude) * RADIANS) / 2);
  const chord = sinLatitude ** 2 + Math.cos(a.latitude * RADIANS) * Math.cos(b.latitude * RADIANS) * sinLongitude ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}
