#!/usr/bin/env bash
# cron runs a daily job twice in the night in which summer time ends: an hour too early, and at its time.
#
# What:      '0 3 * * *' in Europe/Berlin runs at 02:00 and at 03:00 on 25 October 2026; '0 2 * * *' in America/New_York
#            at 01:00 and 02:00; '0 0 * * *' in America/Santiago at 23:00 of the day before and at 00:00.
# Versions:  cron 4.4.0 (kelektiv/node-cron; the scheduler inside of @nestjs/schedule 12.0.2), croner 11.0.1 and
#            cron-parser 5.10.6 beside it.
# Expected:  once, at the time that the pattern names: it is after the repeated hour and exists once in that night.
#            Whatever one thinks of times *inside* of the repeated hour, 02:00 is no time of '0 3 * * *'.
# Instead:   the next time is found on a calendar without changes of the clock; brought back to the time zone, it is
#            moved one hour to the front if the hour before is a repeated one, whether the pattern has that hour or not.
#            The job runs, and the right time is then found for the second run.
# Do:        keep daily jobs out of the hour after the change (04:00 is safe in Berlin, 03:00 in New York, 01:00 in
#            Santiago), schedule in UTC, or make a run idempotent by its date, as for any job.
# For users: nightly closings, invoices and mails of "every day at three" are done twice, once a year, and in the zones
#            that change at midnight once with the wrong date. No test sees it but one that moves the clock.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" cron@4.4.0 croner@11.0.1 \
  cron-parser@5.10.6
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { CronJob } from 'cron';
import { CronExpressionParser } from 'cron-parser';
import { Cron } from 'croner';

const minute = 60_000;
const clock = (date, timeZone) => date.toLocaleString('sv', { timeZone }).slice(5, 16);

/** What the running job does, on a clock that is moved minute by minute for three days. */
function ran(pattern, timeZone, from) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: new Date(from) });
  const runs = [];
  const onTick = () => runs.push(clock(new Date(), timeZone));
  const job = CronJob.from({ cronTime: pattern, timeZone, onTick, start: true });
  for (let minutes = 0; minutes < 3 * 24 * 60; minutes++) mock.timers.tick(minute);
  job.stop();
  mock.timers.reset();
  return runs;
}

function next(pattern, timeZone, from) {
  const croner = new Cron(pattern, { timezone: timeZone, paused: true }).nextRuns(3, new Date(from));
  const parsed = CronExpressionParser.parse(pattern, { tz: timeZone, currentDate: new Date(from) }).take(3);
  return {
    croner: croner.map((date) => clock(date, timeZone)),
    'cron-parser': parsed.map((date) => clock(date.toDate(), timeZone)),
  };
}

const berlin = ['0 3 * * *', 'Europe/Berlin', '2026-10-23T12:00:00Z'];
const seen = {
  'Berlin, 03:00': { cron: ran(...berlin), ...next(...berlin) },
  'New York, 02:00': ran('0 2 * * *', 'America/New_York', '2026-10-30T12:00:00Z'),
  'Santiago, 00:00': ran('0 0 * * *', 'America/Santiago', '2026-04-03T12:00:00Z'),
  'Berlin, 04:00': ran('0 4 * * *', 'Europe/Berlin', '2026-10-23T12:00:00Z'),
};
console.log(seen);
assert.deepEqual(seen, {
  'Berlin, 03:00': {
    cron: ['10-24 03:00', '10-25 02:00', '10-25 03:00', '10-26 03:00'],
    croner: ['10-24 03:00', '10-25 03:00', '10-26 03:00'],
    'cron-parser': ['10-24 03:00', '10-25 03:00', '10-26 03:00'],
  },
  'New York, 02:00': ['10-31 02:00', '11-01 01:00', '11-01 02:00', '11-02 02:00'],
  'Santiago, 00:00': ['04-04 00:00', '04-04 23:00', '04-05 00:00', '04-06 00:00'],
  'Berlin, 04:00': ['10-24 04:00', '10-25 04:00', '10-26 04:00'],
});
JS
node --disable-warning=ExperimentalWarning case.mjs # the mocked clock of node:test
echo 'As described.'
