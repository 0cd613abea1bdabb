// The document of asyncapi() is valid AsyncAPI 3.0 for the parser of its makers: one with all parts, and one of all
// schemas that the tests of @ent/http know.
import { createRequire } from 'node:module';
import { z } from 'zod';
import { bodySchemas, openSchemas } from '../packages/http/tests/support/corpus.ts';
import { asyncapi } from '../packages/messaging/src/asyncapi.ts';
import { defineTopic, type Topic } from '../packages/messaging/src/index.ts';
import { type Finding, main } from './lib/findings.ts';
import { installTools } from './lib/tools.ts';

/** What is used of @asyncapi/parser. */
interface Parser {
  parse(text: string): Promise<{ document?: object; diagnostics: readonly Diagnostic[] }>;
}

interface Diagnostic {
  readonly code: string | number;
  readonly message: string;
  readonly path: readonly (string | number)[];
  /** 0 is an error, 1 a warning; the others are hints, such as that a licence would be nice. */
  readonly severity: number;
}

const WARNING = 1;

function documents(): Record<string, object> {
  const about = { version: '1.0.0', servers: { production: { host: 'mq.example.com:5672', protocol: 'amqps' } } };
  const corpus = [...bodySchemas, ...openSchemas]
    .map(([, schema], index): Topic => defineTopic(`corpus.${index}`, schema))
    .filter((topic) => !hasPropertyRef(topic));
  const created = defineTopic('user.created', z.strictObject({ userId: z.uuid(), version: z.int() }));
  const nothing = defineTopic('anything', z.unknown());
  return {
    users: asyncapi({ ...about, title: 'Users', description: 'What it tells.', publishes: [created] }),
    corpus: asyncapi({ ...about, title: 'Corpus', publishes: corpus, subscribes: [nothing, ...corpus.slice(0, 3)] }),
    empty: asyncapi({ title: 'Nothing', version: '0' }),
  };
}

/** The parser takes a property that is called $ref for a reference, and fails (3.6.3). */
function hasPropertyRef(topic: Topic): boolean {
  return JSON.stringify(asyncapi({ title: 'One', version: '1', publishes: [topic] })).includes('"$ref":{"type"');
}

async function checkAsyncapi(): Promise<Finding[]> {
  const tool = await installTools();
  const { Parser } = createRequire(tool('../package.json'))('@asyncapi/parser') as { Parser: new () => Parser };
  const parser = new Parser();
  const findings: Finding[] = [];
  for (const [name, document] of Object.entries(documents())) {
    const { document: parsed, diagnostics } = await parser.parse(JSON.stringify(document));
    const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
    for (const { code, message, path } of faults) {
      findings.push({
        file: 'packages/messaging/src/asyncapi.ts',
        problem: `the document "${name}" at ${path.join('/')}: ${message} (${code})`,
        fix: 'see the specification of AsyncAPI 3.0',
      });
    }
    if (parsed === undefined && faults.length === 0) {
      findings.push({
        file: 'packages/messaging/src/asyncapi.ts',
        problem: `"${name}" is not parsed`,
        fix: 'look why',
      });
    }
  }
  return findings;
}

if (import.meta.main) await main(checkAsyncapi);
