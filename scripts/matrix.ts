// user-service on every combination of its backends: `npm run matrix`, or some: `npm run matrix -- postgres redis` for
// those with both names. It says how far it is, ends with a table, and keeps the table of a whole run in docs/proof.md.
import { Backends, type Combination, combinations, journey } from '../examples/user-service/tests/matrix.ts';
import { circumstances, keepProof, seconds, table } from './lib/proof.ts';

const wanted = process.argv.slice(2);
const chosen = combinations.filter((each) => wanted.every((name) => Object.values(each).includes(name)));
if (chosen.length === 0) {
  console.error(`No combination has ${wanted.join(' and ')}: it takes names such as postgres, memcached or rabbitmq.`);
  process.exit(64);
}

/** Runs one, and tells how it went. */
async function attempt(combination: Combination): Promise<string> {
  try {
    await journey(await backends.settingsOf(combination));
    return 'passed';
  } catch (error) {
    console.error((error as Error).message);
    return 'failed';
  }
}

const backends = new Backends();
const began = Date.now();
const rows: { database: string; cache: string; broker: string; result: string; seconds: string }[] = [];
for (const combination of chosen) {
  const start = Date.now();
  const result = await attempt(combination);
  rows.push({ ...combination, result, seconds: ((Date.now() - start) / 1000).toFixed(1) });
  const { database, cache, broker } = combination;
  console.log(
    `${rows.length} of ${chosen.length}, ${seconds(Date.now() - began)}: ${database}, ${cache}, ${broker}: ${result}`,
  );
}
await backends.close();

console.log(`\n${table(rows)}\n`);
const passed = rows.filter(({ result }) => result === 'passed').length;
if (chosen.length === combinations.length)
  keepProof('matrix', `${circumstances(Date.now() - began)}\n\n${table(rows)}\n`);
console.log(`matrix: ${passed} of ${rows.length} passed`);
process.exitCode = passed === rows.length ? 0 : 1;
