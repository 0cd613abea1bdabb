// infrastructure/grafana/dashboards/ is what scripts/lib/dashboards.ts says; with --update it is written. That each
// query has data is a test of user-service, with a real Prometheus.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS, type Dashboard, type Panel } from './lib/dashboards.ts';
import { type Finding, main } from './lib/findings.ts';

const FOLDER = 'infrastructure/grafana/dashboards';
const WIDTH = 12;
const HEIGHT = 8;
const PROMETHEUS = { type: 'prometheus', uid: 'prometheus' };

function panelOf({ title, unit, lines, as, about }: Panel, index: number): object {
  return {
    id: index + 1,
    type: as ?? 'timeseries',
    title,
    description: about,
    datasource: PROMETHEUS,
    gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, ...(unit === 's' || unit === 'bytes' ? { min: 0 } : {}) }, overrides: [] },
    options:
      as === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { tooltip: { mode: 'multi', sort: 'desc' } },
    targets: Object.entries(lines).map(([legendFormat, expr], at) => ({
      refId: String.fromCodePoint(65 + at),
      datasource: PROMETHEUS,
      expr,
      legendFormat,
      ...(expr.includes('_bucket') ? { exemplar: true } : {}),
    })),
  };
}

/** As Grafana reads it. */
function render({ uid, title, panels }: Dashboard): string {
  const dashboard = {
    uid,
    title,
    tags: ['ent'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    timezone: 'utc',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        {
          name: 'job',
          label: 'Service',
          type: 'query',
          datasource: PROMETHEUS,
          query: { query: 'label_values(nodejs_heap_used_bytes, job)', refId: 'job' },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: '.+',
          current: { text: ['All'], value: ['$__all'] },
        },
      ],
    },
    links: [
      { title: 'Dashboards', type: 'dashboards', tags: ['ent'], asDropdown: true, includeVars: true, keepTime: true },
    ],
    panels: panels.map(panelOf),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function checkDashboards(root: string, { update }: { readonly update: boolean }): Finding[] {
  return DASHBOARDS.flatMap((dashboard) => {
    const file = `${FOLDER}/${dashboard.uid}.json`;
    const text = render(dashboard);
    if (existsSync(join(root, file)) && readFileSync(join(root, file), 'utf8') === text) return [];
    if (!update)
      return [
        { file, problem: 'is not what scripts/lib/dashboards.ts says', fix: 'npm run check -- dashboards --update' },
      ];
    writeFileSync(join(root, file), text);
    return [];
  });
}

if (import.meta.main) await main(checkDashboards);
