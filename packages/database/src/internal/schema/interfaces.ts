import { pascalCase, quoted, unused } from './names.ts';
import type { ColumnShape, TableShape } from './shape.ts';

/** The tables and views as Kysely takes them, as TypeScript. */
export function interfacesText(tables: readonly TableShape[]): string {
  const helpers = new Set<string>();
  const taken = new Set(['Tables', 'ColumnType', 'Generated', 'GeneratedAlways', 'Date', 'Uint8Array']);
  const named = tables.map((table) => ({ table, name: unused(pascalCase(table.name), taken) }));
  const parts = named.map(({ table, name }) => {
    const lines = table.columns.map((column) => `  ${keyOf(column.name)}: ${typeOf(column, helpers)};`);
    return [`export interface ${name} {`, ...lines, '}', ''].join('\n');
  });
  const all = named.map(({ table: { schema, name: table }, name }) => {
    return `  ${keyOf(schema === undefined ? table : `${schema}.${table}`)}: ${name};`;
  });
  const imports = helpers.size === 0 ? '' : `import type { ${[...helpers].sort().join(', ')} } from 'kysely';\n\n`;
  return `// Written by ent-db types; write it again after each migration.
${imports}${parts.join('\n')}
/** For \`openDatabase<SqlNative<Tables>>(url)\`: what db.native.kysely knows of the tables. */
export interface Tables {
${all.join('\n')}
}
`;
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

function typeOf({ read, write, nullable, filled, computed }: ColumnShape, helpers: Set<string>): string {
  const orNull = (type: string): string => (nullable && type !== 'unknown' ? `${type} | null` : type);
  const helped = (helper: string, ...types: string[]): string => {
    helpers.add(helper);
    return `${helper}<${types.join(', ')}>`;
  };
  if (computed) return helped('GeneratedAlways', orNull(read));
  if (read === write) return filled ? helped('Generated', orNull(read)) : orNull(read);
  const given = nullable ? `${write} | null` : write;
  return helped('ColumnType', orNull(read), filled || nullable ? `${given} | undefined` : given, given);
}
