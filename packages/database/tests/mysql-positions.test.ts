import { expect, it } from 'vitest';
import { positionOf, positions } from '../src/drivers/mysql/replication.ts';

const [MARIADB, MYSQL] = ['MariaDB', 'MySQL'] as const;
const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '3e11fa47-71ca-11e1-9e33-c80aa9429563';

it.each([
  [MARIADB, '0-1-100', '0-1-100', true],
  [MARIADB, '0-2-101', '0-1-100', true],
  [MARIADB, '0-1-99', '0-1-100', false],
  [MARIADB, '1-1-7,0-1-100', '0-1-100,1-1-7', true],
  [MARIADB, '0-1-100', '0-1-100,1-1-7', false],
  [MARIADB, '', '0-1-1', false],
  [MARIADB, '0-1-18446744073709551615', '0-1-18446744073709551614', true],
  [MYSQL, `${A}:1-5`, `${A}:1-5`, true],
  [MYSQL, `${A}:1-4`, `${A}:1-5`, false],
  [MYSQL, `${A}:1-3:5-9`, `${A}:1-9`, false],
  [MYSQL, `${A}:1-3:5-9`, `${A}:2:6-7`, true],
  [MYSQL, `${A}:1-9,\n${B}:1-2`, `${B}:1`, true],
  [MYSQL, `${A}:1-9`, `${B}:1`, false],
  [MYSQL, `${A}:1-9:blue:1-2`, `${A}:blue:1-2`, true],
  [MYSQL, `${A}:1-9`, `${A}:1-2:blue:1-2`, false],
] as const)('on %s %j covers %j: %s', (product, shown, written, is) => {
  expect(positions.covers(positionOf(product, shown), positionOf(product, written))).toBe(is);
});
