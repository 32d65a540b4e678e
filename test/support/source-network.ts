type Row = Record<string, unknown>;

const pad = (number: number): string => String(number).padStart(4, '0');

export interface SourceNetwork {
  Stops: Row[];
  Routes: Row[];
  Flights: Row[];
}

/** A line of stops, a route from each to the next, and flights, under the names of the default mapping. */
export function sourceNetwork(stops = 10, flightsPerRoute = 2): SourceNetwork {
  const Stops = Array.from({ length: stops }, (_, n) => ({
    Id: `stop-${pad(n)}`,
    Name: `Остановка ${n}`,
    CityName: n % 2 === 0 ? 'Якутск' : null,
    Latitude: 62 + n / 1000,
    Longitude: 129.5,
  }));
  const Routes = Array.from({ length: stops - 1 }, (_, n) => ({
    Id: `route-${pad(n)}`,
    Name: `${n} → ${n + 1}`,
    FromStopId: `stop-${pad(n)}`,
    ToStopId: `stop-${pad(n + 1)}`,
    TransportType: 'BUS',
    DurationMinutes: 10 + n,
    DistanceKm: 5.5,
    FareRub: '150.50',
  }));
  const Flights = Routes.flatMap((route, n) =>
    Array.from({ length: flightsPerRoute }, (_, departure) => ({
      Id: `flight-${pad(n)}-${departure}`,
      RouteId: route.Id,
      FromStopId: route.FromStopId,
      ToStopId: route.ToStopId,
      DepartureAt: `2026-12-01T${String(8 + departure).padStart(2, '0')}:00:00+09:00`,
      ArrivalAt: `2026-12-01T${String(8 + departure).padStart(2, '0')}:${10 + (n % 40)}:00+09:00`,
      AvailableSeats: 50,
    })),
  );
  return { Stops, Routes, Flights };
}

const guid = (kind: number, number: number): string =>
  `${pad(kind)}0000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const EMPTY_GUID = '00000000-0000-0000-0000-000000000000';

/** The same network as 1C publishes it: Cyrillic names, references, marks, times without a zone, and folders and deleted rows among the others. */
export function oneCNetwork(stops = 10): Record<string, Row[]> {
  const plain = sourceNetwork(stops);
  const marks = { DeletionMark: false, IsFolder: false, Predefined: false, DataVersion: 'AAAAAQAAAAA=' };
  const number = (id: string): number => Number(id.split('-')[1]);
  const stopRows = plain.Stops.map((stop, n) => ({
    Ref_Key: guid(1, n),
    ...marks,
    Description: `${String(stop['Name'])}   `,
    Город_Key: stop['CityName'] === null ? EMPTY_GUID : guid(9, 1),
    Город: { Description: stop['CityName'] ?? '', Code: '1' },
    Широта: stop['Latitude'],
    Долгота: stop['Longitude'],
  }));
  const routeRows = plain.Routes.map((route, n) => ({
    Ref_Key: guid(2, n),
    ...marks,
    Description: route['Name'],
    Откуда_Key: guid(1, number(String(route['FromStopId']))),
    Куда_Key: guid(1, number(String(route['ToStopId']))),
    ВидТранспорта: 'BUS',
    ВидТранспорта_Type: 'Edm.String',
    Длительность: String(route['DurationMinutes']),
    Расстояние: 5.5,
    Стоимость: 150.5,
  }));
  const flightRows = plain.Flights.map((flight, n) => ({
    Ref_Key: guid(3, n),
    DeletionMark: false,
    Posted: true,
    Маршрут_Key: guid(2, number(String(flight['RouteId']))),
    Отправление: String(flight['DepartureAt']).slice(0, 19),
    Прибытие: String(flight['ArrivalAt']).slice(0, 19),
    Мест: 50,
  }));
  return {
    Catalog_Остановки: [
      ...stopRows,
      { ...stopRows[0], Ref_Key: guid(1, 9001), IsFolder: true, Description: 'Папка', Широта: 0, Долгота: 0 },
      { ...stopRows[0], Ref_Key: guid(1, 9002), DeletionMark: true },
    ],
    Catalog_Маршруты: [...routeRows, { ...routeRows[0], Ref_Key: guid(2, 9003), DeletionMark: true }],
    Document_Рейсы: [
      ...flightRows,
      { ...flightRows[0], Ref_Key: guid(3, 9004), Posted: false, Отправление: '0001-01-01T00:00:00' },
    ],
  };
}

/** The mapping that docs/odata-mapping.md shows for 1C. */
export const ONE_C_MAPPING = {
  stops: {
    set: 'Catalog_Остановки',
    fields: {
      id: 'Ref_Key',
      name: 'Description',
      cityName: 'Город/Description',
      latitude: 'Широта',
      longitude: 'Долгота',
    },
    ignoreWhen: { DeletionMark: true, IsFolder: true },
    select: true,
  },
  routes: {
    set: 'Catalog_Маршруты',
    fields: {
      id: 'Ref_Key',
      name: 'Description',
      fromStopId: 'Откуда_Key',
      toStopId: 'Куда_Key',
      transportType: 'ВидТранспорта',
      durationMinutes: 'Длительность',
      distanceKm: 'Расстояние',
      fareRub: 'Стоимость',
    },
    ignoreWhen: { DeletionMark: true, IsFolder: true },
    select: true,
  },
  flights: {
    set: 'Document_Рейсы',
    fields: {
      id: 'Ref_Key',
      routeId: 'Маршрут_Key',
      departureAt: 'Отправление',
      arrivalAt: 'Прибытие',
      availableSeats: 'Мест',
    },
  },
};
