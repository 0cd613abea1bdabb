import { randomOf } from '@ent/testkit';
import { expect, it } from 'vitest';
import { instantIn } from '../src/internal/sql/instants.ts';

it('reads 20,000 random times of the years 1 to 9999 as Date does', () => {
  const random = randomOf(7);
  const [first, last] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];
  for (let round = 0; round < 20_000; round += 1) {
    const date = new Date(first + Math.floor(random() * (last - first)));
    const text = date.toISOString().replace('T', ' ').slice(0, -1);
    expect(instantIn(text)).toBe(date.getTime());
    expect(instantIn(`${text}456+00`, text.length + 3)).toBe(date.getTime());
    expect(instantIn(text.slice(0, 19))).toBe(date.getTime() - date.getUTCMilliseconds());
  }
});

it.each([
  ['2024-02-29 00:00:00', '2024-02-29T00:00:00Z'],
  ['2000-02-29 00:00:00.5', '2000-02-29T00:00:00.5Z'],
  ['0099-12-31 23:59:59.99', '0099-12-31T23:59:59.99Z'],
])('reads %s', (text, iso) => {
  expect(instantIn(text)).toBe(Date.parse(iso));
});

it.each([
  '0000-00-00 00:00:00',
  '2024-00-10 00:00:00',
  '2024-02-00 00:00:00',
  '2024-02-30 00:00:00',
  '2023-02-29 00:00:00',
  '1900-02-29 00:00:00',
  '2024-04-31 00:00:00',
  '2024-13-01 00:00:00',
  '2024-03-10T02:30:00',
  '2024-03-10 02:30',
  '2024-03-10 02:30:00.',
  '2024-03-10 02:30:00.1234567',
  '2024-03-10 02:30:00+02',
  '2O24-03-10 02:30:00',
  '10000-01-01 00:00:00',
  '2024-03-10',
  'infinity',
  'not a date at all..',
  '',
])('finds no time in %j', (text) => {
  expect(instantIn(text)).toBeNaN();
});
