#!/usr/bin/env bash
# cron-schedule reads the number at the start of what it does not know: the job of the second Monday runs every Monday.
#
# What:      '0 9 * * 1#2' (the second Monday) is run every Monday, '0 9 * * 5L' (the last Friday) every Friday, '0 9 1W
#            * *' (the first working day) on the 1st, Sundays too, and '5/15 * * * *' once an hour instead of four
#            times.
# Versions:  cron-schedule 6.0.0; croner 11.0.1, cron-parser 5.10.6 beside it.
# Expected:  an error: its README lists what it supports, these are not in the list, and it does refuse 'L', 'LW', '?',
#            '5-2' and, of all things, 'MON#2'. croner and cron-parser run the expression as meant or throw.
# Instead:   each element is read with parseInt(), which stops at the first sign that is no digit; the step of a single
#            number is dropped. parseCronExpression() succeeds, so a form that validates with it says that all is well.
# Do:        test that the string has nothing but digits, names and * / , - (and a step only behind * or a range) before
#            it is parsed, or parse it with a library that refuses the rest.
# For users: expressions come from users, other tools' documentation and old configuration. Monthly statements go out
#            every week, and the sync of every fifteen minutes runs once an hour, without an error anywhere.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" cron-schedule@6.0.0 croner@11.0.1 \
  cron-parser@5.10.6
export PATH="$dir/node_modules/.bin:$PATH"
export TZ=UTC # cron-schedule has no time zone of its own

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { CronExpressionParser } from 'cron-parser';
import { parseCronExpression } from 'cron-schedule';
import { Cron } from 'croner';

const start = new Date('2026-10-31T23:59:59Z');
const readers = {
  'cron-schedule': (pattern) => parseCronExpression(pattern).getNextDates(3, start),
  croner: (pattern) => new Cron(pattern, { timezone: 'UTC', paused: true }).nextRuns(3, start),
  'cron-parser': (pattern) =>
    CronExpressionParser.parse(pattern, { tz: 'UTC', currentDate: start }).take(3).map((date) => date.toDate()),
};

/** The next three runs, as month, day and time. */
function runs(pattern) {
  const seen = {};
  for (const [name, read] of Object.entries(readers)) {
    try {
      seen[name] = read(pattern).map((date) => date.toISOString().slice(5, 16).replace('T', ' ')).join(', ');
    } catch {
      seen[name] = 'refused';
    }
  }
  return seen;
}

const seen = {};
for (const pattern of ['0 9 * * 1#2', '0 9 * * MON#2', '0 9 * * 5L', '0 9 1W * *', '5/15 * * * *']) {
  seen[pattern] = runs(pattern);
}
console.log(seen);
const secondMondays = '11-09 09:00, 12-14 09:00, 01-11 09:00';
const lastFridays = '11-27 09:00, 12-25 09:00, 01-29 09:00';
assert.deepEqual(seen, {
  '0 9 * * 1#2': {
    'cron-schedule': '11-02 09:00, 11-09 09:00, 11-16 09:00',
    croner: secondMondays,
    'cron-parser': secondMondays,
  },
  '0 9 * * MON#2': { 'cron-schedule': 'refused', croner: secondMondays, 'cron-parser': secondMondays },
  '0 9 * * 5L': {
    'cron-schedule': '11-06 09:00, 11-13 09:00, 11-20 09:00',
    croner: lastFridays,
    'cron-parser': lastFridays,
  },
  '0 9 1W * *': {
    'cron-schedule': '11-01 09:00, 12-01 09:00, 01-01 09:00', // 1 November 2026 is a Sunday
    croner: '11-02 09:00, 12-01 09:00, 01-01 09:00',
    'cron-parser': 'refused',
  },
  '5/15 * * * *': {
    'cron-schedule': '11-01 00:05, 11-01 01:05, 11-01 02:05',
    croner: 'refused',
    'cron-parser': '11-01 00:05, 11-01 00:20, 11-01 00:35',
  },
});
JS
node case.mjs
echo 'As described.'
