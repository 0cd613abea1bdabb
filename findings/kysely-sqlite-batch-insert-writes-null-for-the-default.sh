#!/usr/bin/env bash
# kysely on SQLite: in an insert of several rows a missing value is NULL, though the column has a default.
#
# What:      values([{ id: 2, status: 'done' }, { id: 3 }]) stores NULL as the status of row 3; values({ id: 3 }) alone
#            stores the column's default.
# Versions:  kysely 0.29.9, better-sqlite3 13.2.0 (SQLite 3.54.1); drizzle-orm 0.45.4 beside it.
# Expected:  the default both times, as the same call does on PostgreSQL and MySQL, where kysely writes DEFAULT.
# Instead:   SQLite has no DEFAULT inside of VALUES, and kysely writes `null` there, without a word. Only a NOT NULL
#            column turns it into an error. (drizzle does so for a single row, too, if the default is only in the
#            database and not in its own schema.)
# Do:        rows of one shape to an insert (group them by their keys), or fill the defaults in yourself, or declare
#            NOT NULL wherever there is a default.
# For users: code that is tested on SQLite and runs on PostgreSQL, or the other way round, stores different rows. A
#            filter `status = 'new'` then never finds what was inserted in a batch with others.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
# drizzle's range of peers ends before better-sqlite3 13, hence --legacy-peer-deps.
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" kysely@0.29.9 \
  better-sqlite3@13.2.0 drizzle-orm@0.45.4 --legacy-peer-deps
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { Kysely, SqliteDialect, sql } from 'kysely';

const database = new Database(':memory:');
const db = new Kysely({ dialect: new SqliteDialect({ database }) });
await sql`create table task (id integer primary key, status text default 'new')`.execute(db);

await db.insertInto('task').values({ id: 1 }).execute();
const batch = db.insertInto('task').values([{ id: 2, status: 'done' }, { id: 3 }]);
console.log(batch.compile().sql);
await batch.execute();
await db.insertInto('task').values([{ id: 4 }, { id: 5 }]).execute();

const task = sqliteTable('task', { id: integer('id').primaryKey(), status: text('status') });
drizzle(database).insert(task).values({ id: 6 }).run();

const seen = await db.selectFrom('task').selectAll().execute();
console.log(seen);
assert.deepEqual(seen, [
  { id: 1, status: 'new' },
  { id: 2, status: 'done' },
  { id: 3, status: null },
  { id: 4, status: 'new' },
  { id: 5, status: 'new' },
  { id: 6, status: null }, // drizzle
]);
JS
node case.mjs
echo 'As described.'
