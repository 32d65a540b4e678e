import { expect, test } from '@jest/globals';
import { propertyTypes } from '../../../src/connections/odata/edm-types.ts';

const DOCUMENT = `\uFEFF<?xml version="1.0"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices>
  <Schema Namespace="Depot.Model" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
    <EntityType Name='Trip' Abstract="true"><Key><PropertyRef Name="Id"/></Key>
      <Property Name="Id" Type="Edm.Guid" Nullable="false" />
      <Property
        Type="Edm.DateTime"
        Name = "DepartureAt"></Property>
    </EntityType>
    <EntityType Name="Flight" BaseType="Depot.Model.Trip">
      <!-- <Property Name="ArrivalAt" Type="Edm.String"/> -->
      <edm:Property Name="ArrivalAt" Type="Edm.DateTimeOffset"/>
    </EntityType>
    <EntityType Name="Circle" BaseType="Depot.Model.Circle"><Property Name="At" Type="Edm.Time"/></EntityType>
    <ComplexType Name="Place"><Property Name="Latitude" Type="Edm.Double"/></ComplexType>
    <EntityContainer Name="C"><EntitySet Name="Flights" EntityType="Depot.Model.Flight"/>
      <EntitySet Name="Рейсы" EntityType="Depot.Model.Flight"/><EntitySet Name="Circles" EntityType="Depot.Model.Circle"/></EntityContainer>
  </Schema></edmx:DataServices></edmx:Edmx>`;

test('the types of a set are its entity type’s and those it inherits', () => {
  const flight = { Id: 'Edm.Guid', DepartureAt: 'Edm.DateTime', ArrivalAt: 'Edm.DateTimeOffset' };
  expect(Object.fromEntries(propertyTypes(DOCUMENT, 'Flights'))).toEqual(flight);
  expect(Object.fromEntries(propertyTypes(DOCUMENT, 'Рейсы'))).toEqual(flight);
  expect([...propertyTypes(DOCUMENT, 'Circles')]).toEqual([['At', 'Edm.Time']]);
});

test('what is no such document has no types, however it ends', () => {
  for (const text of ['', 'no', '<', '<!-- ', '{"value":[]}', DOCUMENT.slice(0, -400)])
    expect(propertyTypes(text, 'Flights').size).toBe(0);
  const begun = Date.now();
  propertyTypes(`<Property ${'Name="'.repeat(200_000)}`, 'Flights');
  propertyTypes('<'.repeat(200_000), 'Flights');
  propertyTypes(`<Property${' '.repeat(200_000)}>`, 'Flights');
  expect(Date.now() - begun).toBeLessThan(2_000);
});
