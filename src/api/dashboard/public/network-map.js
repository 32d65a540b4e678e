// Draws the network, or where a vehicle was, on a plain map: points at their coordinates, their connections, and degrees at the edge. It
// loads no tiles, so it needs no other host.
import { h, setText } from './dom.js';
import { plural } from './format.js';

const MARGIN = 28;
const NEAR_PX = 14;
const GRID_LINES = 5;
const EARTH_KM_PER_DEGREE = 111.2;

/** An equirectangular projection about the middle of the stops. Within a region, it keeps shapes and distances nearly true. */
function projectionOf(stops, width, height) {
  const box = { west: Infinity, east: -Infinity, south: Infinity, north: -Infinity };
  for (const { latitude, longitude } of stops) {
    box.west = Math.min(box.west, longitude);
    box.east = Math.max(box.east, longitude);
    box.south = Math.min(box.south, latitude);
    box.north = Math.max(box.north, latitude);
  }
  const narrow = Math.max(0.05, Math.cos((((box.south + box.north) / 2) * Math.PI) / 180));
  const spanX = Math.max(1e-3, (box.east - box.west) * narrow);
  const spanY = Math.max(1e-3, box.north - box.south);
  const scale = Math.min((width - 2 * MARGIN) / spanX, (height - 2 * MARGIN) / spanY);
  const middle = { longitude: (box.west + box.east) / 2, latitude: (box.south + box.north) / 2 };
  return {
    scale,
    x: (longitude) => width / 2 + (longitude - middle.longitude) * narrow * scale,
    y: (latitude) => height / 2 - (latitude - middle.latitude) * scale,
    longitude: (x) => middle.longitude + (x - width / 2) / scale / narrow,
    latitude: (y) => middle.latitude + (height / 2 - y) / scale,
  };
}

/** The step between grid lines: 1, 2 or 5 times a power of ten, so that about `GRID_LINES` lines fit. */
function stepFor(span) {
  const power = 10 ** Math.floor(Math.log10(span / GRID_LINES));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= GRID_LINES) ?? 10 * power;
}

/**
 * What the map is of: its title, what a point and a connection are called (null: they are not counted), and what is told of a point.
 * @type {{ title: string, of: string, point: string, connection: string | null, describe: (point: any) => string }}
 */
const NETWORK = { title: 'Network', of: 'the network', point: 'stop', connection: 'connection', describe };

export function createNetworkMap({ title, of, point, connection, describe: told } = NETWORK) {
  const canvas = h('canvas', { class: 'map', role: 'img', 'aria-label': `Map of ${of}` });
  const caption = h('figcaption', {});
  const element = h('figure', { class: 'network' }, h('h3', {}, title), canvas, caption);
  let network = null;
  let placed = [];

  const draw = () => {
    if (network === null || canvas.clientWidth === 0) return;
    placed = paint(canvas, network);
  };
  const set = ({ nodes, edges }) => {
    const located = nodes.filter(({ latitude, longitude }) => latitude !== undefined && longitude !== undefined);
    const missing = nodes.length - located.length;
    const connections = connection === null ? '' : `, ${plural(edges.length, connection)}`;
    const summary = `${plural(located.length, point)}${connections}${missing === 0 ? '' : `; ${plural(missing, point)} without coordinates`}`;
    network = { nodes, edges, located, summary };
    setText(caption, summary);
    canvas.setAttribute('aria-label', `Map of ${of}: ${summary}`);
    draw();
  };
  canvas.addEventListener('pointermove', (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    const stop = nearest(placed, event.clientX - left, event.clientY - top);
    if (network !== null) setText(caption, stop === null ? network.summary : told(stop));
  });
  canvas.addEventListener('pointerleave', () => network !== null && setText(caption, network.summary));
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', draw);
  const resized = new ResizeObserver(draw);
  resized.observe(canvas);
  return {
    element,
    set,
    close() {
      scheme.removeEventListener('change', draw);
      resized.disconnect();
    },
  };
}

function describe({ stopId, stopName, cityName, latitude, longitude }) {
  const city = cityName === undefined ? '' : `, ${cityName}`;
  return `${stopName}${city} · ${stopId} · ${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
}

function nearest(placed, x, y) {
  let found = null;
  let least = NEAR_PX ** 2;
  for (const each of placed) {
    const distance = (each.x - x) ** 2 + (each.y - y) ** 2;
    if (distance > least) continue;
    least = distance;
    found = each.stop;
  }
  return found;
}

/** Draws the map, and returns the position of each stop in CSS pixels. */
function paint(canvas, { nodes, edges, located }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  pen.clearRect(0, 0, width, height);
  if (located.length === 0) return [];
  const styles = getComputedStyle(canvas);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const projection = projectionOf(located, width, height);
  paintGrid(pen, { projection, width, height, colour });
  paintScale(pen, { projection, height, colour });
  paintEdges(pen, { projection, nodes, edges, colour });
  const radius = located.length > 2000 ? 1 : located.length > 300 ? 1.8 : 3;
  pen.fillStyle = colour('--accent');
  const placed = located.map((stop) => ({ stop, x: projection.x(stop.longitude), y: projection.y(stop.latitude) }));
  for (const { x, y } of placed) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }
  return placed;
}

function paintEdges(pen, { projection, nodes, edges, colour }) {
  pen.strokeStyle = colour('--ink');
  pen.globalAlpha = edges.length > 20_000 ? 0.06 : edges.length > 2_000 ? 0.15 : 0.3;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const [from, to] of edges) {
    const [a, b] = [nodes[from], nodes[to]];
    if (a?.latitude === undefined || b?.latitude === undefined) continue;
    pen.moveTo(projection.x(a.longitude), projection.y(a.latitude));
    pen.lineTo(projection.x(b.longitude), projection.y(b.latitude));
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

function paintGrid(pen, { projection, width, height, colour }) {
  pen.strokeStyle = colour('--line');
  pen.fillStyle = colour('--muted');
  pen.font = '10px system-ui, sans-serif';
  pen.lineWidth = 1;
  const [west, east] = [projection.longitude(0), projection.longitude(width)];
  const [south, north] = [projection.latitude(height), projection.latitude(0)];
  const stepX = stepFor(east - west);
  const stepY = stepFor(north - south);
  const places = (step) => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const line = (x1, y1, x2, y2) => {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  };
  for (let degree = Math.ceil(west / stepX) * stepX; degree < east; degree += stepX) {
    const x = Math.round(projection.x(degree)) + 0.5;
    line(x, 0, x, height);
    if (x > 44 && x < width - 40) pen.fillText(`${degree.toFixed(places(stepX))}°`, x + 3, height - 5);
  }
  for (let degree = Math.ceil(south / stepY) * stepY; degree < north; degree += stepY) {
    const y = Math.round(projection.y(degree)) + 0.5;
    line(0, y, width, y);
    // Leave out the label where the scale is drawn.
    if (y > 14 && y < height - 44) pen.fillText(`${degree.toFixed(places(stepY))}°`, 4, y - 4);
  }
}

function paintScale(pen, { projection, height, colour }) {
  const step = stepFor((320 / projection.scale) * EARTH_KM_PER_DEGREE);
  const length = (step / EARTH_KM_PER_DEGREE) * projection.scale;
  const [x, y] = [10, height - 22];
  pen.strokeStyle = colour('--muted');
  pen.fillStyle = colour('--muted');
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + length, y);
  pen.stroke();
  pen.fillText(step >= 1 ? `${step} km` : `${Math.round(step * 1000)} m`, x, y - 5);
}
