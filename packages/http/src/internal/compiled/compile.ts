import { config, type $ZodObjectDef, type $ZodType, type $ZodTypes, type $ZodUnionDef } from 'zod/v4/core';
import { writeChecks } from './checks.ts';
import { type Compiled, type INVALID, Program, Uncompiled } from './program.ts';
import { admitsUndefined, type Field, isOneOf, type Side, toJson, toValue } from './sides.ts';

/**
 * Compiles a schema to a function that gives what zod gives for a value, or `INVALID` for one that zod refuses;
 * `undefined` where there is something in it that only zod can do, and where code must not be made of text.
 *
 * @param text whether the value comes as text, see `strict`
 */
export function compileInput(schema: $ZodType, text: boolean): Compiled | undefined {
  return compile(schema, toValue(text));
}

/** The same, but what comes out is the text that `JSON.stringify` makes of it; `undefined` where it makes none. */
export function compileOutput(schema: $ZodType): ((value: unknown) => string | undefined | typeof INVALID) | undefined {
  return compile(schema, toJson) as ((value: unknown) => string | undefined | typeof INVALID) | undefined;
}

/** The source of schemas for one side. */
class Schemas extends Program {
  readonly side: Side;

  constructor(side: Side) {
    super();
    this.side = side;
  }
}

function compile(schema: $ZodType, side: Side): Compiled | undefined {
  // The application has told zod to make no code of text.
  if (config().jitless === true) return undefined;
  try {
    const program = new Schemas(side);
    return program.build(functionOf(program, schema));
  } catch (error) {
    if (error instanceof Uncompiled || error instanceof EvalError) return undefined;
    throw error;
  }
}

function functionOf(program: Schemas, schema: $ZodType): string {
  const { def } = (schema as $ZodTypes)._zod;
  return program.functionOf(schema, (body) => {
    if (def.type === 'object') writeObject(program, def, body);
    else if (def.type === 'array') writeArray(program, schema, def.element, body);
    else if (def.type === 'union') writeUnion(program, def, body);
    else body.push(`return ${write(program, schema, 'value', body)};`);
  });
}

/** Adds the statements that look at a value, and gives the expression for its result. */
function write(program: Schemas, schema: $ZodType, value: string, body: string[]): string {
  const { side } = program;
  const { def } = (schema as $ZodTypes)._zod;
  if ('coerce' in def && def.coerce === true) throw new Uncompiled('coerce');
  const reader = side.readerOf(schema as $ZodTypes);
  if (reader !== undefined) body.push(`${value} = ${program.constant(reader)}(${value});`);
  switch (def.type) {
    case 'string':
      demand(`typeof ${value} === 'string'`, body);
      writeChecks(program, schema, value, body);
      return side.text(program, value);
    case 'number':
      demand(`typeof ${value} === 'number' && Number.isFinite(${value})`, body);
      writeChecks(program, schema, value, body);
      return side.number(value);
    case 'bigint':
      demand(`typeof ${value} === 'bigint'`, body);
      writeChecks(program, schema, value, body);
      return value;
    case 'date':
      demand(`${value} instanceof Date && !Number.isNaN(${value}.getTime())`, body);
      writeChecks(program, schema, value, body);
      return side.date(value);
    default:
      if ((def.checks ?? []).length > 0 && def.type !== 'array') throw new Uncompiled('a check');
  }
  switch (def.type) {
    case 'boolean':
      demand(`typeof ${value} === 'boolean'`, body);
      return side.boolean(value);
    case 'null':
      demand(`${value} === null`, body);
      return side.nothing;
    case 'literal':
    case 'enum':
      return side.words(program, value, wordsOf(schema), body);
    case 'any':
    case 'unknown':
      if (side.knowsAny) return value;
      throw new Uncompiled(def.type);
    case 'nullable':
      return writeUnless(program, `${value} === null`, side.nothing, def.innerType, value, body);
    case 'optional':
      // z.exactOptional() takes the absence of a field and not `undefined`; a default is given for it.
      if (schema._zod.traits.has('$ZodExactOptional')) throw new Uncompiled('exactOptional');
      return writeUnless(program, `${value} === undefined`, 'undefined', def.innerType, value, body);
    case 'readonly':
      return side.frozen(write(program, def.innerType, value, body));
    case 'object':
    case 'array':
    case 'union': {
      const result = program.fresh();
      body.push(`const ${result} = ${functionOf(program, schema)}(${value});`);
      demand(`${result} !== INVALID`, body);
      return result;
    }
    default:
      throw new Uncompiled(def.type);
  }
}

function demand(condition: string, body: string[]): void {
  body.push(`if (!(${condition})) return INVALID;`);
}

function writeUnless(
  program: Schemas,
  condition: string,
  otherwise: string,
  inner: $ZodType,
  value: string,
  body: string[],
): string {
  const result = program.fresh();
  body.push(`let ${result} = ${otherwise};`, `if (!(${condition})) {`);
  const found = write(program, inner, value, body);
  body.push(`${result} = ${found};`, '}');
  return result;
}

/** The values of a literal, an enum or a discriminator; those that JSON has. */
function wordsOf({ _zod: { values } }: $ZodType): readonly unknown[] {
  const words = [...(values ?? [])];
  if (words.some((word) => !isWord(word))) throw new Uncompiled('a word that JSON does not have');
  return words;
}

function isWord(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

const IS_OBJECT = `typeof value === 'object' && value !== null && !Array.isArray(value)`;

function writeObject(program: Schemas, def: $ZodObjectDef, body: string[]): void {
  const keys = Object.keys(def.shape);
  const odd = Object.getOwnPropertySymbols(def.shape).length > 0 || keys.includes('__proto__');
  if (odd || (def.checks ?? []).length > 0) throw new Uncompiled('object');
  demand(IS_OBJECT, body);
  if (def.catchall !== undefined) {
    if ((def.catchall as $ZodTypes)._zod.def.type !== 'never') throw new Uncompiled('catchall');
    body.push('for (const key in value) {');
    demand(isOneOf(program, 'key', keys), body);
    body.push('}');
  }
  program.side.object(
    program,
    keys.map((key) => writeField(program, key, def.shape[key] as $ZodType, body)),
    body,
  );
}

function writeField(program: Schemas, key: string, schema: $ZodType, body: string[]): Field {
  const { optin, optout } = schema._zod;
  const [name, has] = [JSON.stringify(key), `${JSON.stringify(key)} in value`];
  const [value, result] = [program.fresh(), program.fresh()];
  const open = admitsUndefined(schema);
  if (optin === undefined) {
    demand(has, body);
    body.push(`let ${value} = value[${name}];`);
    const found = write(program, schema, value, body);
    body.push(`const ${result} = ${found};`);
    return { key, result, present: undefined, open };
  }
  // It is something else than nothing where it is absent.
  if (optin !== 'optional' || optout !== 'optional') throw new Uncompiled('default');
  const present = program.fresh();
  body.push(`const ${present} = ${has};`, `let ${result};`, `if (${present}) {`, `let ${value} = value[${name}];`);
  const found = write(program, schema, value, body);
  body.push(`${result} = ${found};`, '}');
  return { key, result, present, open };
}

function writeArray(program: Schemas, schema: $ZodType, element: $ZodType, body: string[]): void {
  const { list } = program.side;
  demand('Array.isArray(value)', body);
  writeChecks(program, schema, 'value', body);
  body.push(list.begin, 'for (let at = 0; at < value.length; at++) {', 'let item = value[at];');
  const found = write(program, element, 'item', body);
  body.push(list.add(found, admitsUndefined(element)), '}', `return ${list.whole};`);
}

function writeUnion(program: Schemas, def: $ZodUnionDef, body: string[]): void {
  if ((def.checks ?? []).length > 0) throw new Uncompiled('a check');
  if ('discriminator' in def) return writeChoice(program, def as Choice, body);
  if (def.inclusive === false) throw new Uncompiled('xor');
  body.push('let result;');
  // What a compiled schema refuses, zod refuses too: the first option that takes the value is zod's.
  for (const option of def.options) {
    body.push(`result = ${functionOf(program, option)}(value);`, 'if (result !== INVALID) return result;');
  }
  body.push('return INVALID;');
}

interface Choice extends $ZodUnionDef {
  readonly discriminator: string;
  readonly unionFallback?: boolean;
}

function writeChoice(program: Schemas, def: Choice, body: string[]): void {
  if (def.unionFallback === true) throw new Uncompiled('unionFallback');
  demand(IS_OBJECT, body);
  body.push(`switch (value[${JSON.stringify(def.discriminator)}]) {`);
  const seen = new Set<unknown>();
  for (const option of def.options) {
    for (const word of option._zod.propValues?.[def.discriminator] ?? []) {
      if (seen.has(word) || !isWord(word)) throw new Uncompiled('a discriminator');
      seen.add(word);
      body.push(`case ${JSON.stringify(word)}: return ${functionOf(program, option)}(value);`);
    }
  }
  body.push('}', 'return INVALID;');
}
